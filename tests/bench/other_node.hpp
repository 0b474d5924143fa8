// A node in another process, for what is measured through one.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/own_process.hpp"
#include "tests/bench/pools.hpp"

namespace moorage::bench {

/// Serves a pool of two connections to the sshd, `alpha`, all of them open.
class other_node {
public:
  explicit other_node(const support::real_sshd& sshd) : process_("serve", arguments(sshd)) {
    process_.read_line();
  }

  const support::scratch_folder& folder() const { return folder_; }
  std::string socket() const { return folder_ / "node.sock"; }

private:
  std::vector<std::string> arguments(const support::real_sshd& sshd) const {
    auto words = address_of(sshd).words();
    words.insert(words.begin(), socket());
    return words;
  }

  support::scratch_folder folder_;
  own_process process_;
};

} // namespace moorage::bench
