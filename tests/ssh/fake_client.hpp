// A stock client's way into the fake sshd.
#pragma once

#include <chrono>
#include <string>

#include "tests/support/fake_sshd.hpp"
#include "tests/support/plain_client.hpp"

namespace moorage::support {

/// For what is never answered; all else must come within it.
constexpr std::chrono::seconds short_patience{1};

/// Connects and logs in; empty, or what went wrong.
inline std::string reach(plain_client& client, const fake_sshd& sshd) {
  auto error = client.connect(sshd.host(), sshd.port());
  return error.empty() ? client.login_with_new_key() : error;
}

} // namespace moorage::support
