// Clusters behind a jump host, which is a cluster like any other: its connections carry theirs.
#include <catch2/catch.hpp>

#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include <poll.h>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

constexpr const char* gate = "gate";

cluster_settings behind(const support::real_sshd& sshd, const std::string& name,
                        const std::string& jump = gate) {
  auto settings = settings_for(sshd, name);
  settings.jump = jump;
  return settings;
}

exec_result run_on(runtime& rt, const std::string& cluster, const std::string& command) {
  return rt.acquire(cluster, 30s).run(command);
}

bool tells_of_opening(runtime& rt, const std::string& cluster, const std::string& text) {
  for (auto until = std::chrono::steady_clock::now() + 20s;
       rt.explain(cluster).value().opening.text.find(text) == std::string::npos; ::poll(nullptr, 0, 10))
    if (std::chrono::steady_clock::now() > until)
      return false;
  return true;
}

/// Runs until somebody makes "go" in the folder; has begun.
std::future<exec_result> begins_and_waits(lease& on, const support::scratch_folder& folder) {
  auto running = on.async()
                     .run("touch " + folder / "begun" + "; until test -e " + folder / "go" +
                          "; do sleep 0.1; done; echo went on")
                     .to_future();
  while (!std::filesystem::exists(folder / "begun"))
    REQUIRE(running.wait_for(10ms) == std::future_status::timeout);
  return running;
}

} // namespace

TEST_CASE("twenty clusters behind one jump host cost one log-in there") {
  support::real_sshd outer, inner;
  std::vector<cluster_settings> all{settings_for(outer, gate)};
  for (int i = 0; i < 20; ++i)
    all.push_back(behind(inner, "inner" + std::to_string(i)));
  runtime rt{quiet_configuration(all)};
  std::vector<pending<result<lease>>> coming;
  for (int i = 0; i < 20; ++i)
    coming.push_back(rt.async().acquire("inner" + std::to_string(i), 30s));
  std::vector<lease> held;
  for (auto& each : coming)
    held.push_back(each.get().value());
  CHECK(held.front().run("echo here").output == "here\n");
  CHECK(inner.logins() == 20);
  CHECK(outer.logins() == 1);
  auto connections = rt.connections(gate).value();
  REQUIRE(connections.size() == 1);
  CHECK(connections.front().carried == 20);
  CHECK(connections.front().leases == 0);
  CHECK(connections.front().state == connection_state::leased);
  CHECK(run_on(rt, gate, "echo $SSH_CONNECTION").ended.succeeded()); // and serves besides
  CHECK(outer.logins() == 1);
}

TEST_CASE("a jump host may itself be behind another") {
  support::real_sshd first, second, last;
  runtime rt{quiet_configuration(
      {settings_for(first, "first"), behind(second, "second", "first"), behind(last, "last", "second")})};
  CHECK(run_on(rt, "last", "echo there").output == "there\n");
  CHECK(first.logins() == 1);
  CHECK(second.logins() == 1);
  CHECK(last.logins() == 1);
  CHECK(run_on(rt, "second", "echo between").output == "between\n");
  CHECK(second.logins() == 1);
}

TEST_CASE("what waits for its jump host leaves that its log-in, however few there may be at once") {
  support::real_sshd outer, inner;
  std::vector<cluster_settings> all{settings_for(outer, gate)};
  for (int i = 0; i < 4; ++i)
    all.push_back(behind(inner, "inner" + std::to_string(i)));
  auto config = quiet_configuration(all);
  config.connects_at_once = 1;
  runtime rt{config};
  std::vector<pending<result<lease>>> coming;
  for (int i = 0; i < 4; ++i)
    coming.push_back(rt.async().acquire("inner" + std::to_string(i), 30s));
  for (auto& each : coming)
    CHECK(each.get().value().run("true").ended.succeeded());
}

