// A link's filter, fed with what one end of the link says.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/node/link_filter.hpp"
#include "tests/node/frames.hpp"

namespace node_tests {

constexpr std::size_t message_max = 1 << 20;
constexpr std::uint32_t us = 1;
constexpr std::uint32_t peer = 2;

struct verdict {
  std::string passed;
  std::string refusal;
};

/// What comes of `bytes` when they come in pieces of so many. Throws if the filter refuses without saying
/// why.
inline verdict filtered(moorage::link_filter::peer from, std::string_view bytes,
                        std::size_t piece = std::string::npos) {
  moorage::link_filter filter{from, node(us), message_max};
  std::vector<char> out;
  while (!bytes.empty()) {
    auto size = std::min(piece, bytes.size());
    if (filter.take(bytes.substr(0, size), out) != filter.refusal().empty())
      throw std::logic_error("a refusal and its reason come together");
    bytes.remove_prefix(size);
  }
  return {{out.begin(), out.end()}, filter.refusal()};
}

} // namespace node_tests
