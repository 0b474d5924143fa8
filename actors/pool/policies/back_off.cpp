// How long a pool waits after failures.
#include "actors/pool/policies/back_off.hpp"

#include <algorithm>
#include <utility>

namespace moorage {

namespace {

constexpr double spread = 0.2; // of every delay, either way, so that pools do not knock in step

std::chrono::nanoseconds delay_after(std::uint32_t failures) {
  std::chrono::duration<double> delay{back_off::delay_first};
  for (; failures > 0 && delay < back_off::delay_max; --failures)
    delay *= back_off::growth;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::min<std::chrono::duration<double>>(delay, back_off::delay_max));
}

} // namespace

std::optional<time_point> back_off::retry_at(time_point now, ssh_failure kind, std::uint32_t attempt,
                                             std::uint32_t connect_tries, seeded_random& random) const {
  if (latched() || !is_transient(kind) || attempt >= tries(connect_tries))
    return {};
  return after(now, random.around(retry_delay * (1u << std::min(attempt - 1, retry_doublings)), spread));
}

bool back_off::failed(time_point now, time_point began, failure reason, reach how_far,
                      seeded_random& random) {
  reason_ = std::move(reason);
  if (how_far == reach::inside)
    useless_at_ = now;
  auto together = began < until_waited_for_;
  if (together && how_far != reach::nobody)
    until_waited_for_ = until_;
  if (together)
    return false;
  auto delay = delay_after(in_a_row_);
  ++in_a_row_;
  failed_at_ = now;
  trial_ = true;
  until_ = until_waited_for_ = after(now, random.around(delay, spread));
  if (how_far == reach::nobody && delay > delay_max_unreached)
    until_waited_for_ = std::min(until_, after(now, random.around(delay_max_unreached, spread)));
  return true;
}

void back_off::opened(time_point began) {
  if (began >= useless_at_)
    forgive();
}

void back_off::forgive() {
  until_ = until_waited_for_ = time_point::min();
  trial_ = false;
  reason_ = {};
}

void back_off::proved(time_point opened) {
  if (opened >= failed_at_)
    in_a_row_ = 0;
}

void back_off::set_latch(failure reason) {
  if (!latched())
    latch_ = std::move(reason);
}

void back_off::lift() {
  forgive();
  in_a_row_ = 0;
  latch_ = {};
}

} // namespace moorage
