#include "messages/status.hpp"

#include <array>

namespace moorage {

std::string to_string(connection_state state) {
  constexpr std::array names{"opening", "idle", "leased", "closing"};
  auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : std::to_string(index);
}

std::string to_string(removal_reason reason) {
  constexpr std::array names{"probe_failures", "lost",      "lifetime", "idle",         "evicted",
                             "shrunk",         "abandoned", "settings", "disconnected", "not_opened"};
  static_assert(names.size() == static_cast<std::size_t>(removal_reason::count_));
  auto index = static_cast<std::size_t>(reason);
  return index < names.size() ? names[index] : std::to_string(index);
}

} // namespace moorage
