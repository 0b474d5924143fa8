// The TOML parser's own code.
#define TOML_IMPLEMENTATION
#include "runtime/config/toml.hpp"

namespace moorage {

toml::table parse_toml(std::string_view text, std::string_view file) {
  assumption_broke = false;
  try {
    auto result = toml::parse(text, file);
    if (assumption_broke)
      throw broken_assumption{};
    return result;
  } catch (const toml::parse_error&) {
    if (assumption_broke)
      throw broken_assumption{};
    throw;
  }
}

} // namespace moorage
