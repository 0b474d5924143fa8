// The bad days, with real sshds: frozen, killed, gone, denied. What the user sees, and what others do not
// notice.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>
#include <thread>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/scratch_folder.hpp"
#include "tests/support/watched_process.hpp"

using namespace moorage;
using namespace moorage::test;
using steady = std::chrono::steady_clock;

namespace {

/// Holds `count` leases at once and gives them back, so that as many connections are idle.
void warm_up(runtime& rt, const std::string& cluster, int count) {
  std::vector<lease> leases;
  for (int i = 0; i < count; ++i)
    leases.push_back(rt.acquire(cluster, 20s));
  for (auto& each : leases)
    REQUIRE(bool{each.release()});
}

/// A certificate of that key for the sshd's user, as a file; copied there under a name of its own.
std::string certificate(const support::real_sshd& sshd, const std::string& authority, const std::string& name,
                        const std::string& key, const std::string& validity) {
  std::filesystem::copy(key, name);
  support::process_spec spec;
  spec.argv = {"sh", "-c",
               "ssh-keygen -y -f " + name + " > " + name + ".pub && ssh-keygen -q -s " + authority +
                   " -I us -n " + sshd.user() + " -V " + validity + " " + name + ".pub"};
  REQUIRE(support::run_to_end(spec) == 0);
  return name + "-cert.pub";
}

} // namespace

TEST_CASE(
    "while a cluster is frozen its pool answers from memory, others notice nothing, and stop is quick") {
  support::real_sshd frozen;
  support::real_sshd sound;
  auto settings = settings_for(frozen, "frozen");
  settings.pool_size = 2;
  runtime rt{quiet_configuration({settings, settings_for(sound, "sound")})};
  warm_up(rt, "frozen", 2);
  warm_up(rt, "sound", 1);
  frozen.freeze();
  REQUIRE(bool{rt.probe("frozen")});
  CHECK(rt.pool("frozen").value().probing == 2);
  auto began = steady::now();
  auto first = rt.try_acquire("frozen", {0s, "one", {}});
  auto second = rt.try_acquire("frozen", {0s, "two", {}});
  auto third = rt.try_acquire("frozen", {0s, "three", {}});
  CHECK(bool{first});
  CHECK(bool{second});
  CHECK(third.error().code == errc::acquire_timeout);
  INFO(third.error().text);
  CHECK(third.error().text.find("2 of 2") != std::string::npos);
  CHECK(steady::now() - began < 1s);
  auto useful = rt.acquire("sound", 5s).run("echo useful");
  CHECK(useful.output == "useful\n");
  auto stuck = first->run({"echo never", {}, {}, 300ms, 0});
  CHECK(stuck.ended.kind != outcome_kind::exited);
  auto stopping = steady::now();
  rt.stop();
  CHECK(steady::now() - stopping < 1s);
  frozen.thaw();
}

TEST_CASE("a connection that is killed in mid-command ends the command as maybe-ran, and the pool goes on") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto output = lease.open({"echo started; sleep 600", {}, {}, {}, 0});
  stream::chunk chunk;
  REQUIRE(output.read(chunk));
  sshd.kill_connections();
  CHECK_FALSE(output.read(chunk));
  auto ended = output.ended();
  CHECK(ended.kind == outcome_kind::maybe_ran);
  CHECK(ended.cause.code == errc::connection_lost);
  CHECK(lease.run("true").ended.kind == outcome_kind::never_sent);
  CHECK(lease.release().error().code != errc::none);
  CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
}

TEST_CASE("an idle connection whose server goes is noticed at once, without a check") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  std::promise<void> lost;
  auto watching = rt.subscribe("alpha", [&lost](const event_record& event) {
    if (event.what == event_kind::lost)
      lost.set_value();
  });
  warm_up(rt, "alpha", 1);
  sshd.kill_connections();
  REQUIRE(lost.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(rt.pool("alpha").value().total == 0);
}