TEST_CASE("who waits for a cluster behind a jump host that does not answer is told which host that is") {
  support::real_sshd outer, inner;
  auto silent = settings_for(outer, gate);
  silent.connect_timeout = 20s;
  runtime rt{quiet_configuration({silent, behind(inner, "inner")})};
  outer.freeze();
  auto refused = rt.try_acquire("inner", {3s, {}, {}});
  CHECK(refused.error().code == errc::acquire_timeout);
  CHECK_THAT(
      refused.error().text,
      Contains("1 opening (try 1 of 3, by the jump host 'gate': its log-in is not done (try 1 of 3: ") &&
          Contains("the server took the connection and has said nothing since"));
}

TEST_CASE("who waits behind a jump host that cannot be reached is told why before that gives up") {
  support::real_sshd between, inner;
  auto down = unreachable(gate);
  down.connect_tries = 10;
  runtime rt{quiet_configuration({down, behind(between, "between"), behind(inner, "inner", "between")})};
  // The jump host has been tried once, and whoever comes from now on waits for its next try.
  auto first = rt.async().acquire("between", 60s);
  REQUIRE(tells_of_opening(rt, "between", "Connection refused"));
  auto refused = rt.try_acquire("between", {1s, {}, {}}).error();
  CHECK(refused.code == errc::acquire_timeout);
  CHECK_THAT(refused.text, Contains("by the jump host 'gate': its log-in is not done (try ") &&
                               Contains("Connection refused"));
  SECTION("also where another is in between") {
    auto first_there = rt.async().acquire("inner", 60s);
    REQUIRE(tells_of_opening(rt, "inner", "Connection refused"));
    auto inner_refused = rt.try_acquire("inner", {1s, {}, {}}).error();
    CHECK_THAT(inner_refused.text, Contains("by the jump host 'between': ") && Contains("'gate': ") &&
                                       Contains("Connection refused"));
  }
  SECTION("or is patient") {
    auto patient = rt.try_acquire("between", {.patience = 1s, .wait_for_ready = true}).error();
    CHECK(patient.code == errc::connect_failed);
    CHECK_THAT(patient.text, Contains("the jump host 'gate': ") && Contains("Connection refused"));
  }
  SECTION("and an administrator sees it") {
    CHECK_THAT(rt.explain("between").value().opening.text,
               Contains("by the jump host 'gate': its log-in is not done (try ") &&
                   Contains("Connection refused"));
  }
}

TEST_CASE(
    "a command that dies with its jump host's connection is told so, and the next one has another way") {
  support::real_sshd outer, inner;
  runtime rt{quiet_configuration({settings_for(outer, gate), behind(inner, "inner")})};
  auto lease = rt.acquire("inner", 30s);
  support::scratch_folder folder;
  auto running = lease.async().run("touch " + folder / "begun" + "; sleep 600").to_future();
  while (!std::filesystem::exists(folder / "begun"))
    REQUIRE(running.wait_for(10ms) == std::future_status::timeout);
  SECTION("killed") {
    outer.kill_connections();
  }
  SECTION("closed by an administrator") {
    REQUIRE(bool{rt.disconnect(gate)});
  }
  auto ended = running.get().ended;
  CHECK(ended.kind == outcome_kind::maybe_ran);
  CHECK_THAT(ended.cause.text, Contains("the jump host 'gate'"));
  CHECK(run_on(rt, "inner", "echo again").output == "again\n");
}

