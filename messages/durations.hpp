// Durations as they are written: to be read, and to be read again.
#pragma once

#include <chrono>
#include <string>

namespace moorage {

/// Rounded, for people: "850 ns", "35 µs", "250 ms", "1.5 s", "90 s", "12 min", "3.5 h", "4 d"; "0 s" for
/// none and for less.
std::string to_text(std::chrono::nanoseconds length);

/// As the configuration file and the command line take it, the shortest spelling that loses nothing:
/// "1h30min", "250ms", "0s".
std::string format_duration(std::chrono::milliseconds value);

} // namespace moorage