TEST_CASE("a cluster that refuses is told after three tries, and used when it comes back") {
  support::real_sshd sshd;
  sshd.stop();
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto began = steady::now();
  auto refused = rt.try_acquire("alpha", {30s, {}, {}});
  CHECK(refused.error().code == errc::connect_failed);
  INFO(refused.error().text);
  CHECK(refused.error().text.find("refused") != std::string::npos);
  CHECK(steady::now() - began > 2s);
  CHECK(steady::now() - began < 20s); // not its patience
  sshd.start();
  CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
}

TEST_CASE("a denied key is refused once, latched, and works after the settings are mended") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.key_files = {sshd.unauthorised_client_key()};
  runtime rt{quiet_configuration({settings})};
  for (int i = 0; i < 3; ++i)
    CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == errc::auth_denied);
  CHECK(sshd.connects() == 1);
  REQUIRE(bool{rt.register_cluster(settings_for(sshd, "alpha"))});
  CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
}

TEST_CASE(
    "a denied key, a certificate that has ended, or a host key that has changed, is no obstacle any more "
    "once its file was mended") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  auto settings = settings_for(sshd, "alpha");
  auto expected = errc::none;
  std::string wrong, right, file;
  SECTION("key") {
    expected = errc::auth_denied;
    wrong = sshd.unauthorised_client_key();
    right = sshd.client_key();
    file = folder / "key";
    settings.key_files = {file};
  }
  SECTION("known_hosts") {
    expected = errc::host_key_changed;
    right = sshd.known_hosts();
    wrong = folder / "wrong";
    std::filesystem::copy(right, wrong);
    sshd.change_host_keys();
    file = folder / "known_hosts";
    settings.known_hosts_files = {file};
  }
  SECTION("certificate") {
    expected = errc::auth_denied;
    auto key = folder / "key";
    std::filesystem::copy(sshd.unauthorised_client_key(), key);
    settings.key_files = {key};
    file = key + "-cert.pub";
    auto authority = sshd.add_client_key("authority");
    sshd.reconfigure({"TrustedUserCAKeys " + authority + ".pub", "AuthorizedKeysFile none"});
    wrong = certificate(sshd, authority, folder / "ended", key, "-2h:-1h");
    right = certificate(sshd, authority, folder / "renewed", key, "-1h:+1h");
  }
  auto put = [&file](const std::string& from) {
    std::filesystem::copy(from, file + ".new");
    std::filesystem::permissions(file + ".new", std::filesystem::perms::owner_read);
    std::filesystem::rename(file + ".new", file);
  };
  put(wrong);
  runtime rt{quiet_configuration({settings})};
  CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == expected);
  CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == expected);
  CHECK(sshd.connects() == 1);
  if (expected == errc::host_key_changed)
    sshd.write_known_hosts();
  put(right);
  auto until = steady::now() + 40s; // it is looked at every ten seconds at most
  auto got = rt.try_acquire("alpha", {20s, {}, {}});
  while (!got && steady::now() < until) {
    CHECK(got.error().code == expected);
    sshd.wait_for_log("Accepted", 1, 100ms);
    got = rt.try_acquire("alpha", {20s, {}, {}});
  }
  REQUIRE(got);
  CHECK(got->run("true").ended.succeeded());
  CHECK(sshd.connects() == 2);
}

TEST_CASE("a log-in that was denied is tried again once the agent has another key, and not before") {
  support::real_sshd sshd;
  support::ssh_agent agent{{sshd.unauthorised_client_key()}};
  auto settings = settings_for(sshd, "alpha");
  settings.agent = true;
  settings.agent_socket = agent.socket();
  settings.key_files = {};
  runtime rt{quiet_configuration({settings})};
  for (int i = 0; i < 2; ++i)
    CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == errc::auth_denied);
  CHECK(sshd.connects() == 1);
  agent.add(sshd.client_key());
  auto until = steady::now() + 40s; // it is looked at every second at most
  auto got = rt.try_acquire("alpha", {20s, {}, {}});
  while (!got && steady::now() < until)
    got = rt.try_acquire("alpha", {20s, {}, {}});
  REQUIRE(got);
  CHECK(got->run("true").ended.succeeded());
  CHECK(sshd.connects() == 2);
}

