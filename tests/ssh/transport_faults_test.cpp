// Openings that fail: each says at which stage, of whom, why, and what to do.
#include <algorithm>
#include <catch2/catch.hpp>
#include <future>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fcntl.h>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/listener.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::breakage;
using support::fake_faults;
using support::fake_sshd;
using support::phase;
using support::reply;

namespace {

/// Opens against the server, expects a failure, and returns it; nothing of the attempt may be left.
ssh_error failure_of(world& around, const cluster_settings& settings, const fake_sshd& server) {
  ssh_error error;
  {
    driven link{around, settings};
    CHECK(!link.open(settings.connect_timeout + 10s));
    REQUIRE(link.failed);
    error = *link.failed;
    CHECK(link.longest_pump < 3s);
    CHECK(!link.pump());
    CHECK(sockets_to(server) == 0);
  }
  CHECK(sockets_to(server) == 0);
  CHECK(around.loop.watched() == 0);
  return error;
}

ssh_error failure_of(const fake_faults& faults, std::chrono::milliseconds patience = 5s) {
  fake_sshd server{faults};
  world around;
  auto settings = around.settings_for(server);
  settings.connect_timeout = patience;
  auto error = failure_of(around, settings, server);
  CHECK(error.text.find("tester@[127.0.0.1]:" + std::to_string(server.port())) != std::string::npos);
  return error;
}

bool mentions(const ssh_error& error, const std::string& word) {
  return error.text.find(word) != std::string::npos;
}

/// The limit under which so many descriptors are left to open.
rlim_t limit_with_room(std::size_t room) {
  for (int number = 0;; ++number)
    if (::fcntl(number, F_GETFD) < 0 && room-- == 0)
      return static_cast<rlim_t>(number);
}

/// Its backlog is full: further connects get no answer.
struct deaf_port : support::listener {
  deaf_port() : listener("127.0.0.2", 0) {
    for (auto& filler : fillers)
      filler = connect();
  }
  unique_fd fillers[4];
};

} // namespace

TEST_CASE("a port that refuses is told at once", "[transport]") {
  support::fake_sshd_settings closed;
  closed.listening = false;
  fake_sshd server{closed};
  world around;
  auto error = failure_of(around, around.settings_for(server), server);
  CHECK(error.stage == ssh_stage::connect);
  CHECK(error.kind == ssh_failure::refused);
  CHECK(mentions(error, "127.0.0.1:" + std::to_string(server.port())));
}

TEST_CASE("an address that never answers ends at the deadline, at the stage connect", "[transport]") {
  deaf_port deaf;
  world around;
  fake_sshd server;
  auto settings = around.settings_for(server);
  settings.host = "127.0.0.2";
  settings.port = deaf.port();
  settings.connect_timeout = 2s; // a busy machine needs some of it before the connect
  auto error = failure_of(around, settings, server);
  CHECK(error.stage == ssh_stage::connect);
  CHECK(error.kind == ssh_failure::timed_out);
  CHECK(mentions(error, "within 2s"));
  CHECK(mentions(error, "127.0.0.2:" + std::to_string(deaf.port())));
}

TEST_CASE("the first address is dead and the second alive: it opens", "[transport]") {
  world around;
  SECTION("refusing") {
    fake_sshd server;
    around.resolve = resolves_to({"127.0.0.3", "127.0.0.1"});
    auto settings = around.settings_for(server);
    settings.host = "login.example";
    settings.strict_host_keys = host_key_policy::off;
    driven link{around, settings};
    REQUIRE(link.open());
    CHECK(link.steps[2].text.find("127.0.0.1:") == 0);
    CHECK(link.steps[2].text.find("127.0.0.3:") != std::string::npos);
  }
  SECTION("silent") {
    deaf_port deaf;
    support::fake_sshd_settings there;
    there.port = deaf.port();
    fake_sshd server{there};
    around.resolve = resolves_to({"127.0.0.2", "127.0.0.1"});
    auto settings = around.settings_for(server);
    settings.host = "login.example";
    settings.strict_host_keys = host_key_policy::off;
    settings.connect_timeout = 5s;
    driven link{around, settings};
    REQUIRE(link.open());
    CHECK(link.steps[2].took >= 2s);
    CHECK(link.steps[2].took < settings.connect_timeout);
  }
}

TEST_CASE("an IPv6 address works like any other", "[transport]") {
  support::fake_sshd_settings six;
  six.host = "::1";
  fake_sshd server{six};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(link.steps[2].text == "[::1]:" + std::to_string(server.port()));
  CHECK(link.run("echo six").output == "six\n");
}

