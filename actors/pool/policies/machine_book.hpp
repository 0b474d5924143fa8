// What a pool knows of the machines that its cluster's name stands for: how many of its connections each has,
// how each did lately, and so where the next one is to be opened.
//
// A machine that failed is avoided for 5 s, then twice as long each time, up to 10 min: until then it is the
// last resort of an opening, so that one that is down costs the log-ins at the others nothing. After that one
// opening begins with it, if it is its turn; who asks for this machine and no other does so within 12.5 s.
// One whose host key is not trusted is never gone to by itself, until the files of known host keys have
// changed, which is looked at when somebody asks for it. A value of few numbers: it is told what happened and
// when, and is asked. One for each pool.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/durations.hpp"
#include "actors/pool/policies/latch_watch.hpp"
#include "messages/machines.hpp"

namespace moorage {

class machine_book {
public:
  static constexpr std::chrono::seconds delay_first{5};
  static constexpr std::chrono::minutes delay_max{10};
  static constexpr std::chrono::milliseconds delay_asked_for{12'500};

  // --- told
  /// Those of the settings. `all`: the cluster has no others; else the name server may know more.
  void is_made_of(const std::vector<std::string>& machines, bool all);
  /// A connection heads for it, or is there; and does so no more. No name: nobody knows where.
  void joined(const std::string& machine);
  void left(time_point now, const std::string& machine);
  /// What an opening found out, whatever came of it. `host_keys`: what their files were like.
  void found(time_point now, const std::vector<machine_seen>& machines, const std::string& host_keys);
  /// A connection is open there.
  void opened(time_point now, const std::string& machine, const std::string& host_key);
  /// An opening begins with this machine: others have another first meanwhile, if it failed before.
  void tried(time_point now, const std::string& machine);
  /// What failed may be mended: counts stay.
  void forgive();
  /// Somebody asks for one whose host key is not trusted. Whether it is time to look at the files of known
  /// host keys, as for a latched pool.
  bool ask(time_point now) { return look_.ask(now); }
  /// What such a look brought; empty: nothing. Whether any may be gone to again.
  bool looked(time_point now, const std::string& host_keys);

  // --- asked
  /// Where to open: by itself the machine with the most connections, or to `spread` them that with the
  /// fewest.
  machine_choice choose(time_point now, bool spread) const;
  /// Whether there may be such a machine. Those that a name server tells of are addresses in digits.
  bool may_have(const std::string& machine) const;
  /// Whether there is, as the settings or a look-up have it.
  bool knows(const std::string& machine) const;
  /// Of those who ask for it: when a connection may be opened there. `time_point::max()`: its host key is not
  /// trusted.
  time_point may_open_at(const std::string& machine) const;
  bool distrusts(const std::string& machine) const;
  /// What who asks for such a one is told.
  errc distrusted_as(const std::string& machine) const;
  /// Those who asked wait for a look, until then.
  time_point looks_until() const { return look_.until(); }
  /// Why it was not reached lately; empty: it was.
  std::string trouble_of(const std::string& machine) const;
  /// More than one is known.
  bool several() const { return entries_.size() > 1; }
  /// "login1, login2"
  std::string in_words() const;
  std::vector<machine_status> status(time_point now) const;
  std::uint32_t connections_on(const std::string& machine) const;
  /// Of all machines together.
  std::size_t connections() const;

  friend bool operator==(const machine_book&, const machine_book&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, machine_book& x) {
    return f(x.entries_, x.whole_, x.look_);
  }

private:
  struct entry {
    std::string name;
    bool given = false;  ///< by the settings
    bool listed = false; ///< by a look-up; one at a time by some name servers
    std::uint32_t connections = 0;
    std::uint32_t failures = 0;
    time_point failed_at = time_point::min();
    time_point retry_at = time_point::min();
    time_point used_at = time_point::min();
    bool distrusted = false;
    errc distrusted_as = errc::host_key_changed;
    std::string distrusted_by; ///< what the files of host keys were like
    std::string trouble, host_key;

    friend bool operator==(const entry&, const entry&) = default;
    template <class Inspector>
    friend typename Inspector::result_type inspect(Inspector& f, entry& x) {
      return f(x.name, x.given, x.listed, x.connections, x.failures, x.failed_at, x.retry_at, x.used_at,
               x.distrusted, x.distrusted_as, x.distrusted_by, x.trouble, x.host_key);
    }
  };
  entry* find(const std::string& machine);
  const entry* find(const std::string& machine) const;
  entry& need(const std::string& machine);
  void forget_surplus();
  bool changed(time_point now, const std::string& host_keys);

  std::vector<entry> entries_; ///< in the order in which they were named
  bool whole_ = false;         ///< there are no others
  latch_watch look_;
};

} // namespace moorage
