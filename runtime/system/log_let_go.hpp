// What keeps a thread of the host's, or one of ours, from holding up the end of an actor system.
#pragma once

#include <caf/logger.hpp>

namespace moorage {

/// CAF has every thread that spawns an actor or has a `scoped_actor` keep the system's log alive, and a
/// system waits for its log's end: a host thread that has made a runtime and lives on would hold up, for
/// ever, whoever stops it. To be there for as long as a host thread does such things.
struct log_let_go {
  log_let_go() = default;
  log_let_go(const log_let_go&) = delete;
  log_let_go& operator=(const log_let_go&) = delete;
  ~log_let_go() { caf::logger::set_current_actor_system(nullptr); }
};

} // namespace moorage
