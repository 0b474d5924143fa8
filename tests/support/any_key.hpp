// A private key that opens nothing.
#pragma once

#include <string>

#include "tests/support/process_tree.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

/// To log in with where nobody looks at it: without anything to log in with, no server is asked. Lives as
/// long as the process.
inline std::string any_key() {
  static const scratch_folder folder;
  static const auto file = [] {
    auto key = folder / "id";
    run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}, {}, {}, -1, -1});
    return key;
  }();
  return file;
}

} // namespace moorage::support
