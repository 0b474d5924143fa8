#include "messages/events.hpp"

namespace moorage {

std::string to_string(event_kind what) {
  auto index = static_cast<std::size_t>(what);
  return index < event_rows.size() ? event_rows[index].name : std::to_string(index);
}

std::string to_string(severity how_much) {
  constexpr std::array names{"debug", "info", "warning", "error", "critical"};
  auto index = static_cast<std::size_t>(how_much);
  return index < names.size() ? names[index] : std::to_string(index);
}

} // namespace moorage
