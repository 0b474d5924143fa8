// What an authenticated server can send without end that nobody asked it for.
#pragma once

#include <string>
#include <vector>

#include "tests/support/scripted_sshd.hpp"

namespace moorage::support {

struct flood {
  const char* name;
  std::string payload; ///< of one packet
};

/// All kinds, to an open connection whose client calls its one channel so.
std::vector<flood> floods(std::uint32_t channel);

/// SSH_MSG_CHANNEL_REQUEST to the client's channel.
std::string channel_request(std::uint32_t channel, const std::string& what, bool reply,
                            const std::string& rest = {});

/// Confirms a channel and grants its command, which does not end. The client's number of the channel.
std::uint32_t serve_one_command(scripted_peer& peer);

} // namespace moorage::support
