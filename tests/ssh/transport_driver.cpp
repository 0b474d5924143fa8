#include "tests/ssh/transport_driver.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace moorage::test {

using clock = std::chrono::steady_clock;

world::world(std::chrono::milliseconds stuck_after) : threads(stuck_after) {
  around.use_environment = false;
  around.home = home.path();
  around.user = "tester";
}

cluster_settings world::settings_for(const support::real_sshd& server) const {
  cluster_settings settings;
  settings.name = "real";
  settings.host = server.host();
  settings.port = server.port();
  settings.user = server.user();
  settings.key_files = {server.client_key()};
  settings.known_hosts_files = {server.known_hosts()};
  settings.agent = false;
  return settings;
}

cluster_settings world::settings_for(const support::fake_sshd& server) {
  auto key = home / "id";
  if (!std::filesystem::exists(key))
    support::run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}, {}, {}, -1, -1});
  auto known = home / ("known_hosts_" + std::to_string(server.port()));
  server.write_known_hosts(known);
  cluster_settings settings;
  settings.name = "fake";
  settings.host = server.host();
  settings.port = server.port();
  settings.user = "tester";
  settings.key_files = {key};
  settings.known_hosts_files = {known};
  settings.agent = false;
  return settings;
}

resolver resolves_to(std::vector<std::string> addresses) {
  return [addresses = std::move(addresses)](const std::string&, std::uint16_t port) {
    resolution found;
    for (const auto& address : addresses)
      if (auto endpoint = numeric_endpoint(address, port))
        found.endpoints.push_back(*endpoint);
    return found;
  };
}

waker bell::ring() {
  return [state = state_] {
    {
      std::lock_guard guard{state->mutex};
      state->ringing = true;
    }
    state->rung.notify_one();
  };
}

bool bell::wait_until(clock::time_point due) {
  std::unique_lock guard{state_->mutex};
  state_->rung.wait_until(guard, due, [this] { return state_->ringing; });
  return std::exchange(state_->ringing, false);
}

std::chrono::nanoseconds spent_by_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

driven::driven(world& around, const cluster_settings& settings)
    : bell_(own_), it(make_ssh_transport(settings, own_.ring(), around.parts())) {}

driven::driven(world& around, const cluster_settings& settings, bell& shared)
    : bell_(shared), it(make_ssh_transport(settings, shared.ring(), around.parts())) {}

bool driven::pump() {
  std::vector<transport_event> events;
  ++pumps;
  auto spent = spent_by_this_thread();
  auto began = clock::now();
  bool more = it->pump(began, events);
  longest_pump = std::max(longest_pump, std::chrono::nanoseconds{clock::now() - began});
  busiest_pump = std::max(busiest_pump, spent_by_this_thread() - spent);
  take(std::move(events));
  return more;
}

void driven::take(std::vector<transport_event> events) {
  for (auto& event : events) {
    if (auto* e = std::get_if<transport_opened>(&event)) {
      opened = true;
      steps = e->steps;
      warnings = e->warnings;
      banner = e->banner;
      certificate = e->certificate;
      keys = e->keys;
    } else if (auto* e = std::get_if<opening_waits>(&event)) {
      waited_for.push_back(e->for_what);
    } else if (auto* e = std::get_if<transport_failed>(&event)) {
      failed = e->error;
      failed_machines = e->machines;
      steps = e->steps;
      warnings = e->warnings;
      files = e->files;
      keys = e->keys;
    } else if (std::get_if<transport_closed>(&event)) {
      closed = true;
    } else if (auto* e = std::get_if<stream_output>(&event)) {
      auto& s = streams[e->stream.value];
      s.received += e->bytes.size();
      if (keep_output)
        (e->kind == output_kind::output ? s.output : s.error_output) += e->bytes;
    } else if (auto* e = std::get_if<stream_input_taken>(&event)) {
      streams[e->stream.value].input_taken += e->bytes;
    } else if (auto* e = std::get_if<stream_over>(&event)) {
      streams[e->stream.value].ended = e->ended;
    } else if (auto* e = std::get_if<question_answered>(&event)) {
      answered.push_back(e->question);
    } else if (auto* e = std::get_if<carriage_wanted>(&event)) {
      wanted.push_back(std::move(*e));
    } else if (auto* e = std::get_if<carriage_over>(&event)) {
      carried_to[e->stream.value] += e->text;
    }
  }
}

bool driven::until(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  auto deadline = clock::now() + patience;
  for (;;) {
    bool more = pump();
    if (holds())
      return true;
    if (clock::now() >= deadline)
      return false;
    if (!more)
      bell_.wait_until(std::min<clock::time_point>(
          deadline, std::min<time_point>(it->next_due(), clock::now() + std::chrono::seconds(1))));
  }
}

bool driven::open(std::chrono::milliseconds patience) {
  it->open();
  until([this] { return opened || failed || closed; }, patience);
  return opened && !failed;
}

stream_id driven::start(exec_request request, std::uint64_t credit, bool end_input) {
  stream_id id{++last_stream_};
  streams[id.value] = {};
  it->start(id, std::move(request), credit);
  if (end_input)
    it->end_input(id);
  return id;
}

bool driven::finish(stream_id id, std::chrono::milliseconds patience) {
  return until([&] { return streams[id.value].ended.has_value(); }, patience);
}

exec_result driven::run(exec_request request) {
  auto began = clock::now();
  auto id = start(std::move(request));
  finish(id);
  auto& s = streams[id.value];
  return {s.ended.value_or(
              outcome{outcome_kind::maybe_ran, 0, {}, {errc::internal, "the test ran out of patience"}}),
          s.output, s.error_output, false, clock::now() - began};
}

bool driven::ask(std::uint64_t question, std::chrono::milliseconds patience) {
  it->ask(question);
  return until([&] { return std::count(answered.begin(), answered.end(), question) > 0; }, patience);
}

std::chrono::milliseconds driven::close() {
  auto began = clock::now();
  it->close();
  until([this] { return closed || failed; });
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - began);
}

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count - 1; // the one that lists them
}

std::size_t sockets_to(const support::fake_sshd& server) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(std::stoi(entry.path().filename()), reinterpret_cast<sockaddr*>(&peer), &size) != 0)
      continue;
    auto port = peer.ss_family == AF_INET6  ? reinterpret_cast<sockaddr_in6&>(peer).sin6_port
                : peer.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(peer).sin_port
                                            : in_port_t{0};
    count += ntohs(port) == server.port();
  }
  return count;
}

std::size_t resident() {
  std::ifstream in("/proc/self/statm");
  std::size_t total = 0;
  std::size_t pages = 0;
  in >> total >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace moorage::test
