// What every text must be that the program writes, whatever a server or a user said.
#pragma once

#include <catch2/catch.hpp>

#include <string>

#include "tests/cli/program.hpp"
#include "tests/support/hostile.hpp"

namespace moorage::cli_tests {

/// No line of it begins like a record that nobody wrote, and nothing in it is meant for a terminal.
inline void check_harmless(const std::string& text) {
  INFO(text);
  CHECK(support::misleading(text) == "");
  CHECK(text.find("\n2026-01-01") == std::string::npos);
}

inline void check_harmless(const finished& ended) {
  check_harmless(ended.output);
  check_harmless(ended.error_output);
}

} // namespace moorage::cli_tests
