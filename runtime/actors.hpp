// The embedding API for actors: the same by messages. A host's actor asks for its session once, says to it
// what messages/interfaces.hpp lists, and hears what stands there:
//
//   auto session = moorage::session_of(rt, self);
//   self->send(session, moorage::acquire{"lumi", 1, 5s, "sync"});
//
// A `lease_grant` or an `acquire_refused` comes with the same number 1. Who wants no more than a command says
//
//   self->send(session, moorage::run_once{.from = {.cluster = "lumi", .call = 2}, .what = {.command = "squeue"}});
//
// and a `run_ended` comes with the number 2.
#pragma once

#include <caf/local_actor.hpp>

#include "messages/interfaces.hpp"
#include "runtime/runtime.hpp"

#pragma GCC visibility push(default)

namespace moorage {

// All throw `error` when the runtime was moved from (`invalid_request`) or has stopped (`stopping`).
/// A session for `whom`, which ends with it; none: with the runtime alone. Other actors may use it as well:
/// each is answered, and what each holds is given back when it ends. To be asked for once, and kept: each
/// call makes another. It ends with the runtime at the latest, and then answers all that waits (`stopping`).
/// Where the pools are a node's it is the session of this process there, whoever asks, and ends with the
/// link, whose loss answers nothing. So who waits for an answer monitors it: what it had not read when it
/// ended was never done and has none, and asks for the session of the next link when the event `node_back`
/// tells of it; while the node is away this throws `node_lost`. One actor subscribes through one session
/// only. A node of another version (`runtime::node_version`) ends the link of who says what it does not know.
session_actor session_of(const runtime& of, const caf::strong_actor_ptr& whom);
inline session_actor session_of(const runtime& of, caf::local_actor* whom) {
  return session_of(of, whom != nullptr ? caf::strong_actor_ptr{whom->ctrl()} : caf::strong_actor_ptr{});
}
/// The actor system that the runtime lives in. A thread that has had a `scoped_actor` of one that the runtime
/// brought holds up the runtime's stop until it ends, unless it is the one that stops it (CAF 0.17.6: it
/// keeps the system's log).
caf::actor_system& system_of(const runtime& of);

} // namespace moorage

#pragma GCC visibility pop
