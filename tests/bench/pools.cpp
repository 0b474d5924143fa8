#include "tests/bench/pools.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "tests/bench/measure.hpp"

namespace moorage::bench {

using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;

} // namespace

std::vector<std::string> address::words() const {
  return {host, std::to_string(port), user, key_file, known_hosts_file};
}

address address::from(const std::vector<std::string>& words) {
  return {words.at(0), static_cast<std::uint16_t>(std::stoul(words.at(1))), words.at(2), words.at(3),
          words.at(4)};
}

fake_cluster::fake_cluster() : sshd(MOORAGE_FAKE_SSHD) {
  support::run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", at().key_file}});
  std::ofstream{at().known_hosts_file} << sshd.known_hosts_line() << "\n";
}

address fake_cluster::at() const {
  return {sshd.host(), sshd.port(), "me", folder_ / "key", folder_ / "known_hosts"};
}

address address_of(const support::real_sshd& sshd) {
  return {sshd.host(), sshd.port(), sshd.user(), sshd.client_key(), sshd.known_hosts()};
}

bare_target target_of(const support::real_sshd& sshd) {
  return {sshd.host(), sshd.port(), sshd.user(), sshd.client_key(), sshd.host_key()};
}

cluster_settings usual(const address& at, const std::string& name) {
  cluster_settings settings;
  settings.name = name;
  settings.host = at.host;
  settings.port = at.port;
  settings.user = at.user;
  settings.key_files = {at.key_file};
  settings.agent = false;
  settings.known_hosts_files = {at.known_hosts_file};
  return settings;
}

cluster_settings still(const address& at, const std::string& name, std::uint32_t size) {
  auto settings = usual(at, name);
  settings.pool_size = size;
  settings.channels_per_connection = 1;
  settings.min_idle = size;
  settings.connects_at_once = std::min<std::uint32_t>(size, 20);
  settings.log_ins_per_minute = 0; // what holds up log-ins is not measured here
  settings.penalty_max = 0ms;
  settings.keep_alive_interval = 0ms;
  settings.probe_interval = 1h;
  settings.probe_timeout = 60s;
  settings.probes_at_once = 0;
  settings.probe_failures_max = 1'000;
  settings.idle_timeout = 1h;
  return settings;
}

configuration quiet(std::vector<cluster_settings> clusters) {
  configuration config;
  config.log_level = "off";
  config.connects_at_once = config.probes_at_once = 0;
  for (auto& settings : clusters) {
    cluster_config cluster;
    cluster.settings = std::move(settings);
    config.clusters.push_back(std::move(cluster));
  }
  return config;
}

void wait_until(runtime& of, const std::string& cluster,
                const std::function<bool(const pool_status&)>& holds) {
  auto end = steady::now() + patience;
  for (;;) {
    auto status = of.pool(cluster).value();
    if (holds(status))
      return;
    if (status.latched.code != errc::none)
      throw std::runtime_error("the pool is latched: " + status.latched.text);
    if (steady::now() > end)
      throw std::runtime_error("the pool has " + std::to_string(status.idle) + " idle, " +
                               std::to_string(status.opening) + " opening, " +
                               std::to_string(status.probing) +
                               " probing after a minute: " + status.backing_off.text);
    let_pass(2ms);
  }
}

void wait_idle(runtime& of, const std::string& cluster, std::uint32_t connections) {
  wait_until(of, cluster, [connections](const pool_status& status) {
    return status.idle == connections && status.total == connections && status.probing == 0;
  });
}

event_counter::event_counter(runtime& of, const std::string& cluster, event_kind what)
    : what_(what), watching_(of.subscribe(
                                   cluster, [this](const event_record& record) { take(record); },
                                   event_filter{}.only(what))
                                 .value()) {}

void event_counter::take(const event_record& record) {
  std::lock_guard guard{mutex_};
  dropped_ = dropped_ || record.missed > 0;
  if (record.what != what_ && !dropped_)
    return;
  last_ = steady::now();
  if (seen_++ == 0)
    first_ = last_;
  changed_.notify_all();
}

void event_counter::restart() {
  std::lock_guard guard{mutex_};
  seen_ = 0;
}

steady::time_point event_counter::first() {
  std::lock_guard guard{mutex_};
  return first_;
}

steady::time_point event_counter::wait_for(int count) {
  std::unique_lock guard{mutex_};
  if (!changed_.wait_for(guard, patience, [this, count] { return seen_ >= count || dropped_; }))
    throw std::runtime_error(std::to_string(seen_) + " of " + std::to_string(count) + " events " +
                             to_string(what_) + " after a minute");
  if (dropped_)
    throw std::runtime_error("events were dropped");
  return last_;
}

} // namespace moorage::bench
