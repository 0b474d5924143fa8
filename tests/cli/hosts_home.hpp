// A home folder with a configuration of ssh's, which has one Host, at a real sshd.
#pragma once

#include "tests/cli/node_home.hpp"

namespace moorage::cli_tests {

/// How ssh gets to that sshd: a Host of its configuration.
inline std::string host_of(const std::string& name, const support::real_sshd& sshd) {
  return "Host " + name + "\n  HostName " + sshd.host() + "\n  Port " + std::to_string(sshd.port()) +
         "\n  User " + sshd.user() + "\n  IdentityFile " + sshd.client_key() +
         "\n  IdentityAgent none\n  UserKnownHostsFile " + sshd.known_hosts() + "\n";
}

struct hosts_home {
  explicit hosts_home(support::real_sshd_settings settings = {}) : sshd(std::move(settings)) {
    write(host_of("lumi", sshd));
    configure("");
  }
  std::string ssh_config() const { return folder / "ssh_config"; }
  void write(const std::string& text) const { std::ofstream{ssh_config()} << text; }
  void configure(const std::string& more) const {
    std::ofstream{folder / "moorage.toml"} << "[defaults]\nssh_config = \"ssh_config\"\n" << more;
  }
  program_spec spec(std::vector<std::string> arguments) const {
    return {std::move(arguments), folder.path(), {}, {{"MOORAGE_CONFIG", folder / "moorage.toml"}}};
  }
  finished moorage(std::vector<std::string> arguments) const { return run(spec(std::move(arguments))); }

  support::real_sshd sshd;
  support::scratch_folder folder;
};

} // namespace moorage::cli_tests
