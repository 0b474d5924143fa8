// What a process has for a node that is a runtime in it, of which clients that have gone may leave nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <ostream>
#include <string>

#include <malloc.h>

#include "runtime/actors.hpp"
#include "runtime/node/network.hpp"

namespace moorage::test {

inline std::size_t entries_of(const std::string& folder) {
  auto all = std::filesystem::directory_iterator{folder};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

struct node_holdings {
  std::size_t descriptors = 0;
  std::size_t threads = 0;
  std::size_t actors = 0;
  std::size_t asking = 0; ///< actors of CAF's own, of which it makes one for each process that greets

  static node_holdings of(const runtime& node) {
    node_holdings result{entries_of("/proc/self/fd"), entries_of("/proc/self/task"),
                         system_of(node).registry().running(), 0};
    auto net = network_of(system_of(node)).value();
    auto count = std::make_shared<std::promise<std::size_t>>();
    net.multiplexer->post([count, whom = net.broker] {
      auto* broker = caf::actor_cast<caf::abstract_actor*>(whom);
      count->set_value(static_cast<caf::io::basp_broker*>(broker)->spawn_servers.size());
    });
    result.asking = count->get_future().get();
    return result;
  }
  /// Threads that were made for what blocks may have ended since.
  bool within(const node_holdings& before) const {
    return descriptors <= before.descriptors && threads <= before.threads && actors <= before.actors &&
           asking <= before.asking;
  }
  friend std::ostream& operator<<(std::ostream& out, const node_holdings& of) {
    return out << of.descriptors << " descriptors, " << of.threads << " threads, " << of.actors
               << " actors and " << of.asking << " of CAF's";
  }
};

/// Bytes that this process has asked for and not given back; nothing under a sanitizer, which has a heap of
/// its own.
inline std::int64_t bytes_on_the_heap() {
  auto heap = ::mallinfo2();
  return static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
}

} // namespace moorage::test