TEST_CASE("why a jump host carries nothing is told to whoever waits behind it") {
  support::real_sshd outer, inner;
  auto settings = settings_for(outer, gate);
  SECTION("since it lets us not in") {
    settings.key_files = {outer.unauthorised_client_key()};
    runtime rt{quiet_configuration({settings, behind(inner, "inner")})};
    auto refused = rt.try_acquire("inner", 20s).error();
    CHECK_THAT(refused.text, Contains("the jump host 'gate'") && Contains("mend the credentials"));
    CHECK(refused.code == errc::auth_denied);
    CHECK(rt.pool("gate")->latched.code == errc::auth_denied);
    CHECK(rt.pool("inner")->latched.code == errc::none); // what is mended there is mended for all behind it
    CHECK(inner.connects() == 0);
    CHECK(outer.connects() == 1);
    CHECK(rt.pool("inner")->counters.open_failures == 1);
  }
  SECTION("since there is nothing to log in with there, which it was asked once") {
    settings.agent = false;
    settings.key_files = {outer.client_key() + "-not-there"};
    settings.password_secret.clear();
    runtime rt{quiet_configuration({settings, behind(inner, "inner")})};
    auto refused = rt.try_acquire("inner", 20s).error();
    CHECK_THAT(refused.text, Contains("the jump host 'gate'") && Contains("not-there"));
    CHECK(refused.code == errc::no_credentials);
    CHECK(rt.pool("gate")->counters.open_failures == 1);
    CHECK(rt.pool("inner")->counters.open_failures == 1);
  }
  SECTION("since there is none of that name") {
    runtime rt{quiet_configuration({behind(inner, "inner")})};
    CHECK_THAT(rt.try_acquire("inner", 20s).error().text,
               Contains("the jump host 'gate'") && Contains("no cluster 'gate'"));
    CHECK(rt.pool("inner")->counters.open_failures == 1);
  }
  SECTION("since one before that forbids forwarding") {
    support::real_sshd strict{{.config = {"AllowTcpForwarding no"}}}, second;
    auto between = settings_for(second, "second");
    between.jump = gate;
    auto last = settings_for(inner, "inner");
    last.jump = "second";
    runtime rt{quiet_configuration({settings_for(strict, gate), between, last})};
    CHECK(rt.try_acquire("inner", 20s).error().code == errc::exec_refused);
    CHECK(rt.pool("inner")->counters.open_failures == 1);
  }
  SECTION("since its host key is another") {
    outer.change_host_keys();
    runtime rt{quiet_configuration({settings, behind(inner, "inner")})};
    CHECK(rt.try_acquire("inner", 20s).error().code == errc::host_key_changed);
    CHECK(rt.pool("inner")->latched.code == errc::none);
  }
  SECTION("since it forbids forwarding") {
    support::real_sshd strict{{.config = {"AllowTcpForwarding no"}}};
    runtime rt{quiet_configuration({settings_for(strict, gate), behind(inner, "inner")})};
    auto refused = rt.try_acquire("inner", 20s).error();
    CHECK_THAT(refused.text, Contains("the jump host 'gate'") && Contains("AllowTcpForwarding"));
    CHECK(refused.code == errc::exec_refused);
    CHECK(rt.pool("inner")->counters.open_failures == 1);
  }
}

TEST_CASE(
    "what keeps one out behind a jump host is its own: neither the jump nor another behind it heeds it") {
  support::real_sshd outer, changed, denying, sound;
  changed.change_host_keys();
  auto denied = behind(denying, "denied");
  denied.key_files = {denying.unauthorised_client_key()};
  runtime rt{quiet_configuration(
      {settings_for(outer, gate), behind(changed, "changed"), denied, behind(sound, "sound")})};
  auto held = rt.acquire("sound", 30s);
  for (int i = 0; i < 2; ++i) {
    CHECK(rt.try_acquire("changed", 20s).error().code == errc::host_key_changed);
    CHECK(rt.try_acquire("denied", 20s).error().code == errc::auth_denied);
  }
  CHECK(changed.connects() == 1);
  CHECK(denying.connects() == 1);
  for (const char* name : {"changed", "denied"}) {
    CHECK(rt.pool(name)->latched.code != errc::none);
    CHECK(rt.pool(name)->counters.open_failures == 1);
  }
  auto jump = rt.pool(gate).value();
  CHECK(jump.counters.open_failures == 0);
  CHECK(jump.latched.code == errc::none);
  CHECK(jump.backing_off.code == errc::none);
  CHECK(held.run("echo went on").output == "went on\n");
  CHECK(run_on(rt, gate, "echo so did the jump").output == "so did the jump\n");
  REQUIRE(bool{rt.disconnect("sound")});
  CHECK(run_on(rt, "sound", "echo anew").output == "anew\n");
  CHECK(outer.logins() == 1);
}

