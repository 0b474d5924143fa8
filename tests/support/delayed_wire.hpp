// A wire between two networks that keeps each packet for a while.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "runtime/system/descriptors.hpp"

namespace moorage::support {

/// Two devices of the same name, one in each network, and a thread that carries packets between them, each so
/// much later than it came. Throws std::runtime_error where the system makes no such devices.
class delayed_wire {
public:
  /// The networks' descriptors stay the caller's.
  delayed_wire(int one, int other, const std::string& device, std::chrono::milliseconds delay);
  delayed_wire(const delayed_wire&) = delete;
  delayed_wire& operator=(const delayed_wire&) = delete;

private:
  using clock = std::chrono::steady_clock;
  struct packet {
    clock::time_point due;
    int to = -1;
    std::vector<char> bytes;
  };
  void carry(const std::stop_token& stop);
  void take(int from, int to);

  std::chrono::milliseconds delay_;
  unique_fd one_, other_, over_;
  std::deque<packet> under_way_;
  std::jthread carrier_; // last: it ends first
};

} // namespace moorage::support
