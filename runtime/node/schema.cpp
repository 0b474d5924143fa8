#include "runtime/node/schema.hpp"

#include "messages/type_ids.hpp"

namespace moorage {

namespace {

template <class T>
std::string line_of(const char* name) {
  if constexpr (std::same_as<T, local_call>) // never leaves its process
    return {};
  else
    return name + schema_of<T>() + "\n";
}

} // namespace

std::string message_schema() {
  std::string result;
#define MOORAGE_LINE(type) result += line_of<moorage::type>(#type);
  MOORAGE_MESSAGES(MOORAGE_LINE)
#undef MOORAGE_LINE
  return result;
}

} // namespace moorage
