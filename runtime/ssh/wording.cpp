#include "runtime/ssh/wording.hpp"

#include <cstdio>

namespace moorage {

std::string in_words(std::chrono::nanoseconds time) {
  auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  if (milliseconds < 1'000)
    return std::to_string(milliseconds) + " ms";
  std::string text = std::to_string(milliseconds / 1'000);
  if (auto tenths = milliseconds % 1'000 / 100)
    text += "." + std::to_string(tenths);
  return text + " s";
}

std::string printable(const std::string& bytes, std::size_t length_max) {
  std::string text;
  for (unsigned char byte : bytes.substr(0, length_max)) {
    if (byte >= 0x20 && byte < 0x7f) {
      text += static_cast<char>(byte);
    } else {
      char code[5];
      std::snprintf(code, sizeof code, "\\x%02x", byte);
      text += code;
    }
  }
  return bytes.size() > length_max ? text + "…" : text;
}

} // namespace moorage
