// A command that is not wanted any more is ended, not only forgotten.
#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/floods.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

support::real_sshd_settings ordinary() {
  support::real_sshd_settings settings;
  settings.ordinary_user = true;
  return settings;
}

struct signalling_link {
  explicit signalling_link(support::real_sshd_settings wanted = ordinary(), bool sweep = false)
      : server(std::move(wanted)), link(around, settings(sweep)) {
    REQUIRE(link.open());
  }
  cluster_settings settings(bool sweep) {
    auto result = around.settings_for(server);
    result.sweep = sweep;
    return result;
  }

  /// Starts a command whose first line of output is a process to look after.
  stream_id start(const std::string& command, std::chrono::milliseconds timeout = 0ms) {
    exec_request request;
    request.command = command;
    request.timeout = timeout;
    auto id = link.start(std::move(request));
    auto& said = link.streams[id.value];
    REQUIRE(link.until([&] { return said.output.find('\n') != std::string::npos; }));
    process = std::stoi(said.output);
    REQUIRE(alive());
    return id;
  }
  outcome cancel(stream_id id) {
    auto began = std::chrono::steady_clock::now();
    link.it->cancel(id, {errc::cancelled, "not wanted"});
    REQUIRE(link.finish(id));
    took = std::chrono::steady_clock::now() - began;
    return *link.streams[id.value].ended;
  }
  bool alive() {
    auto members = server.processes().members();
    return std::count(members.begin(), members.end(), process) > 0;
  }
  /// The transport goes on being pumped.
  bool gone(std::chrono::milliseconds patience = 20s) {
    auto deadline = std::chrono::steady_clock::now() + patience;
    for (; alive(); link.until([] { return false; }, 20ms))
      if (std::chrono::steady_clock::now() >= deadline)
        return false;
    return true;
  }

  support::real_sshd server;
  world around;
  driven link;
  pid_t process = 0;
  std::chrono::nanoseconds took{0};
};

/// A server with one command that no signal ends, and what it is sent then, in order: signals by their names,
/// questions, and its channel's end.
class deaf_sshd {
public:
  const support::scripted_sshd& server() const { return server_; }

