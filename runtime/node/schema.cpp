#include "runtime/node/schema.hpp"

#include "messages/type_ids.hpp"

namespace moorage {

namespace {

template <class T>
std::string line_of(const char* name) {
  if constexpr (caf::allowed_unsafe_message_type<T>::value) // never leaves its process
    return {};
  else
    return name + schema_of<T>() + "\n";
}

/// What travels as a number means something else once a row is put before it.
std::string lists() {
  std::string result;
#define MOORAGE_WORD(name, ...) result += " " #name;
  result += "event_kind";
  MOORAGE_EVENTS(MOORAGE_WORD)
  result += "\nremoval_reason";
  MOORAGE_REMOVALS(MOORAGE_WORD)
  result += "\nerrc";
  MOORAGE_ERRORS(MOORAGE_WORD)
  result += "\npool_counters";
  MOORAGE_COUNTERS(MOORAGE_WORD)
  result += "\n";
#undef MOORAGE_WORD
  return result;
}

} // namespace

#define MOORAGE_LINE(type) result += line_of<moorage::type>(#type);
std::string outsiders_schema() {
  std::string result;
  MOORAGE_OUTSIDERS_MESSAGES(MOORAGE_LINE)
  return result + lists();
}

std::string message_schema() {
  std::string result;
  MOORAGE_MESSAGES(MOORAGE_LINE)
  return result + lists();
}
#undef MOORAGE_LINE

} // namespace moorage
