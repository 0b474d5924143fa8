// Bad days of a site with a real sshd, by the names that tests/scenarios.md tells them by: in each everybody
// has one answer, no more log-ins come than the budget allows, nobody is banned, and afterwards all is as
// before.
#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <thread>

#include "messages/durations.hpp"
#include "tests/runtime/scenario.hpp"
#include "tests/runtime/sleeping_clock.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;

namespace {

constexpr int crowd = 500;

acquire_options patient() {
  return {.patience = 2min, .label = "patient", .stop = {}, .wait_for_ready = true};
}

exec_request command(std::string line, std::chrono::milliseconds timeout = 0ms) {
  exec_request request;
  request.command = std::move(line);
  request.timeout = timeout;
  return request;
}

/// Five hundred, of whom the first do something that takes time: a server that cuts does it before they are
/// through.
void ask_in_earnest(scenario& day) {
  constexpr int busy = 24;
  day.ask(busy, patient(), command("sleep 1"));
  day.ask(crowd - busy, patient());
}

/// What holds in each scenario, however it went, and that the pool serves again.
void ends_well(scenario& day) {
  CHECK(day.all_answered());
  auto granted = day.saw("granted");
  day.ask(20, patient());
  CHECK(day.all_answered());
  CHECK(day.saw("granted") == granted + 20);
  CHECK(day.rt().run("site", "echo well", 60s).output == "well\n");
  CHECK(day.log_ins() <= day.allowed());
  CHECK(day.welcome());
}

/// Somebody at another address who has connected and logs in never.
class stranger {
public:
  /// The server has begun to serve it.
  bool occupies(const support::real_sshd& sshd) {
    fd_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in from{}, to{};
    from.sin_family = to.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(sshd.port());
    char first;
    return bind(fd_.get(), reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
           connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) == 0 &&
           recv(fd_.get(), &first, 1, 0) == 1;
  }

private:
  unique_fd fd_;
};

/// Ends each connection as soon as it was let in, until this object goes.
class cutting {
public:
  explicit cutting(support::real_sshd& sshd)
      : cutter_([&sshd](const std::stop_token& stop) {
          for (int in = sshd.logins(); !stop.stop_requested();)
            if (sshd.wait_for_log("Accepted publickey for", in + 1, 100ms)) {
              in = sshd.logins();
              sshd.kill_connections();
            }
        }) {}

private:
  std::jthread cutter_;
};

} // namespace

TEST_CASE("on a server with MaxSessions 2 no user sees an error, and the pool learns it", "[long][alone]") {
  support::real_sshd_settings server;
  server.max_sessions = 2;
  scenario day{"MaxSessions 2", server};
  day.begin();
  day.ask(crowd / 5, patient(), command("sleep 0.1"));
  day.ask(crowd * 4 / 5, patient());
  CHECK(day.all_answered());
  CHECK(day.saw_only({"granted", "exited 0"}));
  CHECK(day.events(event_kind::learnt) > 0);
  day.look("when all were served");
  ends_well(day);
}

TEST_CASE("at a server that turns log-ins away since strangers fill it, five hundred wait and are served",
          "[long][alone]") {
  support::real_sshd_settings server;
  server.max_startups = "3:50:6";
  scenario day{"MaxStartups 3:50:6", server};
  auto folder = day.sshd().folder();
  // A log-in takes its time there, and counts against MaxStartups for as long.
  std::ofstream{folder + "/keys"} << "sleep 1; cat " << folder << "/authorized_keys\n";
  day.sshd().reconfigure({"AuthorizedKeysFile none", "AuthorizedKeysCommand /bin/sh " + folder + "/keys",
                          "AuthorizedKeysCommandUser " + day.sshd().user()});
  std::vector<stranger> strangers(6);
  for (auto& each : strangers)
    REQUIRE(each.occupies(day.sshd()));
  day.begin();
  day.ask(crowd, patient());
  REQUIRE(day.wait_for(event_kind::turned_away));
  day.look("while strangers fill the server");
  strangers.clear();
  CHECK(day.all_answered());
  CHECK(day.saw_only({"granted"}));
  ends_well(day);
}

