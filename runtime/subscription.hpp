// Events that go to a host's callback.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace moorage {

class callback_strand;
class client_gate;
class followed_events;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// Events go to its callback, in order and one at a time, until it is destroyed or its runtime stops, which
/// wait for a call that is under way (but for the call that does it); so a callback must not wait for whoever
/// destroys it. A callback that throws is told of the next event. When a node went away and is back it goes
/// on (`runtime::connect`), and so it does at another node to which its cluster is moved. A slow one misses
/// events, and is told how many: 256 wait for it at most.
class subscription {
public:
  subscription() = default;
  subscription(subscription&&) noexcept = default;
  subscription& operator=(subscription&& other) noexcept;
  ~subscription();

  /// Events go to it.
  explicit operator bool() const { return gate_ != nullptr; }
  /// No call begins from now on, and none is under way when it returns, but for the one that calls it. What
  /// the destructor does, at a moment of one's choice. On a thread of CAF's scheduler it does not wait.
  /// Harmless twice.
  void unsubscribe();

private:
  friend class async_runtime;
  std::shared_ptr<client_gate> gate_;
  std::uint64_t number_ = 0;
  /// None: it is part of another one, whose events go the same way.
  std::shared_ptr<callback_strand> callback_;
  std::vector<subscription> others_;          ///< the same at other nodes
  std::shared_ptr<followed_events> followed_; ///< at the node that has the cluster
};

} // namespace moorage

#pragma GCC visibility pop
