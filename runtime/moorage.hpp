// Everything that a host needs that works with threads: the runtime, leases, streams, configuration and
// secrets. A host's actors need <moorage/actors.hpp> as well, which alone wants CAF's headers.
#pragma once

#include "runtime/config.hpp"
#include "runtime/lease.hpp"
#include "runtime/result.hpp"
#include "runtime/runtime.hpp"
#include "runtime/runtime_options.hpp"
#include "runtime/secrets.hpp"
