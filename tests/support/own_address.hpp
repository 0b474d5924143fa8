#pragma once

#include <string>

namespace moorage::support {

/// One of this machine's addresses of IPv4 that is not loopback's; empty: it has none.
std::string own_address();

} // namespace moorage::support
