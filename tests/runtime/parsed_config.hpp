// A configuration that must be right.
#pragma once

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

} // namespace moorage::test