TEST_CASE("a silent server ends the opening at its deadline, and the error names the stage", "[transport]") {
  struct expected {
    phase at;
    ssh_stage stage;
    const char* word;
  };
  auto [at, stage, word] = GENERATE(table<phase, ssh_stage, const char*>({
      {phase::accepted, ssh_stage::key_exchange, "said nothing"},
      {phase::banner, ssh_stage::key_exchange, "SSH-2.0"},
      {phase::key_exchange, ssh_stage::key_exchange, "fell silent"},
      {phase::authentication, ssh_stage::authenticate, "connect_timeout"},
  }));
  CAPTURE(static_cast<int>(at));
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = breakage::silence;
  // A busy machine needs some of it to get there.
  const auto patience = at == phase::authentication ? 4s : 2s;
  auto error = failure_of(faults, patience);
  CAPTURE(error.text);
  CHECK(error.stage == stage);
  CHECK(error.kind == ssh_failure::timed_out);
  CHECK(mentions(error, word));
  CHECK(mentions(error, at == phase::authentication ? "within 4s" : "within 2s"));
}

TEST_CASE("a link that is cut while it opens is a reset at that stage", "[transport]") {
  auto how = GENERATE(breakage::reset, breakage::close, breakage::disconnect);
  auto [at, stage] = GENERATE(table<phase, ssh_stage>({
      {phase::accepted, ssh_stage::key_exchange},
      {phase::banner, ssh_stage::key_exchange},
      {phase::key_exchange, ssh_stage::key_exchange},
      {phase::authentication, ssh_stage::authenticate},
  }));
  CAPTURE(static_cast<int>(how), static_cast<int>(at));
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = how;
  auto error = failure_of(faults);
  CAPTURE(error.text);
  // A reset may overtake the news that the connection is up.
  CHECK((error.stage == stage || (at <= phase::banner && error.stage == ssh_stage::connect)));
  // Who hangs up before a word turns us away; a reset may overtake the banner.
  auto without_a_word = error.stage == ssh_stage::key_exchange && at <= phase::banner;
  auto may_overtake = at == phase::banner && how == breakage::reset;
  if (!(without_a_word && may_overtake))
    CHECK(error.kind ==
          (without_a_word && at == phase::accepted ? ssh_failure::turned_away : ssh_failure::reset));
  CHECK(is_transient(error.kind));
}

TEST_CASE("a server that says that it lets us go no further for now has turned us away", "[transport]") {
  fake_faults faults;
  faults.break_at = phase::banner;
  faults.break_how = breakage::close;
  faults.foreign_banner =
      GENERATE(as<std::string>(), "Exceeded MaxStartups\r\n", "Not allowed at this time\r\n");
  auto error = failure_of(faults);
  CAPTURE(error.text);
  CHECK(error.stage == ssh_stage::key_exchange);
  CHECK(error.kind == ssh_failure::turned_away);
  CHECK(mentions(error, faults.foreign_banner.substr(0, faults.foreign_banner.size() - 2)));
}

