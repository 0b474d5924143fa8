// SSH servers from other hands than OpenSSH's, on loopback, with keys and files of their own in a scratch
// folder. Each accepts connections when its constructor returns, throws std::runtime_error with its log in
// the text when it cannot, and ends with all that it has started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/support/account.hpp"
#include "tests/support/process_tree.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

/// How to reach one.
struct other_server {
  std::string user = {};
  std::string client_key = {};
  std::string known_hosts = {};
  std::uint16_t port = 0; ///< of 127.0.0.1
};

/// dropbear, which lets in an account made for it, or the one that was made for this process: whoever it lets
/// in has a home with their keys in it.
class dropbear_server {
public:
  dropbear_server();
  static bool may_be(); ///< whether there is such an account, or we may make one
  const other_server& place() const { return place_; }

private:
  scratch_folder folder_;
  std::optional<ordinary_account> account_;
  reserved_port reserved_;
  std::optional<process_tree> process_;
  other_server place_;
};

/// Erlang/OTP's ssh, whose commands run as we do, whatever the user is called. It forwards.
class erlang_server {
public:
  erlang_server();
  const other_server& place() const { return place_; }

private:
  scratch_folder folder_;
  std::optional<process_tree> process_;
  other_server place_;
};

} // namespace moorage::support
