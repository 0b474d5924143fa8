// How long a pool waits after failures.
#include "actors/pool/policies/back_off.hpp"

#include <algorithm>
#include <utility>

namespace moorage {

namespace {

constexpr double spread = 0.2; // of every delay, either way, so that pools do not knock in step

} // namespace

std::optional<time_point> back_off::retry_at(time_point now, ssh_failure kind, std::uint32_t attempt,
                                             seeded_random& random) const {
  if (latched() || !is_transient(kind) || attempt >= opening_tries)
    return {};
  return after(now, random.around(retry_delay * (1u << (attempt - 1)), spread));
}

bool back_off::failed(time_point now, time_point began, failure reason, seeded_random& random) {
  reason_ = std::move(reason);
  if (began < until_)
    return false;
  auto doublings = std::min(in_a_row_, 10u);
  auto delay = std::min<std::chrono::seconds>(delay_first * (1u << doublings), delay_max);
  ++in_a_row_;
  failed_at_ = now;
  until_ = after(now, random.around(delay, spread));
  return true;
}

void back_off::opened() {
  until_ = time_point::min();
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
  opened();
  in_a_row_ = 0;
  latch_ = {};
}

} // namespace moorage
