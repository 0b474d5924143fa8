#include "messages/status.hpp"

#include <array>

namespace moorage {

std::string to_string(connection_state state) {
  constexpr std::array names{"opening", "idle", "leased", "closing"};
  auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : std::to_string(index);
}

std::string to_string(pool_state state) {
  constexpr std::array names{"running", "paused", "suspended", "draining", "drained"};
  auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : std::to_string(index);
}

std::string to_string(removal_reason reason) {
  auto index = static_cast<std::size_t>(reason);
  if (reason == removal_reason::none)
    return "none";
  return index < removal_rows.size() ? removal_rows[index].name : std::to_string(index);
}

std::string to_string(evidence_kind kind) {
  constexpr std::array names{"probe", "command", "stream", "keep_alive", "channel"};
  auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : std::to_string(index);
}

} // namespace moorage
