// What `moorage admin` can order of a pool: one row each, from which its help, the manual page, the
// completions, the call and what it prints come.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "deploy/moorage/options.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// What an order is about besides its cluster: the number of something, a duration in milliseconds, or a
/// text.
struct order_argument {
  const char* name;   ///< in the usage, such as CONNECTION
  const char* prefix; ///< that may stand before the number, such as c; "" if none may
  const char* summary;
  std::uint64_t most = UINT64_MAX;
  bool is_duration = false;                      ///< written as such
  std::string admin_options::*text = nullptr;    ///< where it goes as it is written; null: it is a number
  std::vector<std::string> (*known)() = nullptr; ///< all that it may be; null: more than can be listed
  bool admin_options::*flag = nullptr;           ///< an option without a value, in place of all that
};

struct order_row {
  const char* name; ///< that of its message, messages/orders.hpp
  const char* summary;
  std::span<const order_argument> arguments; ///< besides the cluster
  /// Gives back what is to be said when it was done.
  result<std::string> (*call)(runtime& node, const options& from);
};

std::span<const order_row> orders();

} // namespace moorage::cli
