// Proxy commands that misbehave: each ends its own connection at most, and says why.
#include <cerrno>
#include <csignal>
#include <future>
#include <optional>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "runtime/ssh/opening/proxy_command.hpp"
#include "tests/ssh/hostile_driver.hpp"
#include "tests/ssh/proxy_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::real_sshd;

namespace {

/// Far below the patience that an opening has.
constexpr std::chrono::seconds at_once{15};

/// Its opening, which fails.
ssh_error fails(driven& link) {
  REQUIRE_FALSE(link.open());
  REQUIRE(link.failed);
  return *link.failed;
}

/// The signal's disposition, for a while.
class disposition {
public:
  disposition(int signal, void (*handler)(int)) : signal_(signal) {
    struct sigaction wanted {};
    wanted.sa_handler = handler;
    wanted.sa_flags = SA_RESTART;
    ::sigaction(signal, &wanted, &before_);
  }
  ~disposition() { ::sigaction(signal_, &before_, nullptr); }
  disposition(const disposition&) = delete;
  disposition& operator=(const disposition&) = delete;

private:
  int signal_;
  struct sigaction before_ {};
};

std::atomic<int> pipe_signals{0};

} // namespace

TEST_CASE("a proxy that ends at once says how, and what it said", "[proxy]") {
  struct death {
    const char* command;
    const char* told;
  };
  const death deaths[] = {
      {"sh -c 'echo cloudflared: no such tunnel >&2; exit 1'",
       "tester@login.example: the proxy command exited with 1: cloudflared: no such tunnel"},
      {"sh -c 'echo one >&2; printf \"two\\033\\r\\n\" >&2; kill -KILL $$'",
       "tester@login.example: the proxy command was ended by signal 9 (Killed): one\ntwo\\x1b"},
      {"sh -c 'exit 3'", "tester@login.example: the proxy command exited with 3"},
      // What it says itself is no word of a server's that turns us away.
      {"sh -c 'echo vpn down >&2'", "tester@login.example: the proxy command exited with 0: vpn down"},
      // Nothing but its end tells of it: another holds the socket.
      {"sh -c 'sleep 1000 & echo gone >&2; exit 3'",
       "tester@login.example: the proxy command exited with 3: gone"},
      // It closes the socket, and then takes a moment.
      {"sh -c 'exec <&- >&-; echo too late >&2; exit 4'",
       "tester@login.example: the proxy command exited with 4: too late"},
  };
  for (const auto& [command, told] : deaths) {
    world around;
    driven link{around, through(around, command)};
    const auto began = std::chrono::steady_clock::now();
    const auto error = fails(link);
    CHECK(std::chrono::steady_clock::now() - began < at_once);
    CHECK(error.text == told);
    CHECK(error.stage == ssh_stage::connect);
    CHECK(error.kind == ssh_failure::unreachable);
    CHECK(gone(proxy_of(link)));
    CHECK(around.loop.watched() == 0);
  }
  world around;
  driven link{around, through(around, "moorage-has-no-such-program")};
  const auto error = fails(link);
  CHECK_THAT(error.text, Contains("exited with 127: ") && Contains("moorage-has-no-such-program"));
}

TEST_CASE("a proxy's end is its connection's, though another that cannot be ended holds all its streams",
          "[proxy]") {
  world around;
  const auto holder = around.home / "holder";
  // It has a session of its own, and so is no part of the process group.
  const auto settings =
      through(around, "sh -c 'setsid sh -c \"echo \\$\\$ > " + holder + "; exec sleep 1000\" & until [ -s " +
                          holder + " ]; do :; done; exit 3'");
  auto fastest = std::chrono::nanoseconds::max();
  for (int i = 0; i < 3; ++i) {
    std::filesystem::remove(holder);
    driven link{around, settings};
    const auto began = std::chrono::steady_clock::now();
    CHECK_THAT(fails(link).text, Contains("the proxy command exited with 3"));
    fastest = std::min<std::chrono::nanoseconds>(fastest, std::chrono::steady_clock::now() - began);
    const auto pid = std::stoi(support::contents_of(holder));
    CHECK(members(pid) == 1);
    ::kill(pid, SIGKILL);
  }
  CHECK(fastest < prompt); // whoever is not woken looks once a second
}

TEST_CASE("what a server says before its proxy ends is told as the server's", "[proxy]") {
  world around;
  SECTION("that too many log in") {
    driven link{around, through(around, "echo Exceeded MaxStartups")};
    const auto error = fails(link);
    CHECK(error.kind == ssh_failure::turned_away);
    CHECK_THAT(error.text, Contains("\"Exceeded MaxStartups\""));
  }
  SECTION("nothing: it hung up") {
    driven link{around, through(around, "true")};
    const auto error = fails(link);
    CHECK(error.kind == ssh_failure::turned_away);
    CHECK(error.stage == ssh_stage::key_exchange);
    CHECK_THAT(error.text, Contains("exited with 0 before the server had said anything"));
  }
  SECTION("why it ends the connection") {
    real_sshd server{{.config = {"MaxAuthTries 1"}}};
    auto settings = through(around, server, relay());
    settings.key_files = {server.unauthorised_client_key(), server.client_key()};
    driven link{around, settings};
    const auto error = fails(link);
    CHECK(error.stage == ssh_stage::authenticate);
    CHECK_THAT(error.text, Contains("cut us off after too many failures"));
  }
}