  std::vector<std::string> await(std::size_t count) {
    std::unique_lock guard{mutex_};
    more_.wait_for(guard, patient, [&] { return heard_.size() >= count; });
    return heard_;
  }

private:
  void note(std::string what) {
    std::lock_guard guard{mutex_};
    heard_.push_back(std::move(what));
    more_.notify_all();
  }
  void serve(support::scripted_peer& peer) {
    peer.welcome();
    support::serve_one_command(peer);
    for (;;) {
      const auto packet = peer.receive();
      if (packet[0] == '\x5a')
        note("question");
      else if (packet[0] == '\x61')
        note("close");
      else if (packet[0] == '\x62' && support::text_at(packet, 5) == "signal")
        note(support::text_at(packet, 5 + 4 + 6 + 1));
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<std::string> heard_;
  support::scripted_sshd server_{[this](support::scripted_peer& peer) { serve(peer); }};
};

/// A loop that a TERM to its process group does not end.
constexpr const char* stubborn = "trap '' TERM; echo $$; while :; do sleep 0.1; done";

} // namespace

TEST_CASE("a cancelled command is ended by SIGTERM, and the answer says so", "[transport]") {
  signalling_link o;
  auto ended = o.cancel(o.start("echo $$; sleep 600 & sleep 600"));
  CHECK(ended.kind == outcome_kind::signalled);
  CHECK(ended.signal == "TERM");
  CHECK(ended.cause.code == errc::cancelled);
  CHECK(!ended.output_open);
  CHECK(o.gone());
  CHECK(o.link.run("echo next").output == "next\n");
}

TEST_CASE("what SIGTERM does not end, SIGKILL does 2 s later", "[transport]") {
  signalling_link o;
  auto ended = o.cancel(o.start(stubborn));
  CHECK(ended.kind == outcome_kind::signalled);
  CHECK(ended.signal == "KILL");
  CHECK(o.took >= 2s);
  CHECK(o.gone());
}

TEST_CASE("SIGKILL is sent 2 s after SIGTERM and the answer given 3 s after it, neither sooner nor later",
          "[transport]") {
  deaf_sshd deaf;
  world around;
  driven link{around, hostile_settings(around, deaf.server().host(), deaf.server().port())};
  REQUIRE(link.open());
  const auto before = link.it->answers();
  auto id = link.start("anything");
  REQUIRE(link.until([&] { return link.it->answers() == before + 2; })); // its channel's, its own
  // From here by a clock of our own.
  const auto began = std::chrono::steady_clock::now();
  std::vector<transport_event> events;
  const auto pump_at = [&](std::chrono::milliseconds after) { link.it->pump(began + after, events); };
  link.it->cancel(id, {errc::cancelled, "not wanted"});
  pump_at(0ms);
  CHECK(link.it->next_due() == began + 2s);
  pump_at(1'999ms);
  link.it->ask(1); // what was sent until now arrives before the question
  pump_at(1'999ms);
  pump_at(2'000ms);
  CHECK(link.it->next_due() == began + 3s);
  pump_at(2'999ms);
  CHECK(events.empty());
  pump_at(3'000ms);
  pump_at(3'001ms);
  CHECK(deaf.await(4) == std::vector<std::string>{"TERM", "question", "KILL", "close"});
  REQUIRE(!events.empty());
  const auto& ended = std::get<stream_over>(events.front()).ended;
  CHECK(ended.kind == outcome_kind::maybe_ran);
  CHECK(ended.cause.code == errc::cancelled);
}

TEST_CASE("a command that tidies up on SIGTERM has the time for it, and its exit code is told",
          "[transport]") {
  signalling_link o;
  auto id = o.start("trap 'sleep 0.7; echo tidied; exit 7' TERM; echo $$; while :; do sleep 0.1; done");
  auto ended = o.cancel(id);
  CHECK(ended.kind == outcome_kind::exited);
  CHECK(ended.code == 7);
  CHECK(ended.cause.code == errc::cancelled);
  CHECK(o.link.streams[id.value].output.find("tidied\n") != std::string::npos);
}

TEST_CASE("at its timeout a command is ended, and the answer comes when it has", "[transport]") {
  signalling_link o;
  auto began = std::chrono::steady_clock::now();
  auto id = o.start("echo $$; sleep 600", 3s); // a busy machine needs some of it for the shell to start
  REQUIRE(o.link.finish(id));
  CHECK(std::chrono::steady_clock::now() - began >= 3s);
  auto ended = *o.link.streams[id.value].ended;
  CHECK(ended.kind == outcome_kind::signalled);
  CHECK(ended.signal == "TERM");
  CHECK(ended.cause.code == errc::command_timeout);
  CHECK(o.gone());
}

TEST_CASE("the end of a command that nobody reads is not held up by its output", "[transport]") {
  signalling_link o;
  auto id = o.link.start("yes", 100'000);
  auto& said = o.link.streams[id.value];
  REQUIRE(o.link.until([&] { return said.received == 100'000; }));
  auto ended = o.cancel(id);
  CHECK(ended.kind == outcome_kind::signalled);
  CHECK(ended.output_open);
  CHECK(o.took < 10s); // what it would linger
  CHECK(said.received == 100'000);
}

TEST_CASE("input that was not sent is not taken for the whole by a command that is being ended",
          "[transport]") {
  signalling_link o;
  // Reads nothing for a while; an end of its input would let it finish as if all had come.
  auto id = o.link.start(exec_request{"trap 'cat | wc -c; exit 0' TERM; echo $$; while :; do sleep 0.1; done",
                                      {},
                                      std::string(8u << 20, 'x'),
                                      0ms,
                                      0});
  auto& said = o.link.streams[id.value];
  REQUIRE(o.link.until([&] { return said.output.find('\n') != std::string::npos; }));
  auto ended = o.cancel(id);
  CHECK(ended.kind == outcome_kind::signalled);
}

TEST_CASE("where the server passes no signal on, the answer comes within 3 s and says that it may still run",
          "[transport]") {
  auto settings = ordinary();
  settings.config = {"ForceCommand echo $$; exec sleep 600"}; // sshd signals no forced command
  signalling_link o{settings};
  auto ended = o.cancel(o.start("anything"));
  CHECK(ended.kind == outcome_kind::maybe_ran);
  CHECK(ended.cause.code == errc::cancelled);
  CHECK(ended.cause.text.find("may still run") != std::string::npos);
  CHECK(o.took >= 2500ms);
  CHECK(o.took < 10s);
  CHECK(o.alive());
  CHECK(o.link.ask(1)); // the connection is well
}

TEST_CASE("a connection that closes sends SIGTERM to what runs on it, and waits no longer for that",
          "[transport]") {
  signalling_link o;
  o.start("echo $$; sleep 600");
  CHECK(o.link.close() < prompt);
  CHECK(o.gone());
}

TEST_CASE("what escaped from a command's process group is found by its marker where that was asked for",
          "[transport]") {
  auto sweep = GENERATE(true, false);
  auto settings = ordinary();
  SECTION("an ordinary user's") {}
  SECTION("root's, whom sshd sends no signals") {
    settings.ordinary_user = false;
  }
  SECTION("where no session is to be had for the search at first") {
    settings.max_sessions = 1;
  }
  CAPTURE(sweep, settings.ordinary_user, settings.max_sessions);
  signalling_link o{settings, sweep};
  // Out of the command's process group, deaf to SIGTERM, away from its pipes.
  auto id = o.start("setsid sh -c 'trap \"\" TERM; echo $$; exec >/dev/null 2>&1 </dev/null; while :; do "
                    "sleep 0.1; done' & "
                    "exec sleep 600");
  o.cancel(id);
  if (sweep) {
    CHECK(o.gone());
    CHECK(o.link.run("echo next").output == "next\n");
  } else {
    CHECK(!o.gone(2s));
  }
}

TEST_CASE(
    "a sweep leaves alone what is not the command's, and what a command leaves behind that was not cut short",
    "[transport]") {
  signalling_link o{ordinary(), true};
  auto other = o.start("echo $$; exec sleep 600");
  auto bystander = o.process;
  auto left = o.link.run("sleep 600 >/dev/null 2>&1 & echo $!");
  CHECK(left.ended == outcome{outcome_kind::exited, 0, {}, {}});
  auto child = std::stoi(left.output);
  o.cancel(o.start(stubborn));
  CHECK(o.gone());
  o.link.until([] { return false; }, 1500ms); // the search has ended by then
  for (auto pid : {bystander, child}) {
    o.process = pid;
    CHECK(o.alive());
  }
  CHECK(o.cancel(other).signal == "TERM");
}

TEST_CASE("a slot of a command that is being ended is waited for", "[transport]") {
  auto settings = ordinary();
  settings.max_sessions = 1;
  signalling_link o{settings};
  auto stubbornly = o.start(stubborn);
  o.link.it->cancel(stubbornly, {errc::cancelled, "not wanted"});
  CHECK(o.link.run("echo next").output == "next\n");
}

TEST_CASE("no signal is sent on a channel that has ended, and each command is signalled for itself",
          "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto hanging = link.start("hang");
  for (int i = 0; i < 20; ++i) {
    auto id = link.start("echo x", 0);
    REQUIRE(link.until([&] { return server.counters().commands_ended == i + 1; }));
    link.ask(static_cast<std::uint64_t>(i) + 1); // its end has come
    link.it->cancel(id, {errc::cancelled, "not wanted"});
    REQUIRE(link.finish(id));
    link.it->cancel(id, {errc::cancelled, "not wanted"});
  }
  CHECK(server.counters().signals == 0);
  link.it->cancel(hanging, {errc::cancelled, "not wanted"});
  REQUIRE(link.finish(hanging));
  CHECK(link.streams[hanging.value].ended->signal == "TERM");
  CHECK(server.counters().signals == 1);
  CHECK(!link.failed);
}
