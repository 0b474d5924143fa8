#include "messages/explanation.hpp"

namespace moorage {

namespace {

template <class Rows, class Cause>
std::string name_in(const Rows& rows, Cause cause) {
  auto index = static_cast<std::size_t>(cause);
  return index < rows.size() ? rows[index].name : "cause " + std::to_string(index);
}

} // namespace

std::string to_string(opening_cause why) {
  return name_in(opening_cause_rows, why);
}

std::string to_string(waiting_cause why) {
  return name_in(waiting_cause_rows, why);
}

std::string to_string(standing how) {
  return name_in(standing_rows, how);
}

} // namespace moorage
