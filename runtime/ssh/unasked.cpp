#include "runtime/ssh/unasked.hpp"

#include <algorithm>
#include <utility>

namespace moorage {

namespace {

/// What was expected and did not come is not kept for ever.
constexpr std::uint64_t expected_max = 4'096;
constexpr std::chrono::seconds suspicion{1};

std::chrono::nanoseconds scaled(std::chrono::nanoseconds time, double by) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double, std::nano>{time} *
                                                              by);
}

} // namespace

void unasked_account::expect(std::uint64_t packets) {
  expected_ = std::min(expected_ + packets, expected_max);
}

void unasked_account::came(std::uint64_t packets, std::chrono::nanoseconds spent, time_point now) {
  on_pieces_ += spent;
  if (packets > expected_ || packets == 0)
    suspects_until_ = now + suspicion;
  if (packets == 0 && on_pieces_ < whole_packet)
    return;
  spent = std::exchange(on_pieces_, std::chrono::nanoseconds{0});
  if (counted_at_ != time_point{} &&
      now > counted_at_) // an hour's share is no more than what the store holds
    balance_ = std::min(
        store, balance_ + scaled(std::min<std::chrono::nanoseconds>(now - counted_at_, std::chrono::hours{1}),
                                 share));
  counted_at_ = now;
  const auto asked = std::min(packets, expected_);
  const auto unasked = packets - asked;
  expected_ -= asked;
  if (overdrawn_since_ != time_point::max() && balance_ > store / 2) {
    overdrawn_since_ = time_point::max();
    asked_ = unasked_ = 0;
  }
  asked_ += asked;
  unasked_ += unasked;
  balance_ -=
      packets == 0 ? spent : scaled(spent, static_cast<double>(unasked) / static_cast<double>(packets));
  if (balance_ >= std::chrono::nanoseconds{0})
    return;
  overdrawn_since_ = std::min(overdrawn_since_, now);
  reads_again_ = now + scaled(-balance_, 1 / share);
}

bool unasked_account::lost_patience(time_point now) const {
  return overdrawn_since_ != time_point::max() && now - overdrawn_since_ >= patience && unasked_ > asked_;
}

} // namespace moorage
