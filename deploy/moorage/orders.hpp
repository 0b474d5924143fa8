// What `moorage admin` can order of a pool: one row each, from which its help, the manual page, the
// completions, the call and what it prints come.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "deploy/moorage/options.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// What an order is about besides its cluster: the number of something.
struct order_argument {
  const char* name;   ///< in the usage, such as CONNECTION
  const char* prefix; ///< that may stand before the number, such as c; "" if none may
  const char* summary;
  std::uint64_t most = UINT64_MAX;
};

struct order_row {
  const char* name; ///< that of its message, messages/orders.hpp
  const char* summary;
  const order_argument* argument; ///< null: the cluster alone
  result<void> (*call)(runtime& node, const std::string& cluster, std::uint64_t number);
  /// Said when it was done.
  std::string (*confirmation)(const options& from);
};

std::span<const order_row> orders();

} // namespace moorage::cli