TEST_CASE("a host that freezes and thaws costs its users the commands that ran, and nobody a ban",
          "[long][alone]") {
  scenario day{"the host freezes and thaws"};
  day.settings().min_idle = 4;
  day.settings().connect_timeout = 5s;
  day.settings().probe_timeout = 1s;
  day.settings().probe_interval_unhealthy = 1s;
  day.begin();
  REQUIRE(day.wait_for(event_kind::opened, 4));
  day.sshd().freeze();
  day.ask(crowd / 10, patient(), command("echo heard", 2s));
  day.ask(crowd * 9 / 10, patient());
  REQUIRE(day.wait_for(event_kind::open_failed));
  day.look("while the host is frozen");
  day.sshd().thaw();
  CHECK(day.all_answered());
  // What was given up had not even had a channel, or might have run: both are said as they were.
  CHECK(day.saw_only({"granted", "exited 0", "never_sent, command_timeout", "maybe_ran, command_timeout",
                      "never_sent, connection_lost", "maybe_ran, connection_lost",
                      "never_sent, channel_late"}));
  ends_well(day);
}

TEST_CASE("a host key that changes ends no open connection, and who needs another is told what to do",
          "[long][alone]") {
  scenario day{"the host key changes"};
  day.settings().channels_per_connection = 1;
  day.begin();
  auto held = day.rt().acquire("site", 60s);
  auto running = held.open({"cat", {}, {}, {}, 0});
  auto before = day.log_ins();
  day.sshd().change_host_keys_by_signal();
  const auto file = day.sshd().known_hosts();
  // Who may still be served by what is open waits for it.
  day.ask(crowd / 2, {.patience = 3s, .label = {}, .stop = {}});
  CHECK(day.all_answered());
  CHECK(day.saw("acquire_timeout") == crowd / 2);
  CHECK_THAT(day.told("acquire_timeout"), Contains("ssh-keygen -R") && Contains(file));
  day.look("while the key is not the known one");
  REQUIRE(running.write("still here"));
  running.end_input();
  stream::chunk chunk;
  REQUIRE(running.read(chunk));
  CHECK(chunk.bytes == "still here");
  REQUIRE(bool{held.release()});
  REQUIRE(bool{day.rt().disconnect("site")});
  day.ask(crowd / 2);
  CHECK(day.all_answered());
  CHECK(day.saw("host_key_changed") == crowd / 2);
  CHECK_THAT(day.told("host_key_changed"), Contains("ssh-keygen -R") && Contains(file));
  CHECK(day.events(event_kind::latched) == 1);
  CHECK(day.log_ins() <= before + 2); // those that were under way together
  day.sshd().write_known_hosts();
  // It is looked at when somebody asks, every ten seconds at most.
  auto until = std::chrono::steady_clock::now() + 60s;
  while (!day.events(event_kind::changed) && std::chrono::steady_clock::now() < until) {
    static_cast<void>(day.rt().try_acquire("site", {20s, {}, {}}));
    day.wait_for(event_kind::changed, 1, 1s);
  }
  ends_well(day);
}

