// How many messages a second a client may send: a value type, which says for how long the next is not read.
// Who sends more is slowed down and loses nothing: CAF's network thread reads for all links, and each message
// is work for a session besides.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace moorage {

/// As many as six thousand commands make, and a third of what one network thread reads.
constexpr std::uint32_t link_messages_a_second = 20'000;

class message_allowance {
public:
  using clock = std::chrono::steady_clock;

  /// After a pause `a_second` may come at once; 0: any number, always.
  explicit message_allowance(std::uint32_t a_second) : rate_(a_second), left_(a_second) {}

  /// So many have come: for how long no more are to be read. Short pauses are saved up, since each costs more
  /// than what it holds back.
  std::chrono::nanoseconds took(std::uint64_t messages, clock::time_point now) {
    if (rate_ == 0)
      return {};
    left_ = std::min(rate_, left_ + rate_ * std::chrono::duration<double>(now - last_).count());
    last_ = now;
    left_ -= static_cast<double>(messages);
    constexpr std::chrono::duration<double> shortest{0.01};
    auto owed = std::chrono::duration<double>{std::max(-left_, 0.0) / rate_};
    return owed < shortest ? std::chrono::nanoseconds{}
                           : std::chrono::duration_cast<std::chrono::nanoseconds>(owed);
  }

private:
  double rate_;
  double left_;
  clock::time_point last_;
};

} // namespace moorage
