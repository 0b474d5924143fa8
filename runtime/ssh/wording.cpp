#include "runtime/ssh/wording.hpp"

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

} // namespace moorage
