// Words that several failures share.
#pragma once

#include <chrono>
#include <string>

namespace moorage {

/// "30 s", "1.5 s", "250 ms"
std::string in_words(std::chrono::nanoseconds time);

/// Bytes from the peer, made fit for a log or a terminal: printable ASCII stays, the rest becomes `\xNN`; cut
/// at `length_max` bytes.
std::string printable(const std::string& bytes, std::size_t length_max = 200);

} // namespace moorage
