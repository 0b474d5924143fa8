// A port that somebody listens on, and that does nothing by itself.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/system/descriptors.hpp"

namespace moorage::support {

/// For peers whose every step the test takes itself.
class listener {
public:
  /// `backlog` as listen(2) has it; throws where there is no place to listen.
  explicit listener(std::string host = "127.0.0.1", int backlog = 1);

  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  /// Somebody has connected and is not accepted.
  bool asked() const;
  unique_fd accept() const;
  /// Begins to connect to it, without waiting.
  unique_fd connect() const;

private:
  std::string host_;
  std::uint16_t port_ = 0;
  unique_fd fd_;
};

} // namespace moorage::support
