// How durations are told to people.
#include <catch2/catch.hpp>

#include <string>
#include <utility>

#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

TEST_CASE("a duration is told in the unit that suits it, rounded, and never as more than it can be") {
  const std::pair<std::chrono::nanoseconds, std::string> told[] = {
      {-5s, "0 s"},
      {0ns, "0 s"},
      {850ns, "850 ns"},
      {999'500ns, "1 ms"},
      {1'234us, "1.2 ms"},
      {250ms, "250 ms"},
      {999ms, "999 ms"},
      {999'600us, "1 s"},
      {1'500ms, "1.5 s"},
      {5s, "5 s"},
      {9'940ms, "9.9 s"},
      {9'960ms, "10 s"},
      {90s, "90 s"},
      {119s, "119 s"},
      {2min, "2 min"},
      {12min, "12 min"},
      {90min, "90 min"},
      {150min, "2.5 h"},
      {47h, "47 h"},
      {96h, "4 d"},
      {35'040us, "35 ms"},
      {99'960us, "100 ms"},
      {std::chrono::nanoseconds::min(), "0 s"},
      {std::chrono::nanoseconds::max(), "106752 d"}};
  for (const auto& [length, text] : told)
    CHECK(to_text(length) == text);
}