TEST_CASE("a link that is reset before a word of either side turns us away, and libssh does not see it",
          "[transport]") {
  support::listener listener;
  world around;
  driven link{around, hostile_settings(around, listener.host(), listener.port())};
  link.it->open();
  REQUIRE(link.until([&] { return listener.asked(); }));
  auto server = listener.accept();
  char byte = 0; // it is connected, and speaks in a pump of its own
  REQUIRE(::recv(server.get(), &byte, 1, MSG_DONTWAIT) < 0);
  linger at_once{1, 0};
  ::setsockopt(server.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  server.reset();
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(link.failed->stage <= ssh_stage::key_exchange); // the reset may overtake the news that the link is up
  CHECK(link.failed->kind ==
        (link.failed->stage == ssh_stage::connect ? ssh_failure::reset : ssh_failure::turned_away));
}

TEST_CASE("what is not an SSH server is told by what it said", "[transport]") {
  fake_faults faults;
  faults.foreign_banner = "220 mail.example ESMTP\r\n";
  auto error = failure_of(faults, 2s);
  CHECK(error.stage == ssh_stage::key_exchange);
  CHECK(error.kind == ssh_failure::protocol);
  CHECK(mentions(error, "220 mail.example ESMTP"));
}

TEST_CASE("an overlong banner is refused", "[transport]") {
  fake_faults faults;
  faults.foreign_banner = "SSH-2.0-" + std::string(2'000, 'x') + "\r\n";
  auto error = failure_of(faults);
  CHECK(error.stage == ssh_stage::key_exchange);
  CHECK(error.kind == ssh_failure::protocol);
}

TEST_CASE("a slow or talkative server still opens", "[transport]") {
  fake_faults faults;
  SECTION("late banner") {
    faults.banner_delay = 300ms;
  }
  SECTION("lines before the banner") {
    faults.lines_before_banner = "Welcome\r\nto the cluster\r\n";
  }
  SECTION("one byte at a time") {
    faults.one_byte_writes = true;
  }
  SECTION("slow authentication") {
    faults.auth_delay = 300ms;
  }
  SECTION("far away") {
    faults.latency = 30ms;
  }
  fake_sshd server{faults};
  world around;
  auto settings = around.settings_for(server);
  settings.connect_timeout =
      patient; // each byte wakes us, which takes its time where many others wait for a processor
  driven link{around, settings};
  link.open();
  INFO((link.failed ? link.failed->text : ""));
  REQUIRE(link.opened);
  CHECK(link.run("echo open").output == "open\n");
}

TEST_CASE("an unknown host key and a changed one are refused before anything secret is sent", "[transport]") {
  fake_sshd server;
  world around;
  auto settings = around.settings_for(server);
  SECTION("unknown") {
    settings.known_hosts_files = {around.home / "empty"};
    auto error = failure_of(around, settings, server);
    CHECK(error.stage == ssh_stage::host_key);
    CHECK(error.kind == ssh_failure::host_key_unknown);
    CHECK(mentions(error, server.host_key_fingerprint()));
  }
  SECTION("changed") {
    auto known = server.host_key_fingerprint();
    server.change_host_key();
    auto error = failure_of(around, settings, server);
    CHECK(error.kind == ssh_failure::host_key_changed);
    CHECK(mentions(error, server.host_key_fingerprint()));
    CHECK(mentions(error, known));
  }
  SECTION("unknown, accepted and written down") {
    settings.known_hosts_files = {around.home / "new"};
    settings.strict_host_keys = host_key_policy::accept_new;
    driven first{around, settings};
    REQUIRE(first.open());
    settings.strict_host_keys = host_key_policy::strict;
    driven second{around, settings};
    CHECK(second.open());
  }
  CHECK(server.counters().auth_tries == server.counters().logins);
}

TEST_CASE("a denied log-in says what was tried", "[transport]") {
  fake_faults faults;
  faults.keys_accepted = {"ssh-ed25519 AAAA"};
  auto error = failure_of(faults);
  CHECK(error.stage == ssh_stage::authenticate);
  CHECK(error.kind == ssh_failure::denied);
}

TEST_CASE("at the descriptor limit the opening fails with the limit in its text, and nothing is lost",
          "[transport]") {
  support::real_sshd server;
  world around;
  auto settings = around.settings_for(server);
  {
    driven warm{around, settings};
    REQUIRE(warm.open());
  }
  auto before = descriptors();
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  std::string told;
  for (std::size_t room = 0; room < 4; ++room) { // none, the socket, half a pair too, all
    // Held back until the files have been read: the limit strikes as the socket is made.
    std::promise<void> limited;
    around.resolve = [&, found = resolves_to({"127.0.0.1"})](const std::string& host, std::uint16_t port) {
      limited.get_future().wait();
      return found(host, port);
    };
    settings.host = "login.example";
    settings.strict_host_keys = host_key_policy::off;
    driven held{around, settings};
    held.it->open();
    held.pump();
    held.until([] { return false; }, 1s); // the key files are read meanwhile
    rlimit tight{limit_with_room(room), old.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &tight);
    limited.set_value();
    held.until([&] { return held.opened || held.failed; });
    ::setrlimit(RLIMIT_NOFILE, &old);
    around.resolve = system_resolver();
    if (held.failed) {
      CAPTURE(held.failed->text);
      CHECK(held.failed->kind == ssh_failure::descriptor_limit);
      CHECK(mentions(*held.failed, "limit " + std::to_string(tight.rlim_cur)));
      CHECK(
          mentions(*held.failed, "the process that has the pools (pid " + std::to_string(::getpid()) + ")"));
      told += to_string(held.failed->stage) + " ";
    } else {
      told += "open ";
    }
  }
  CHECK(told == "connect key_exchange key_exchange open ");
  CHECK(descriptors() == before);
}

TEST_CASE("an opening can be dropped or closed at any moment", "[transport]") {
  auto at = GENERATE(phase::accepted, phase::banner, phase::key_exchange, phase::authentication);
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = breakage::silence;
  fake_sshd server{faults};
  world around;
  auto settings = around.settings_for(server);
  {
    driven closed{around, settings};
    driven dropped{around, settings};
    closed.it->open();
    dropped.it->open();
    auto struck = [&] {
      dropped.pump();
      return server.counters().broken >= 2;
    };
    REQUIRE(closed.until(struck));
    CHECK(closed.close() < prompt);
    CHECK(closed.closed);
    CHECK(!closed.failed);
  }
  CHECK(sockets_to(server) == 0);
  CHECK(around.loop.watched() == 0);
}
