// What the files that log-ins use are like: places, sizes and times, none of their contents. Compared with
// what they were like when a log-in read them, it says whether somebody has mended one since.
#pragma once

#include <string>

#include "messages/settings.hpp"

namespace moorage {

/// Of key files, the public ones and certificates beside them. Blocks.
std::string credentials_state(const cluster_settings& settings, const std::string& home);
/// Of known_hosts files. Blocks.
std::string host_keys_state(const cluster_settings& settings, const std::string& home);

} // namespace moorage
