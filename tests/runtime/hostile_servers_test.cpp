// Servers that mean no good, and the pools beside theirs.
#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <thread>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/floods.hpp"
#include "tests/support/raw_peer.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using steady = std::chrono::steady_clock;
using support::scripted_peer;

namespace {

cluster_settings hostile(const support::real_sshd& key_owner, const std::string& name, std::uint16_t port) {
  auto settings = settings_for(key_owner, name);
  settings.host = "127.0.0.1";
  settings.port = port;
  settings.strict_host_keys = host_key_policy::off;
  return settings;
}

/// Logs in, confirms a channel and grants its command, which does not end; then asks and asks.
void flood_after_log_in(scripted_peer& peer) {
  peer.welcome();
  support::serve_one_command(peer);
  peer.drop_what_comes(true);
  peer.flood("\x50" + support::text("keepalive@openssh.com") + support::flag(true));
}

/// The 99th of a hundred, of so many acquires of an idle connection.
std::chrono::nanoseconds acquire_p99(runtime& rt, const std::string& cluster, int count) {
  std::vector<std::chrono::nanoseconds> all;
  for (int i = 0; i < count; ++i) {
    auto began = steady::now();
    auto lease = rt.acquire(cluster, 20s);
    all.push_back(steady::now() - began);
    REQUIRE(bool{lease.release()});
  }
  auto at = all.begin() + static_cast<std::ptrdiff_t>(all.size() * 99 / 100);
  std::nth_element(all.begin(), at, all.end());
  return *at;
}

std::chrono::nanoseconds spent_by_this_process() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

/// Two pools whose servers flood, each with a command that runs, and one that is sound and has an idle
/// connection.
struct flooded_pools {
  flooded_pools() {
    REQUIRE(bool{rt.acquire("sound", 20s).release()});
    for (const char* name : {"first", "second"}) {
      held.push_back(rt.acquire(name, 20s));
      running.push_back(held.back().open({"hang", {}, {}, {}, 0}));
    }
  }

  support::scripted_sshd first{flood_after_log_in};
  support::scripted_sshd second{flood_after_log_in};
  support::real_sshd sound;
  std::promise<void> never;
  runtime rt{quiet_configuration({hostile(sound, "first", first.port()),
                                  hostile(sound, "second", second.port()), settings_for(sound, "sound")})};
  std::vector<lease> held;
  std::vector<stream> running;
};

} // namespace

TEST_CASE("servers that send without end before the log-in hold up neither another pool nor the end") {
  support::raw_peer lines{"", "welcome to this machine\r\n"};
  support::raw_peer packets{"SSH-2.0-flood\r\n", support::clear_packet(support::ignore_payload(10))};
  support::real_sshd sound;
  runtime rt{quiet_configuration({hostile(sound, "lines", lines.port()),
                                  hostile(sound, "packets", packets.port()), settings_for(sound, "sound")})};
  std::vector<pending<result<lease>>> waiting;
  for (const char* name : {"lines", "packets"})
    waiting.push_back(rt.async().acquire(name, 20s));
  CHECK(rt.acquire("sound", 20s).run("echo useful").output == "useful\n");
  for (auto& one : waiting) {
    REQUIRE(one.wait_for(20s));
    CHECK_FALSE(one.get().has_value());
  }
  auto stopping = steady::now();
  rt.stop();
  CHECK(steady::now() - stopping < 5s);
}

TEST_CASE("servers that flood open connections leave the processors to others") {
  flooded_pools one;
  CHECK(acquire_p99(one.rt, "sound", 500) < 1s);
  // Of this process, the floods' senders are in it: without a bound it is all the processors there are.
  auto spent = spent_by_this_process();
  auto began = steady::now();
  CHECK(one.never.get_future().wait_for(2s) == std::future_status::timeout);
  auto took = steady::now() - began;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // their time is not the floods'
  CHECK(spent_by_this_process() - spent < took * 2 / 5 + 300ms);
#else
  static_cast<void>(spent), static_cast<void>(took);
#endif
}
