// A port that whoever is started, killed and started again finds free each time.
#pragma once

#include <string>

#include "runtime/system/descriptors.hpp"

namespace moorage::support {

/// Of loopback. Bound by us, the system gives it to no connection; whoever says SO_REUSEADDR, as nodes do,
/// may listen there.
class reserved_port {
public:
  reserved_port();
  const std::string& address() const { return address_; } ///< "127.0.0.1:PORT"

private:
  unique_fd socket_;
  std::string address_;
};

} // namespace moorage::support
