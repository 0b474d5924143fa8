// What evidence does to a connection's health.
#include "actors/pool/policies/health.hpp"

#include <utility>

namespace moorage {

bool health::doubt() {
  return !std::exchange(doubted_, true);
}

void health::late() {
  late_ = true;
}

void health::failed(time_point now) {
  count(silences_, now);
}

void health::answered(bool ran, probe_method asked) {
  if (ran || asked == probe_method::channel)
    failed_commands_ = 0;
  silences_ = 0;
  doubted_ = late_ = false;
}

void health::forget_failures() {
  silences_ = failed_commands_ = 0;
  doubted_ = late_ = false;
}

bool health::silence_counts(time_point now, std::chrono::nanoseconds probe_timeout) const {
  return !probe_ && (failures() == 0 || after(failed_at_, probe_timeout) <= now);
}

void health::probe_started(probe_id probe, bool runs, time_point now,
                           std::chrono::nanoseconds probe_timeout) {
  probe_ = probe;
  probe_runs_ = runs;
  probe_by_ = after(after(now, probe_timeout), probe_grace);
}

void health::probe_passed(std::chrono::nanoseconds rtt, probe_method asked) {
  probe_dropped();
  last_rtt_ = rtt;
  answered(probe_runs_, asked);
}

void health::probe_failed(time_point now) {
  probe_dropped();
  count(probe_runs_ ? failed_commands_ : silences_, now);
}

bool health::probe_dropped() {
  return static_cast<bool>(std::exchange(probe_, probe_id{}));
}

bool health::proves(time_point now, time_point opened, std::chrono::nanoseconds proving_time) {
  return now >= after(opened, proving_time) && !std::exchange(proved_, true);
}

bool health::useless(time_point now, time_point opened, std::chrono::nanoseconds proving_time,
                     bool in_use) const {
  return !proved_ && !served_ && !(in_use && now >= after(opened, proving_time));
}

void health::count(std::uint32_t& failures, time_point now) {
  ++failures;
  doubted_ = late_ = false;
  failed_at_ = now;
}

} // namespace moorage
