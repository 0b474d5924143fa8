// One connection that another carries, as the one that carries it sees it: the jump's side.
//
// Who wants to be carried keeps the other side of a socket pair, and speaks SSH on it from the first moment
// on: that it waits for the jump host's pool, for its channel and for the machine beyond it are the same to
// it. So nothing is answered to it but by this: bytes, or the end of them with the reason beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "messages/errors.hpp"

namespace moorage {

/// Whoever has it last, and lets it go, ends it: whoever is carried sees the end of what comes at once. Used
/// by one thread at a time, as it is passed on.
class carriage {
public:
  virtual ~carriage() = default;
  carriage() = default;
  carriage(const carriage&) = delete;
  carriage& operator=(const carriage&) = delete;

  /// Ends it with this reason, which the other side reads. The first one stands.
  virtual void end(const failure& why) = 0;
};

/// Where a connection is to be carried to, as the jump host knows it.
struct carriage_target {
  std::string host;
  std::uint16_t port = 22;
};

} // namespace moorage
