// Looks whether the files that log-ins use have changed, so that a pool whose log-in was denied tries again
// once somebody has mended them.
#pragma once

#include <memory>
#include <string>

#include "actors/transport.hpp"
#include "runtime/ssh/transport.hpp"

namespace moorage {

/// The look is made on a thread for blocking calls. Where the cluster's own hang, nothing is seen.
std::unique_ptr<credentials_look> look_at_credentials_of(const cluster_settings& settings, bool host_keys,
                                                         waker wake, const transport_world& world);

} // namespace moorage
