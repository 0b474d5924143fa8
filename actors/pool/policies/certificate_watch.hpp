// The end of the certificate that log-ins use, which is planned with: people are told of it before the first
// log-in is turned away.
//
// A value of few numbers: it is told what let a log-in in, and is asked. One for each pool, which knows
// nothing of a certificate that no log-in has used.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "actors/durations.hpp"

namespace moorage {

class certificate_watch {
public:
  /// A log-in was let in with it, or without any. The same one is told of once, however often it is used.
  void used(time_point now, const certificate_used& what);
  /// Steady time stood still meanwhile, and the certificate's went on.
  void slept(std::chrono::nanoseconds how_long);
  /// When people are to be told; `time_point::max()`: they were, or there is nothing to tell. `lead` before
  /// its end, but not before half of its life is over: one that lives for less would be told of from its
  /// beginning. 0: never.
  time_point warn_at(std::chrono::nanoseconds lead) const;
  void warned();
  /// Whether there is one, and it ends.
  bool ends() const { return ends_ != time_point::max(); }
  std::chrono::nanoseconds left(time_point now) const { return between(now, ends_); }
  /// "the certificate /home/me/.ssh/id-cert.pub for me ends on 2026-11-29 12:00:00 UTC"
  std::string in_words(time_point now) const;

  friend bool operator==(const certificate_watch&, const certificate_watch&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, certificate_watch& x) {
    return f(x.name_, x.principals_, x.until_, x.life_, x.ends_, x.told_of_);
  }

private:
  std::string identity() const { return name_ + "\n" + until_; }
  bool told() const;

  std::string name_;
  std::string principals_;
  std::string until_;
  std::chrono::nanoseconds life_{0};
  time_point ends_ = time_point::max();
  std::vector<std::string> told_of_; ///< those that people were told of, by name and end; the last few
};

} // namespace moorage
