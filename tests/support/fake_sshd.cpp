#include "tests/support/fake_sshd.hpp"

#include "tests/support/fake_connection.hpp"
#include "tests/support/fake_server.hpp"

#include <fstream>

namespace moorage::support {

fake_sshd::fake_sshd(fake_sshd_settings settings)
    : server_(std::make_unique<fake_server>(std::move(settings))) {}

fake_sshd::~fake_sshd() = default;

const std::string& fake_sshd::host() const {
  return server_->host();
}

std::uint16_t fake_sshd::port() const {
  return server_->port();
}

std::string fake_sshd::host_key() const {
  return server_->host_key();
}

std::string fake_sshd::host_key_fingerprint() const {
  return server_->host_key_fingerprint();
}

std::string fake_sshd::known_hosts_line() const {
  return "[" + host() + "]:" + std::to_string(port()) + " " + host_key();
}

void fake_sshd::write_known_hosts(const std::string& file) const {
  std::ofstream(file, std::ios::trunc) << known_hosts_line() << "\n";
}

void fake_sshd::set(const std::function<void(fake_faults&)>& change) {
  server_->ask([&] { change(server_->live()); });
}

void fake_sshd::set(const fake_faults& faults) {
  server_->ask([&] { server_->live() = faults; });
}

fake_faults fake_sshd::faults() const {
  fake_faults now;
  server_->ask([&] { now = server_->live(); });
  return now;
}

void fake_sshd::next(int count, const fake_faults& faults) {
  server_->ask([&] { server_->next(count, faults); });
}

void fake_sshd::listen(bool on) {
  server_->ask([&] { server_->listen(on); });
}

void fake_sshd::change_host_key() {
  server_->ask([&] { server_->change_host_key(); });
}

void fake_sshd::freeze() {
  server_->ask([&] { server_->freeze(true); });
}

void fake_sshd::thaw() {
  server_->ask([&] { server_->freeze(false); });
}

void fake_sshd::go_half_open() {
  server_->ask([&] { server_->for_each([](fake_connection& c) { c.mute(); }); });
}

void fake_sshd::reset_all() {
  server_->ask([&] { server_->for_each([](fake_connection& c) { c.break_off(breakage::reset); }); });
}

void fake_sshd::close_all() {
  server_->ask([&] { server_->for_each([](fake_connection& c) { c.break_off(breakage::close); }); });
}

void fake_sshd::disconnect_all() {
  server_->ask([&] { server_->for_each([](fake_connection& c) { c.break_off(breakage::disconnect); }); });
}

fake_counters fake_sshd::counters() const {
  return server_->counters();
}

bool fake_sshd::wait_until(const std::function<bool(const fake_counters&)>& holds,
                           std::chrono::milliseconds patience) const {
  return server_->wait_until(holds, patience);
}

std::vector<std::chrono::steady_clock::time_point> fake_sshd::connect_times() const {
  return server_->connect_times();
}

std::vector<std::string> fake_sshd::commands() const {
  return server_->commands();
}

std::vector<std::string> fake_sshd::users() const {
  return server_->users();
}

} // namespace moorage::support
