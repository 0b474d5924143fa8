// What a client can make a node keep, and do, by what it does not read and by how much it says.
#include "messages/type_ids.hpp"
#include "runtime/node/servants.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman.hpp>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

namespace moorage {

namespace {

/// For how long a client that says too much is not read from at a time.
constexpr std::chrono::nanoseconds pause_max = std::chrono::milliseconds{100};

} // namespace

void node_scribe::flush() {
  auto before = stream_.unread();
  stream_.flush_all(this);
  if (from_ != link_filter::peer::client || !greeting_->refusal.empty())
    return;
  if (before > unread_max) {
    refuse("has not read " + std::to_string(before >> 20) + " MiB of what it was told");
  } else if (!reads_too_little_ && stream_.unread() > unread_pause) {
    reads_too_little_ = true;
    stream_.passivate();
  }
}

/// The peer has taken some. That is a sign of life: its heartbeats may be among what is not read meanwhile.
void node_scribe::unread_less() {
  if (!reads_too_little_ || detached())
    return;
  auto broker = static_cast<caf::io::basp_broker*>(parent());
  if (auto context = broker->ctx.find(hdl()); context != broker->ctx.end())
    context->second.last_seen = broker->clock().now();
  if (stream_.unread() > unread_pause / 2)
    return;
  reads_too_little_ = false;
  listen_again();
}

/// Of those who say more than they may a node reads no more for a while.
void node_scribe::look_at_pace() {
  auto messages = filter_.frames() - std::exchange(counted_, filter_.frames());
  auto pause = allowance_.took(messages, message_allowance::clock::now());
  if (pause.count() == 0 || says_too_much_)
    return;
  says_too_much_ = true;
  stream_.passivate();
  // The multiplexer has no clock. Pauses are short, so that none of these holds up the end of the system.
  auto again = [self = caf::intrusive_ptr<node_scribe>{this}] { self->pace_is_well(); };
  stream_.backend().system().spawn(
      [pause = std::min(pause, pause_max), again](caf::event_based_actor* waiter) -> caf::behavior {
        waiter->delayed_send(waiter, pause, wake_up{0});
        return {[waiter, again](const wake_up&) {
          waiter->system().middleman().backend().post(again);
          waiter->quit();
        }};
      });
}

void node_scribe::pace_is_well() {
  says_too_much_ = false;
  if (detached())
    return;
  look_at_pace(); // there may be more to make good
  listen_again();
}

void node_scribe::listen_again() {
  if (!says_too_much_ && !reads_too_little_)
    stream_.activate(this);
}

} // namespace moorage
