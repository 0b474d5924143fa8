// A probe: the actor that lives for one health check of one connection, idle or doubted. It asks the
// connection, waits at most the cluster's `probe_timeout`, reports to the pool as an ordinary message, and
// ends. Its failure, crash or silence touches no other.
#pragma once

#include <caf/event_based_actor.hpp>
#include <chrono>

#include "messages/internal_interfaces.hpp"

namespace moorage {

struct probe_order {
  probe_id probe;
  connection_id connection;
  probe_request request;
  std::chrono::milliseconds timeout{0};
};

caf::behavior probe(caf::event_based_actor* self, pool_actor pool, connection_actor connection,
                    probe_order order);

} // namespace moorage
