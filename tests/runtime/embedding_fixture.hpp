// A runtime and real sshds on loopback, as most tests of the embedding API want them.
#pragma once

#include <chrono>
#include <string>

#include "runtime/runtime.hpp"
#include "tests/support/any_key.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::test {

using namespace std::chrono_literals;

/// Log-ins of tests come as fast as they like: what holds them up has tests of its own.
inline void lift_log_in_limits(cluster_settings& settings) {
  settings.log_ins_per_minute = 0;
  settings.penalty_max = 0ms;
}

inline cluster_settings settings_for(const support::real_sshd& sshd, const std::string& name) {
  cluster_settings settings;
  settings.name = name;
  settings.host = sshd.host();
  settings.port = sshd.port();
  settings.user = sshd.user();
  settings.key_files = {sshd.client_key()};
  settings.agent = false;
  settings.known_hosts_files = {sshd.known_hosts()};
  settings.channels_per_connection = 1; // what sharing one does has tests of its own
  lift_log_in_limits(settings);
  return settings;
}

/// Of a pool that any number may wait for, and that nothing is connected to.
inline cluster_settings unreachable(const std::string& name) {
  cluster_settings settings;
  settings.name = name;
  settings.host = "127.0.0.1";
  settings.port = 1;
  settings.key_files = {support::any_key()};
  settings.agent = false;
  settings.queue_depth = 1'000'000;
  settings.channels_per_connection = 1; // what sharing one does has tests of its own
  lift_log_in_limits(settings);
  return settings;
}

inline configuration quiet_configuration(std::vector<cluster_settings> clusters = {}) {
  configuration config;
  config.log_level = "off";
  config.connects_at_once = 0;
  for (auto& settings : clusters) {
    cluster_config cluster;
    cluster.settings = std::move(settings);
    config.clusters.push_back(std::move(cluster));
  }
  return config;
}

} // namespace moorage::test
