// What a command is told whose time-out was over.
#pragma once

#include <chrono>
#include <string>

#include "messages/durations.hpp"
#include "messages/errors.hpp"

namespace moorage {

inline std::string longer_than_timeout(std::chrono::milliseconds timeout) {
  return "it took longer than its timeout of " + format_duration(timeout);
}

/// A connection that was given a command later knows only what was left of its time-out: who asked hears of
/// the whole.
inline void tell_whole_timeout(failure& why, std::chrono::milliseconds left,
                               std::chrono::milliseconds whole) {
  if (why.code != errc::command_timeout)
    return;
  auto told = longer_than_timeout(left);
  if (auto at = why.text.find(told); at != std::string::npos)
    why.text.replace(at, told.size(), longer_than_timeout(whole));
}

} // namespace moorage