TEST_CASE(
    "while the name service is away or knows no such name nobody knocks, and who waits is served after it",
    "[long][alone]") {
  scenario day{"the name service goes away"};
  if (!day.network())
    return;
  support::name_service names{"login.site.test"};
  if (!names) {
    WARN("not tested: " + names.why_not());
    return;
  }
  support::scratch_folder folder;
  std::ofstream{folder / "known_hosts"} << "[login.site.test]:" << day.sshd().port() << " "
                                        << day.sshd().host_key() << "\n";
  day.settings().host = "login.site.test";
  day.settings().known_hosts_files = {folder / "known_hosts"};
  day.begin();
  names.be(support::name_service::manner::silent);
  day.ask(crowd / 2, patient());
  day.ask(1, {.patience = 60s, .label = {}, .stop = {}});
  REQUIRE(day.wait_for(event_kind::backing_off));
  REQUIRE(day.wait_for(event_kind::refused));
  CHECK(day.all_but(crowd / 2));
  day.look("while the resolver is silent");
  CHECK_THAT(day.told("connect_failed"), Contains("login.site.test") && Contains("resolver may be down"));
  names.be(support::name_service::manner::unknown);
  auto failed = day.events(event_kind::open_failed);
  REQUIRE(day.wait_for(event_kind::open_failed, failed + 2)); // the first may have asked before
  day.look("while there is no such name");
  day.ask(crowd / 2, patient());
  CHECK(day.log_ins() == 0);
  names.be(support::name_service::manner::answers);
  CHECK(day.all_answered());
  CHECK(day.saw_only({"granted", "connect_failed"}));
  CHECK(day.saw("granted") == crowd);
  ends_well(day);
}

TEST_CASE(
    "a server that lets in and cuts is left alone for longer each time, and who waits is served after it",
    "[long][alone]") {
  scenario day{"the server lets in and cuts"};
  day.begin();
  {
    cutting cuts{day.sshd()};
    ask_in_earnest(day);
    REQUIRE(day.wait_for(event_kind::backing_off, 2));
    day.look("while the server cuts");
  }
  CHECK(day.all_answered());
  CHECK(day.saw("exited 0") + day.saw("granted") > crowd * 9 / 10);
  ends_well(day);
}

TEST_CASE("after a laptop's sleep what is open is asked before anybody comes, and who comes then is served",
          "[long][alone]") {
  scenario day{"a laptop's sleep"};
  day.settings().min_idle = 4;
  day.settings().probe_timeout = 1s;
  day.settings().probe_interval_unhealthy = 1s;
  day.begin();
  REQUIRE(day.wait_for(event_kind::opened, 4));
  // What lies in between has forgotten them: nothing is heard of their peers, not even an end.
  day.sshd().freeze_connections();
  machine_slept_for(8h);
  REQUIRE(day.wait_for(event_kind::checking));
  CHECK_THAT(day.text_of(event_kind::checking),
             Contains("asleep for " + to_text(8h)) && Contains("4 open connections are in doubt"));
  REQUIRE(day.wait_for(event_kind::closing, 4));
  day.look("when all have been found out");
  day.ask(crowd / 10, patient(), command("echo heard"));
  day.ask(crowd * 9 / 10, patient());
  CHECK(day.all_answered());
  CHECK(day.saw_only({"granted", "exited 0"}));
  ends_well(day);
}

TEST_CASE("a site that bans who knocks faster than the budget allows does not ban five hundred of us",
          "[long][alone]") {
  support::real_sshd_settings server;
  server.max_startups = "3:50:6";
  scenario day{"a site that bans", server};
  if (!day.network())
    return;
  std::vector<stranger> strangers(6);
  for (auto& each : strangers)
    REQUIRE(each.occupies(day.sshd()));
  day.begin();
  ask_in_earnest(day);
  REQUIRE(day.wait_for(event_kind::turned_away));
  {
    cutting cuts{day.sshd()};
    strangers.clear();
    REQUIRE(day.wait_for(event_kind::backing_off));
    day.look("after it was full, and as it cuts");
  }
  CHECK(day.all_answered());
  CHECK(day.saw("exited 0") + day.saw("granted") > crowd * 9 / 10);
  ends_well(day);
}

TEST_CASE("the site of the scenarios bans whoever keeps to no budget", "[long][alone]") {
  scenario day{"the same without a budget"};
  if (!day.network())
    return;
  day.settings().log_ins_per_minute = 0;
  day.settings().penalty_max = 0ms;
  day.begin();
  cutting cuts{day.sshd()};
  ask_in_earnest(day);
  for (int count = 1; count < 100 && day.welcome(); ++count)
    day.wait_for(event_kind::opening, count, 1s);
  CHECK_FALSE(day.welcome());
}
