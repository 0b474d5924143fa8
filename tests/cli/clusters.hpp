// A home with a configuration for a real sshd on loopback.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::cli_tests {

/// How a node, or a command alone, gets to that sshd: a table of a configuration.
inline std::string cluster_table(const std::string& name, const support::real_sshd& sshd) {
  return "[clusters." + name + "]\nhost = \"" + sshd.host() + "\"\nport = " + std::to_string(sshd.port()) +
         "\nuser = \"" + sshd.user() + "\"\nkey_files = [\"" + sshd.client_key() + "\"]\nagent = false\n" +
         "known_hosts_files = [\"" + sshd.known_hosts() +
         "\"]\nconnect_timeout = \"10s\"\nchannels_per_connection = 1\nlog_ins_per_minute = 0\npenalty_max "
         "= \"0s\"\n";
}

struct home_with_cluster {
  explicit home_with_cluster(support::real_sshd_settings settings = {}) : sshd(std::move(settings)) {
    write_config();
  }

  /// The cluster's name is `here`.
  void write_config(const std::string& more = {}) const {
    std::ofstream{config()} << cluster("here") << more;
  }
  std::string cluster(const std::string& name) const { return cluster_table(name, sshd); }
  std::string config() const { return folder / "moorage.toml"; }
  program_spec spec(std::vector<std::string> arguments, std::string input = {}) const {
    return {std::move(arguments), folder.path(), std::move(input), {{"MOORAGE_CONFIG", config()}}};
  }
  finished moorage(std::vector<std::string> arguments, std::string input = {}) const {
    return run(spec(std::move(arguments), std::move(input)));
  }
  /// Runs a command line on the cluster.
  finished exec(const std::string& command, std::string input = {}) const {
    return moorage({"exec", "here", "--", command}, std::move(input));
  }

  support::real_sshd sshd;
  support::scratch_folder folder;
};

} // namespace moorage::cli_tests
