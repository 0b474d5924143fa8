// What an opening does about a host key that cannot be looked up or written down as it should.
#include <cstdlib>
#include <fstream>
#include <future>
#include <sstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/login/credentials_look.hpp"
#include "runtime/ssh/opening/files_state.hpp"
#include "tests/ssh/transport_driver.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::fake_faults;
using support::fake_sshd;
using support::held_lock;

cluster_settings meeting_anew(world& around, const fake_sshd& server, const std::string& known_hosts) {
  auto settings = around.settings_for(server);
  settings.known_hosts_files = {known_hosts};
  settings.strict_host_keys = host_key_policy::accept_new;
  return settings;
}

} // namespace

TEST_CASE("while known_hosts is locked log-ins go on, tell of it every time, and refuse a changed key",
          "[transport]") {
  fake_sshd server;
  world around;
  const auto file = around.home / "locked";
  auto settings = meeting_anew(around, server, file);
  {
    held_lock held{file};
    for (int time = 0; time < 2; ++time) {
      driven link{around, settings};
      REQUIRE(link.open());
      REQUIRE(link.warnings.size() == 1);
      CHECK_THAT(link.warnings[0], Contains(server.host_key_fingerprint()) && Contains(file) &&
                                       Contains("could not be written down") && Contains("locked"));
      const auto& step = link.steps.at(4);
      CHECK(step.stage == ssh_stage::host_key);
      CHECK_THAT(step.text, Contains("not written down") && !Contains("written to"));
      if (time == 0) { // the lock is waited for, a second
        CHECK(step.took >= 1s);
        CHECK(step.took < 20s);
      }
    }
    CHECK(support::contents_of(file).empty());
    const auto known = server.host_key_fingerprint();
    server.change_host_key();
    driven link{around, settings};
    CHECK_FALSE(link.open());
    REQUIRE(link.failed);
    CHECK(link.failed->kind == ssh_failure::host_key_changed);
    CHECK_THAT(link.failed->text, Contains(known) && Contains(server.host_key_fingerprint()));
  }
  CHECK(support::contents_of(file).empty());
}

TEST_CASE("that a new key is trusted from now on is told, once", "[transport]") {
  fake_sshd server;
  world around;
  const auto file = around.home / "new";
  auto settings = meeting_anew(around, server, file);
  driven first{around, settings};
  REQUIRE(first.open());
  REQUIRE(first.warnings.size() == 1);
  CHECK_THAT(first.warnings[0],
             Contains(server.host_key_fingerprint()) &&
                 Contains("was not known; it is trusted from now on, and written to " + file));
  driven second{around, settings};
  REQUIRE(second.open());
  CHECK(second.warnings.empty());
}

TEST_CASE("a log-in that is refused tells what its files were like before they were read", "[transport]") {
  fake_faults faults;
  SECTION("denied") {
    faults.keys_accepted = {"ssh-ed25519 AAAA"};
  }
  SECTION("another host key") {}
  fake_sshd server{faults};
  world around;
  auto settings = around.settings_for(server);
  if (faults.keys_accepted.empty())
    server.change_host_key();
  const files_used used{credentials_state(settings, {}), host_keys_state(settings, {})};
  driven link{around, settings};
  link.it->open();
  REQUIRE(link.until([&] { return server.counters().connects > 0; })); // so they have been read
  for (const auto& file : {settings.key_files.at(0), settings.known_hosts_files.at(0)})
    std::ofstream{file, std::ios::app} << "# mended" << std::endl;
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(is_latching(link.failed->kind));
  CHECK(link.files == used);
  CHECK(credentials_state(settings, {}) != used.credentials);
  CHECK(host_keys_state(settings, {}) != used.host_keys);
}

TEST_CASE("a look sees what the log-in saw, also where the environment names no home", "[transport]") {
  const char* usual = std::getenv("HOME");
  const std::string home = usual != nullptr ? usual : "";
  ::unsetenv("HOME");
  fake_sshd server;
  world around;
  auto settings = around.settings_for(server);
  settings.known_hosts_files = {"~/."}; // a folder, which cannot be read as a file
  around.around = {};
  driven link{around, settings};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::known_hosts_unreadable);
  bell looked;
  auto look = look_at_credentials_of(settings, true, looked.ring(), around.parts());
  auto seen = look->state();
  while (!seen && looked.wait_until(std::chrono::steady_clock::now() + patient))
    seen = look->state();
  if (usual != nullptr)
    ::setenv("HOME", home.c_str(), 1);
  REQUIRE(seen);
  CHECK_FALSE(seen->empty());
  CHECK(*seen == link.files.host_keys);
  CHECK(*seen != "none ");
}