TEST_CASE("a proxy that connects nothing is named at the deadline, with what it said", "[proxy]") {
  world around;
  auto settings = through(around, "sh -c 'echo waiting for the tunnel >&2; exec sleep 1000'");
  settings.connect_timeout = 1s;
  driven link{around, settings};
  const auto error = fails(link);
  CHECK(error.kind == ssh_failure::timed_out);
  CHECK_THAT(error.text, Contains("(through the proxy command): not open within 1s: ") &&
                             Contains("the proxy command has connected nothing, or the server behind it") &&
                             Contains("the proxy command said: waiting for the tunnel"));
  CHECK(link.longest_pump < stuck_pump);
  CHECK(gone(proxy_of(link)));
}

TEST_CASE("a proxy that talks rubbish is told with what it said", "[proxy]") {
  world around;
  SECTION("and then falls silent") {
    auto settings = through(around, "sh -c 'echo 220 mail.example ESMTP; exec sleep 1000'");
    settings.connect_timeout = 1s;
    driven link{around, settings};
    const auto error = fails(link);
    CHECK(error.kind == ssh_failure::protocol);
    CHECK_THAT(error.text,
               Contains("what the proxy command leads to does not speak SSH: it said \"220 mail"));
  }
  SECTION("and never stops") {
    driven link{around, through(around, "yes rubbish")};
    const auto before = resident();
    const auto error = fails(link);
    CHECK(error.kind == ssh_failure::protocol);
    CHECK_THAT(error.text, Contains("rubbish") && Contains("proxy_command"));
    CHECK(resident() < before + growth_max(32u << 20));
    CHECK(gone(proxy_of(link)));
  }
}

TEST_CASE("a proxy that floods its standard error neither waits for us nor costs memory", "[proxy]") {
  real_sshd server;
  world around;
  const auto done = around.home / "done";
  driven link{around,
              through(around, server,
                      relay("(head -c 33554432 /dev/zero | tr \"\\0\" x >&2; touch " + done + ") & "))};
  const auto before = resident();
  REQUIRE(link.open());
  CHECK(link.run("echo well").output == "well\n");
  CHECK(link.until([&] { return std::filesystem::exists(done); }));
  CHECK(resident() < before + growth_max(8u << 20));
  CHECK(link.run("echo well").output == "well\n");
  ::kill(proxy_of(link), SIGKILL);
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(link.failed->text.size() < proxy_process::words_max + 200);
}

TEST_CASE("a proxy that never stops talking on its standard error leaves time for others", "[proxy]") {
  real_sshd server;
  world around;
  driven link{around, through(around, server, relay("yes >&2 & "))};
  REQUIRE(link.open());
  int pumps = 0;
  const auto id = link.start("sleep 1; echo well");
  const auto began = std::chrono::steady_clock::now();
  CHECK(link.until([&] { return ++pumps, link.streams[id.value].ended.has_value(); }));
  CHECK(link.streams[id.value].output == "well\n");
  // It is listened to when that is due, not when it talks.
  CHECK(pumps < 100 + 2 * (std::chrono::steady_clock::now() - began) / proxy_process::look_pause);
  const auto proxy = proxy_of(link);
  link.it.reset();
  CHECK(gone(proxy));
}

TEST_CASE("a proxy that dies under a command breaks the connection at once, and is named", "[proxy]") {
  real_sshd server;
  world around;
  // What it leaves behind holds the socket.
  driven link{around, through(around, server, relay("echo farewell >&2; sleep 1000 & "))};
  REQUIRE(link.open());
  const auto id = link.start("echo begun; sleep 1000");
  REQUIRE(link.until([&] { return link.streams[id.value].output == "begun\n"; }));
  const auto proxy = proxy_of(link);
  CHECK(members(proxy) >= 3);
  const auto began = std::chrono::steady_clock::now();
  ::kill(proxy, SIGKILL);
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(std::chrono::steady_clock::now() - began < at_once);
  REQUIRE(link.streams[id.value].ended);
  CHECK(link.streams[id.value].ended->kind == outcome_kind::maybe_ran);
  CHECK(link.failed->stage == ssh_stage::session);
  CHECK(link.failed->kind == ssh_failure::reset);
  CHECK_THAT(link.failed->text,
             Contains(": the proxy command was ended by signal 9 (Killed) on the open connection: farewell"));
  CHECK(gone(proxy));
}

TEST_CASE("nothing of a proxy outlives its connection, whatever signals it ignores", "[proxy]") {
  real_sshd server;
  world around;
  std::optional<driven> link{
      std::in_place, around,
      through(around, server, relay("trap \"\" TERM HUP INT PIPE QUIT; sleep 1000 & sleep 1000 & "))};
  REQUIRE(link->open());
  const auto proxy = proxy_of(*link);
  CHECK(members(proxy) >= 4);
  SECTION("closed") {
    CHECK(link->close() <= prompt);
    CHECK(link->closed);
  }
  SECTION("dropped") {
    link.reset();
  }
  SECTION("frozen") {
    ::kill(-proxy, SIGSTOP);
    link.reset();
  }
  CHECK(gone(proxy));
}

