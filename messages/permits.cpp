#include "messages/permits.hpp"

#include <array>

namespace moorage {

namespace {

constexpr std::array use_names{"unused", "unreached",        "let_in",     "cut_short",
                               "denied", "denied_too_often", "turned_away"};
static_assert(use_names.size() == static_cast<std::size_t>(permit_use::turned_away) + 1);

} // namespace

std::string to_string(permit_use use) {
  auto index = static_cast<std::size_t>(use);
  return index < use_names.size() ? use_names[index] : std::to_string(index);
}

permit_use use_of(const ssh_error& error) {
  if (error.stage == ssh_stage::connect && is_latching(error.kind)) // that was the jump host, which counts it
    return permit_use::unreached;
  switch (error.kind) {
  case ssh_failure::denied:
    return permit_use::denied;
  case ssh_failure::denied_too_often:
    return permit_use::denied_too_often;
  case ssh_failure::turned_away:
    return permit_use::turned_away;
  default:
    return error.stage > ssh_stage::connect ? permit_use::cut_short : permit_use::unreached;
  }
}

} // namespace moorage