TEST_CASE("jumps that lead in a circle are refused by their names") {
  runtime rt{quiet_configuration({unreachable("a")})};
  auto b = unreachable("b");
  b.jump = "a";
  REQUIRE(bool{rt.register_cluster(b)});
  auto a = unreachable("a");
  a.jump = "b";
  CHECK_THAT(rt.register_cluster(a).error().text, Contains("'a' by 'b' by 'a'"));
  CHECK_THAT(rt.set("a", "jump", "b").error().text, Contains("in a circle"));
  auto own = unreachable("c");
  own.jump = "c";
  CHECK_THAT(rt.register_cluster(own).error().text, Contains("its own jump"));
  // In a configuration that a host made itself they are left out, with those behind them, for that reason.
  auto behind = unreachable("d");
  behind.jump = "a";
  runtime other{quiet_configuration({a, b, behind, unreachable("e")})};
  CHECK_THAT(other.try_acquire("a", {1s}).error().text, Contains("'a' by 'b' by 'a'"));
  CHECK_THAT(other.try_acquire("d", {1s}).error().text, Contains("'d' by 'a' by 'b' by 'a'"));
  REQUIRE(bool{other.pool("e")});
}

TEST_CASE("a jump host that stands still for a while costs nobody the session behind it") {
  support::real_sshd outer, inner;
  runtime rt{quiet_configuration({settings_for(outer, gate), behind(inner, "inner")})};
  auto lease = rt.acquire("inner", 30s);
  support::scratch_folder folder;
  auto running = begins_and_waits(lease, folder);
  outer.freeze();
  std::filesystem::create_directory(folder / "go");
  CHECK(running.wait_for(3s) == std::future_status::timeout);
  outer.thaw();
  CHECK(running.get().output == "went on\n");
  CHECK(lease.run("echo still here").output == "still here\n");
  CHECK(outer.logins() == 1);
  CHECK(inner.logins() == 1);
}

TEST_CASE(
    "a jump host that stands still costs nobody a session for as long as keep-alives allow, and no longer") {
  support::real_sshd outer, inner;
  auto hasty = [](cluster_settings settings) {
    settings.probe_interval = 100ms;
    settings.probe_interval_unhealthy = 100ms;
    settings.probe_timeout = 100ms; // what is in use is not probed
    settings.keep_alive_count_max = 1;
    return settings;
  };
  auto jump = hasty(settings_for(outer, gate)), carried = hasty(behind(inner, "inner"));
  std::string cause;
  int outer_logins = 1;
  SECTION("while neither's are over") {}
  SECTION("until the jump host's own are over") {
    jump.keep_alive_interval = 1s;
    cause = "the jump host 'gate'";
    outer_logins = 2;
  }
  SECTION("until those of what it carries are over, which is nothing to the jump host") {
    carried.keep_alive_interval = 1s;
    cause = "1 keep-alive question unanswered";
  }
  runtime rt{quiet_configuration({jump, carried})};
  auto lease = rt.acquire("inner", 30s);
  support::scratch_folder folder;
  auto running = begins_and_waits(lease, folder);
  outer.freeze();
  if (cause.empty()) {
    CHECK(running.wait_for(3s) == std::future_status::timeout);
  } else {
    auto ended = running.get().ended;
    CHECK(ended.kind == outcome_kind::maybe_ran);
    CHECK_THAT(ended.cause.text, Contains(cause));
  }
  std::filesystem::create_directory(folder / "go");
  outer.thaw();
  if (cause.empty()) {
    CHECK(running.get().output == "went on\n");
    CHECK(lease.run("echo still here").output == "still here\n");
    CHECK(rt.pool(gate)->counters.probes_failed + rt.pool("inner")->counters.probes_failed == 0);
  } else {
    CHECK(run_on(rt, "inner", "echo anew").output == "anew\n");
  }
  for (const char* name : {gate, "inner"})
    CHECK(rt.pool(name)->latched.code == errc::none);
  CHECK(outer.logins() == outer_logins);
  CHECK(inner.logins() == (cause.empty() ? 1 : 2));
}
