// How a client whose pools are a node's reaches them: by messages to its session there, which is all that it
// knows of the node. It asks as it asks the `session_state` of a client that has pools of its own.
#pragma once

#include <algorithm>
#include <caf/actor_control_block.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <chrono>
#include <cstdint>
#include <utility>

#include "messages/interfaces.hpp"
#include "runtime/node/vocabulary.hpp"

namespace moorage {

/// Our session at a node, and what that understands.
struct session_at_node {
  session_actor session; ///< none: the pools are not a node's
  vocabulary speaks = vocabulary::ours();
};

class node_door {
public:
  explicit node_door(caf::event_based_actor* self) : self_(self) {}

  /// Monitors it: its end is for the actor to deal with.
  void begin(const session_at_node& node) {
    session_ = node.session;
    speaks_ = node.speaks;
    who_ = caf::actor_cast<caf::strong_actor_ptr>(session_);
    self_->monitor(session_);
  }
  /// None: the pools are not a node's.
  const session_actor& session() const { return session_; }
  /// Why it cannot be asked with these messages, the answer's among them; code `none`: it can.
  failure lacks(const std::vector<std::string_view>& messages) const {
    return not_understood(vocabulary::ours(), speaks_, messages);
  }
  /// As `version_in_words`.
  std::string version_in_words() const { return moorage::version_in_words(vocabulary::ours(), speaks_); }
  /// The same as the sender of a message.
  const caf::strong_actor_ptr& who() const { return who_; }

  /// `waited`: what of the patience is used up. (What is left of a cluster's own, only its node could tell:
  /// it begins anew.)
  void acquire(moorage::acquire request, std::chrono::nanoseconds waited = {},
               const std::string& machine = {}) {
    if (request.patience >= std::chrono::nanoseconds{0})
      request.patience = std::max(request.patience - waited, std::chrono::nanoseconds{0});
    if (lacks(machine_words).code == errc::none)
      pass(acquire_machine{std::move(request), machine});
    else
      pass(std::move(request)); // who asks for a machine was told
  }
  /// What the node must understand to tell on which machine a lease is.
  static inline const std::vector<std::string_view> machine_words{"acquire_machine", "machine_grant"};
  /// A grant that crosses with it comes all the same.
  void cancel_acquire(std::uint64_t call) { pass(moorage::cancel_acquire{call}); }
  void release(const lease_key& lease) { pass(release_lease{lease.cluster, lease.lease}); }
  void run(run_command order) { pass(std::move(order)); }
  void open(open_stream order) { pass(std::move(order)); }
  template <class Order>
  void pass(Order order) {
    caf::unsafe_send_as(self_, session_, std::move(order));
  }
  void forget() {}

private:
  caf::event_based_actor* self_;
  session_actor session_;
  vocabulary speaks_ = vocabulary::ours();
  caf::strong_actor_ptr who_;
};

} // namespace moorage
