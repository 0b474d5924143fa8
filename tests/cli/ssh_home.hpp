// A home with a configuration for a real sshd, and the words by which programs go there as if by ssh.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/cli/clusters.hpp"

namespace moorage::cli_tests {

struct ssh_home : home_with_cluster {
  explicit ssh_home(support::real_sshd_settings settings = {}) : home_with_cluster(std::move(settings)) {}

  /// `moorage ssh` with these words, and with the key and the known hosts that the sshd needs.
  finished ssh(std::vector<std::string> words, std::string input = {}) const {
    return run(ssh_spec(std::move(words), std::move(input)));
  }
  program_spec ssh_spec(std::vector<std::string> words, std::string input = {}) const {
    auto all = trust();
    all.insert(all.begin(), "ssh");
    all.insert(all.end(), words.begin(), words.end());
    return spec(std::move(all), std::move(input));
  }
  std::vector<std::string> trust() const {
    return {"-i", sshd.client_key(), "-oUserKnownHostsFile=" + sshd.known_hosts(), "-oIdentityAgent=none"};
  }
  /// As one text for programs that split it at blanks.
  std::string trust_text() const {
    std::string result;
    for (const auto& each : trust())
      result += (result.empty() ? "" : " ") + each;
    return result;
  }
  std::string port() const { return std::to_string(sshd.port()); }
  std::string destination() const { return sshd.user() + "@" + sshd.host() + ":" + port(); }
};

} // namespace moorage::cli_tests
