// A node in another process, for what is measured through one.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/own_process.hpp"
#include "tests/bench/pools.hpp"
#include "tests/support/trial_authority.hpp"

namespace moorage::bench {

/// Serves a pool to the sshd, `alpha`, all of whose connections are open: on a Unix-domain socket, and over
/// TLS on loopback.
class other_node {
public:
  explicit other_node(const support::real_sshd& sshd, std::uint32_t connections = 2,
                      std::uint32_t channels = 1)
      : process_("serve", arguments(sshd, connections, channels)) {
    constexpr std::string_view ready = "ready ";
    tls_ = process_.read_line().substr(ready.size());
  }

  const support::scratch_folder& folder() const { return folder_; }
  std::string socket() const { return folder_ / "node.sock"; }
  node_address over_tls() const { return over_tls("bench"); }
  /// With another certificate, which gives the same right.
  node_address over_tls(const std::string& name) const { return {tls_, authority_.client(name)}; }
  pid_t pid() const { return process_.pid(); }

private:
  std::vector<std::string> arguments(const support::real_sshd& sshd, std::uint32_t connections,
                                     std::uint32_t channels) const {
    auto files = authority_.node();
    std::vector<std::string> words{socket(),
                                   std::to_string(connections),
                                   std::to_string(channels),
                                   files.certificate,
                                   files.key,
                                   files.authority,
                                   files.revoked};
    auto sshd_words = address_of(sshd).words();
    words.insert(words.end(), sshd_words.begin(), sshd_words.end());
    return words;
  }

  support::scratch_folder folder_;
  support::trial_authority authority_;
  own_process process_;
  std::string tls_;
};

} // namespace moorage::bench
