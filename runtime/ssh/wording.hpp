// Words that several failures share.
#pragma once

#include <chrono>
#include <string>

namespace moorage {

/// "30 s", "1.5 s", "250 ms"
std::string in_words(std::chrono::nanoseconds time);

} // namespace moorage