TEST_CASE("a wait for known_hosts never uses up a short connect_timeout", "[transport]") {
  fake_sshd server;
  world around;
  const auto file = around.home / "locked";
  auto settings = meeting_anew(around, server, file);
  settings.connect_timeout = 900ms; // less than a lock is waited for at most
  held_lock held{file};
  bool opened = false;
  for (int time = 0; time < 20 && !opened; ++time) { // a busy machine may well need more than that by itself
    driven link{around, settings};
    opened = link.open();
  }
  CHECK(opened);
}

TEST_CASE("a key that was kept in memory is written down once the file can be written", "[transport]") {
  fake_sshd server;
  world around;
  const auto file = around.home / "locked";
  auto settings = meeting_anew(around, server, file);
  {
    held_lock held{file};
    driven link{around, settings};
    REQUIRE(link.open());
  }
  driven link{around, settings};
  REQUIRE(link.open());
  CHECK(link.warnings.empty());
  CHECK_THAT(link.steps.at(4).text, Contains("written to " + file));
  CHECK(support::contents_of(file) == server.known_hosts_line() + "\n");
}

TEST_CASE("a known_hosts file that cannot be read whole refuses a log-in before the server is asked",
          "[transport]") {
  fake_sshd server;
  world around;
  const auto file = around.home / "known";
  auto settings = meeting_anew(around, server, file);
  settings.strict_host_keys =
      GENERATE(host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off);
  server.write_known_hosts(file);
  server.change_host_key();
  SECTION("too large") {
    REQUIRE(::truncate(file.c_str(), known_hosts_size_max + 1) == 0);
  }
  SECTION("a NUL in the line of the key that has changed") {
    std::ofstream{file, std::ios::binary} << std::string(1, '\0') << server.known_hosts_line() << "\n";
  }
  SECTION("no ordinary file") {
    settings.known_hosts_files = {"/dev/zero"};
  }
  driven link{around, settings};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::known_hosts_unreadable);
  CHECK(is_latching(link.failed->kind));
  CHECK(refusal_for(link.failed->kind) == errc::known_hosts_unreadable);
  CHECK_THAT(link.failed->text, Contains(settings.known_hosts_files[0]) && Contains("known_hosts_files"));
  CHECK(server.counters().connects == 0);
}

TEST_CASE("a revoked key has a code of its own, and is latched", "[transport]") {
  fake_sshd server;
  world around;
  const auto file = around.home / "known";
  auto settings = meeting_anew(around, server, file);
  std::ofstream{file} << server.known_hosts_line() << "\n@revoked * " << server.host_key() << "\n";
  driven link{around, settings};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->kind == ssh_failure::host_key_revoked);
  CHECK(is_latching(link.failed->kind));
  CHECK(refusal_for(link.failed->kind) == errc::host_key_revoked);
  CHECK_THAT(link.failed->text, Contains("revoked at " + file + ":2"));
  CHECK(server.counters().auth_tries == 0);
}

TEST_CASE("an opening whose cluster's threads are both stuck fails at once with what they are stuck in",
          "[transport]") {
  fake_sshd server;
  world around{1ms};
  std::promise<void> gate;
  auto opened = gate.get_future().share();
  around.resolve = [opened](const std::string&, std::uint16_t) {
    opened.wait();
    return resolution{};
  };
  auto settings = around.settings_for(server);
  settings.host = "login.example";
  settings.connect_timeout = 1s;
  std::optional<ssh_error> stuck;
  for (int time = 0; time < 20 && !stuck;
       ++time) { // the first two wait in the look-up for as long as they may
    driven link{around, settings};
    link.open();
    REQUIRE(link.failed);
    if (link.failed->text.find("stuck") != std::string::npos)
      stuck = link.failed;
  }
  REQUIRE(stuck);
  CHECK(stuck->kind == ssh_failure::timed_out);
  CHECK_THAT(stuck->text, Contains("the look-up of the name 'login.example'"));
  // Another cluster takes no notice.
  around.resolve = system_resolver();
  auto other = around.settings_for(server);
  other.name = "another";
  driven link{around, other};
  CHECK(link.open());
  gate.set_value();
}

} // namespace moorage::test