TEST_CASE("a changed host key is refused with both keys and what to do") {
  support::real_sshd sshd;
  auto before = sshd.host_key_fingerprint();
  sshd.change_host_keys();
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto refused = rt.try_acquire("alpha", {20s, {}, {}});
  CHECK(refused.error().code == errc::host_key_changed);
  auto text = refused.error().text;
  INFO(text);
  CHECK(text.find(before) != std::string::npos);
  CHECK(text.find(sshd.host_key_fingerprint()) != std::string::npos);
  CHECK(text.find("ssh-keygen -R") != std::string::npos);
  CHECK(sshd.logins() == 0);
}

TEST_CASE("never more connections than the pool's size, and one log-in each, however many ask") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 3;
  runtime rt{quiet_configuration({settings})};
  std::vector<std::thread> threads;
  for (int i = 0; i < 30; ++i)
    threads.emplace_back([&rt] { (void)rt.acquire("alpha", 30s).run("true"); });
  for (auto& thread : threads)
    thread.join();
  CHECK(sshd.logins() == 3);
  CHECK(sshd.connections() == 3);
}

TEST_CASE("a lease that is revoked ends what runs under it, and says so") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto running = lease.async().run("sleep 600");
  REQUIRE(bool{rt.revoke("alpha", lease.id())});
  auto ended = running.get().ended;
  CHECK(ended.kind != outcome_kind::exited);
  CHECK(ended.cause.code == errc::lease_ended);
  CHECK(lease.release().error().code != errc::none);
}

TEST_CASE("a lease that is revoked ends its command where it runs") {
  support::real_sshd_settings ordinary;
  ordinary.ordinary_user = true; // whose commands sshd signals
  support::real_sshd sshd{ordinary};
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto output = lease.open({"echo $$; exec sleep 600", {}, {}, {}, 0});
  stream::chunk chunk;
  REQUIRE(output.read(chunk));
  support::watched_process command{std::stoi(std::string{chunk.bytes})};
  REQUIRE(!command.ends(0ms));
  REQUIRE(bool{rt.revoke("alpha", lease.id())});
  CHECK(command.ends(20s));
  while (output.read(chunk))
    continue;
  CHECK(output.ended().cause.code == errc::lease_ended);
}

TEST_CASE("a cluster that is removed is unknown at once, and known again when it is registered anew") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  for (int i = 0; i < 3; ++i) {
    CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
    REQUIRE(bool{rt.remove_cluster("alpha")});
    CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == errc::unknown_cluster);
    REQUIRE(bool{rt.register_cluster(settings_for(sshd, "alpha"))});
  }
  auto held = rt.acquire("alpha", 20s);
  REQUIRE(bool{rt.remove_cluster("alpha")});
  REQUIRE(bool{rt.register_cluster(settings_for(sshd, "alpha"))});
  CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
}

TEST_CASE("a probe command that never ends is given up with its probe, and takes no channel from users") {
  support::fake_sshd sshd;
  support::real_sshd keys; // only for its client's key: the fake one takes any
  support::scratch_folder folder;
  sshd.write_known_hosts(folder / "known_hosts");
  auto settings = settings_for(keys, "alpha");
  settings.host = sshd.host();
  settings.port = sshd.port();
  settings.known_hosts_files = {folder / "known_hosts"};
  settings.pool_size = 1;
  settings.probe = probe_method::exec;
  settings.probe_command = "hang";
  settings.probe_timeout = 200ms;
  settings.probe_failures_max = 1'000;
  runtime rt{quiet_configuration({settings})};
  CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
  for (int round = 1; round <= 5; ++round) {
    auto opened = sshd.counters().channels_opened;
    REQUIRE(bool{rt.probe("alpha")});
    REQUIRE(sshd.wait_until([&](const auto& c) { return c.channels_opened > opened; }, 20s));
    CHECK(sshd.wait_until([](const auto& c) { return c.channels_open == 0; }, 20s));
  }
  CHECK(sshd.counters().channels_open_max <= 2);
}
