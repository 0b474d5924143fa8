// One step of a pool, as the observer follows it.
#include "tests/core/observer.hpp"

#include <algorithm>

namespace moorage::test {

using namespace std::chrono_literals;

void observer::told(time_point now, const pool_event& event) {
  if (now - std::max(due_, now_) > 1s)
    late_until_ = now;
  now_ = now;
  ++step_;
  waited_before_ = waiters();
  gave_up_now_ = fatal_now_ = disconnected_now_ = false;
  ends_.clear();
  answers_.clear();
  notices_.clear();
  leaks_.clear();
  late_ = {};
  asks_now_ = {};
  hear_sender(event);
  std::visit([this](const auto& what) { hear(what); }, event);
  unconfirmed_grants();
  leaked_leases();
  overdue_drain();
  overdue_renewals();
  silent_probes();
}

void observer::did(const pool_effects& effects, const pool_status& status, time_point next_due) {
  auto backs_off = std::any_of(effects.begin(), effects.end(), [](const auto& effect) {
    auto* said = std::get_if<announce>(&effect);
    return said != nullptr && said->what == event_kind::backing_off;
  });
  for (const auto& effect : effects) {
    count_failures(backs_off);
    std::visit([this](const auto& what) { see(what); }, effect);
  }
  count_failures(backs_off);
  due_ = next_due;
  check_expectations();
  check_waiters(next_due);
  check_connections(next_due);
  check_doubts(next_due);
  check_silences(next_due);
  check_permits(next_due);
  check_drain(next_due);
  check_renewals(next_due);
  check_persons();
  check_hindrances(next_due);
  check_overload(next_due);
  check_status(status);
}

} // namespace moorage::test
