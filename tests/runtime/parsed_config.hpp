// A configuration that must be right, or what is wrong with one.
#pragma once

#include <string>
#include <string_view>

#include <catch2/catch.hpp>

#include "runtime/config.hpp"

namespace moorage::test {

inline configuration parsed(std::string_view text) {
  auto result = parse_config(text, "m.toml");
  for (const auto& each : result.problems)
    UNSCOPED_INFO(to_string(each));
  REQUIRE(result);
  return result.value;
}

/// One line each.
inline std::string problems_of(std::string_view text) {
  std::string result;
  for (const auto& each : parse_config(text, "m.toml").problems)
    result += to_string(each) + "\n";
  return result;
}

} // namespace moorage::test
