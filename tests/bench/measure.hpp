#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace moorage::bench {

using steady = std::chrono::steady_clock;
using nanoseconds = std::chrono::nanoseconds;

/// Numbers of one kind, asked for their quantiles.
class samples {
public:
  void add(double value) { values_.push_back(value); }
  void add(nanoseconds value) { add(static_cast<double>(value.count())); }
  /// Nearest rank; 0 without any.
  double quantile(double share) const;
  double median() const { return quantile(0.5); }
  std::size_t count() const { return values_.size(); }

private:
  std::vector<double> values_;
};

enum class bar_kind { none, at_most, at_least };

/// One line of the result: ours against its baseline, as a ratio, and whether the bar is met.
struct figure {
  std::string name;     ///< short and unique: "acquire", "hung-acquire/100"
  std::string what;     ///< for people
  std::string baseline; ///< what it is measured against
  std::string unit;     ///< of `ours` and `reference`
  double ours = 0;      ///< medians of the pairs
  double reference = 0;
  samples ratios; ///< one a pair
  bar_kind bar = bar_kind::none;
  double limit = 0; ///< of the median ratio
  std::string note; ///< what the numbers do not say

  double ratio() const { return ratios.median(); }
  bool met() const;
  /// "met", "missed", or "reported" without a bar.
  std::string verdict() const;
};

/// How much is measured.
struct effort {
  bool quick = false;
  int pairs() const { return quick ? 3 : 21; }
  /// `full`, or a tenth of it.
  int some(int full) const { return quick ? std::max(full / 10, 1) : full; }
};

/// One measurement of each of the two, in turn, so that a machine that changes its mind hits both.
struct pair_of_numbers {
  double ours = 0;
  double reference = 0;
};
/// Fills in `ours`, `reference` and `ratios` from that many pairs; each pair is one call, and every second
/// one is told to take the reference first.
void measure_pairs(figure& into, int pairs, const std::function<pair_of_numbers(bool reference_first)>& one);

/// Takes the two in the order asked for.
template <class Ours, class Reference>
pair_of_numbers in_order(bool reference_first, Ours ours, Reference reference) {
  pair_of_numbers pair;
  if (reference_first)
    pair.reference = reference();
  pair.ours = ours();
  if (!reference_first)
    pair.reference = reference();
  return pair;
}

/// Calls it so often and gives back how long each took.
samples time_each(int times, const std::function<void()>& what);
double milliseconds_of(nanoseconds time);
double microseconds_of(double nanoseconds);

/// What this process, or this thread, has used of the processor.
nanoseconds process_cpu();
nanoseconds thread_cpu();
/// Resident memory of this process in KiB.
double resident_kib();

/// Lets time pass with this thread doing nothing: some figures are about what the others do then.
void let_pass(std::chrono::milliseconds time);

void say(const std::string& progress); ///< to stderr

std::string table_of(const std::vector<figure>& figures);
nlohmann::json json_of(const std::vector<figure>& figures, const effort& effort);

} // namespace moorage::bench
