// A part of what a program has said.
#pragma once

#include <string>

namespace moorage::support {

/// What stands between the first of these and the next of those; empty: `before` is not there.
inline std::string between(const std::string& text, const std::string& before, const std::string& after) {
  auto at = text.find(before);
  if (at == std::string::npos)
    return {};
  at += before.size();
  return text.substr(at, text.find(after, at) - at);
}

} // namespace moorage::support