TEST_CASE("a proxy's end is told where the host has ideas of its own about its children", "[proxy]") {
  world around;
  SECTION("it ignores SIGCHLD") {
    disposition ignored{SIGCHLD, SIG_IGN};
    driven link{around, through(around, "sh -c 'sleep 1000 & echo gone >&2; exit 3'")};
    CHECK_THAT(fails(link).text, Contains("the proxy command has ended") && Contains(": gone"));
    CHECK(gone(proxy_of(link)));
  }
  SECTION("it waits for any") {
    disposition greedy{SIGCHLD, [](int) {
                         const int before = errno;
                         while (::waitpid(-1, nullptr, WNOHANG) > 0) {
                         }
                         errno = before;
                       }};
    driven link{around, through(around, "sh -c 'sleep 1000 & echo gone >&2; exit 3'")};
    CHECK_THAT(fails(link).text, Contains("the proxy command ") && Contains(": gone"));
    CHECK(gone(proxy_of(link)));
  }
}

TEST_CASE("a host that does not ignore SIGPIPE lives when a proxy hangs up on it", "[proxy]") {
  real_sshd server;
  world around;
  pipe_signals = 0;
  disposition counted{SIGPIPE, [](int) { ++pipe_signals; }};
  for (int i = 0; i < 20; ++i) {
    driven early{around, through(around, "true")};
    CHECK_FALSE(early.open());
  }
  driven link{around, through(around, server, relay())};
  REQUIRE(link.open());
  exec_request request{"cat >/dev/null", {}, {}, {}, 0};
  request.input.assign(8u << 20, 'x');
  link.start(std::move(request));
  link.pump();
  ::kill(-proxy_of(link), SIGKILL);
  CHECK(link.until([&] { return link.failed.has_value(); }));
  CHECK(pipe_signals == 0);
}

TEST_CASE("proxies leave no descriptor, process or watch behind", "[proxy]") {
  real_sshd server;
  world around;
  auto open = [&](const std::string& command, bool well) {
    driven link{around, through(around, server, command)};
    CHECK(link.open() == well);
    return proxy_of(link);
  };
  gone(open(relay(), true)); // what is made once
  const auto before = descriptors();
  std::vector<pid_t> proxies;
  for (int i = 0; i < 25; ++i) {
    proxies.push_back(open(relay(), true));
    proxies.push_back(open("sh -c 'sleep 1000 & exit 1'", false));
  }
  for (auto proxy : proxies)
    CHECK(gone(proxy));
  CHECK(soon([&] { return descriptors() == before; }));
  CHECK(around.loop.watched() == 0);
}

TEST_CASE("a proxy that cannot be started since its cluster's threads are stuck holds nobody up", "[proxy]") {
  world around;
  real_sshd server;
  auto settings = through(around, server, relay("touch " + (around.home / "run") + "; "));
  settings.connect_timeout = 2s;
  driven link{around, settings};
  std::promise<void> gate, first_gate;
  const auto opened = gate.get_future().share();
  const auto first_opened = first_gate.get_future().share();
  std::vector<blocking_answer<int>> stuck;
  const auto waits_for = [&](const std::shared_future<void>& what) {
    stuck.push_back(around.threads.ask({settings.name, "a dead file server"},
                                       [what](const abandonment&) { return what.wait(), 1; }, {}));
  };
  // The cluster's calls take their turns in order: the files' waits for the first gate, and once it was made,
  // both threads are taken before anybody can ask for the proxy.
  waits_for(opened);
  waits_for(first_opened);
  link.it->open();
  link.pump();
  waits_for(opened);
  first_gate.set_value();
  const auto error = fails(link);
  CHECK(error.kind == ssh_failure::timed_out);
  CHECK(error.stage == ssh_stage::connect);
  CHECK_THAT(error.text,
             Contains("the proxy command could not be started") && Contains("a dead file server"));
  CHECK(link.longest_pump < stuck_pump);
  gate.set_value();
  link.it.reset();
  CHECK(soon([&] { return around.threads.waiting() == 0; }));
  CHECK_FALSE(std::filesystem::exists(around.home / "run"));
}

TEST_CASE("a proxy that was started for nobody is ended by the thread that started it", "[proxy]") {
  blocking_threads threads;
  std::promise<void> given_up;
  std::promise<pid_t> started;
  auto asked = threads.ask({"lumi", "starting the proxy command"},
                           [gate = given_up.get_future().share(), &started](const abandonment&) {
                             auto made = start_proxy("/bin/sh", "exec sleep 1000");
                             started.set_value(made.process ? made.process->pid() : -1);
                             gate.wait();
                             return made;
                           },
                           {});
  const auto pid = started.get_future().get();
  CHECK(members(pid) == 1);
  asked = {};
  given_up.set_value();
  CHECK(gone(pid));
}
