#include "messages/durations.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

namespace moorage {

std::string to_text(std::chrono::nanoseconds length) {
  struct unit {
    const char* name;
    double nanoseconds;
    double from; ///< how many it takes to be used: "90 s" says more than "1.5 min"
  };
  constexpr std::array units{unit{"d", 86'400e9, 2}, unit{"h", 3'600e9, 2},   unit{"min", 60e9, 2},
                             unit{"s", 1e9, 0.9995}, unit{"ms", 1e6, 0.9995}, unit{"µs", 1e3, 0.9995},
                             unit{"ns", 1, 1}};
  auto number = static_cast<double>(length.count());
  for (auto [name, size, from] : units) {
    if (number < size * from)
      continue;
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.*f", number < 9.95 * size ? 1 : 0, number / size);
    std::string result = text.data();
    if (result.ends_with(".0"))
      result.resize(result.size() - 2);
    return result + " " + name;
  }
  return "0 s";
}

std::string format_duration(std::chrono::milliseconds value) {
  struct unit {
    const char* name;
    std::uint64_t milliseconds;
  };
  constexpr std::array units{unit{"d", 86'400'000}, unit{"h", 3'600'000}, unit{"min", 60'000},
                             unit{"s", 1'000}, unit{"ms", 1}};
  auto left = static_cast<std::uint64_t>(value.count());
  std::string result;
  if (value.count() < 0) { // no setting may be, and the text that says so has to name it
    left = 0 - left;
    result = "-";
  }
  for (auto [name, size] : units) {
    if (left >= size)
      result += std::to_string(left / size) + name;
    left %= size;
  }
  return result.empty() ? "0s" : result;
}

} // namespace moorage
