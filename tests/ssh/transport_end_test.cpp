// How commands and connections end when something goes wrong: honest outcomes, prompt and complete.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <thread>

#include "runtime/ssh/libssh_session.hpp"
#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::breakage;
using support::ending;
using support::fake_faults;
using support::fake_sshd;
using support::phase;
using support::reply;

namespace {

struct link_to_fake {
  explicit link_to_fake(const fake_faults& faults = {}) : server(faults), link(around, settings()) {
    REQUIRE(link.open());
  }
  cluster_settings settings() {
    auto result = around.settings_for(server);
    result.linger = 1s;
    return result;
  }
  fake_sshd server;
  world around;
  driven link;
};

} // namespace

TEST_CASE("however the server ends a command, the outcome is the true one", "[transport]") {
  fake_faults faults;
  SECTION("status after the end of output") {
    link_to_fake o{faults};
    CHECK(o.link.run("exit 3").ended == exited(3));
  }
  SECTION("output after the status") {
    faults.end = ending::data_after_status;
    link_to_fake o{faults};
    auto said = o.link.run("echo first");
    CHECK(said.ended == exited(0));
    CHECK(said.output == "first\nafter status\n");
  }
  SECTION("late close") {
    faults.close_delay = 150ms;
    link_to_fake o{faults};
    CHECK(o.link.run("exit 4").ended == exited(4));
  }
  SECTION("no close") {
    faults.end = ending::no_close;
    link_to_fake o{faults};
    auto said = o.link.run("echo held");
    auto held = exited(0);
    held.output_open = true;
    CHECK(said.ended == held);
    CHECK(said.output == "held\n");
    CHECK(said.took < 15s);
    CHECK(said.took >= 1s);
  }
  SECTION("no status") {
    faults.end = ending::no_status;
    link_to_fake o{faults};
    auto ended = o.link.run("true").ended;
    CHECK(ended.kind == outcome_kind::maybe_ran);
    CHECK(ended.cause.text.find("without a word") != std::string::npos);
  }
  SECTION("by a signal") {
    faults.end = ending::by_signal;
    link_to_fake o{faults};
    CHECK(o.link.run("true").ended == outcome{outcome_kind::signalled, 0, "TERM", {}});
  }
}

TEST_CASE("a command that was not yet sent when the link breaks never ran, one that was may have run",
          "[transport]") {
  auto how = GENERATE(breakage::reset, breakage::close, breakage::disconnect);
  auto [at, kind] = GENERATE(table<phase, outcome_kind>({
      {phase::channel_open, outcome_kind::never_sent},
      {phase::exec_request, outcome_kind::maybe_ran},
      {phase::command, outcome_kind::maybe_ran},
  }));
  CAPTURE(static_cast<int>(how), static_cast<int>(at));
  fake_faults faults;
  faults.break_at = at;
  faults.break_how = how;
  link_to_fake o{faults};
  auto id = o.link.start("echo x; hang");
  REQUIRE(o.link.until([&] { return o.link.failed.has_value(); }));
  CHECK(o.link.failed->stage == ssh_stage::session);
  CHECK(o.link.failed->kind == ssh_failure::reset);
  REQUIRE(o.link.streams[id.value].ended);
  CHECK(o.link.streams[id.value].ended->kind == kind);
  CHECK(o.link.streams[id.value].ended->cause.code == errc::connection_lost);
  CHECK(o.around.loop.watched() == 0);
  CHECK(sockets_to(o.server) == 0);
}

TEST_CASE("what the server refuses was never sent, and the connection serves on", "[transport]") {
  link_to_fake o;
  auto code = errc::none;
  SECTION("the channel") {
    code = errc::channel_refused;
    o.server.set([](auto& f) { f.channel_open = reply::refuse; });
  }
  SECTION("the command") {
    code = errc::exec_refused;
    o.server.set([](auto& f) { f.exec = reply::refuse; });
  }
  auto ended = o.link.run("true").ended;
  CHECK(ended.kind == outcome_kind::never_sent);
  CHECK(ended.cause.code == code);
  o.server.set([](auto& f) { f.channel_open = f.exec = reply::normal; });
  CHECK(o.link.run("true").ended == exited(0));
}

TEST_CASE("a server that opens no channel at all is told apart from one that has no more", "[transport]") {
  link_to_fake o;
  o.server.set([](auto& f) { f.channel_open = reply::refuse; });
  CHECK_THAT(o.link.run("true").ended.cause.text,
             Catch::Contains("forbids commands (sshd_config: MaxSessions 0)"));
  o.server.set([](auto& f) { f.channel_open = reply::normal; });
  REQUIRE(o.link.run("true").ended == exited(0));
  o.server.set([](auto& f) { f.channel_open = reply::refuse; });
  CHECK_THAT(o.link.run("true").ended.cause.text,
             Catch::Contains("allows only so many sessions on one connection") &&
                 !Catch::Contains("forbids"));
}

TEST_CASE("a command is ended at its timeout, not before", "[transport]") {
  link_to_fake o;
  struct silence {
    const char* what;
    std::function<void(fake_faults&)> set;
    outcome_kind kind;
  };
  auto which = GENERATE(0, 1, 2);
  const silence all[] = {
      {"channel", [](auto& f) { f.channel_open = reply::never; }, outcome_kind::never_sent},
      {"request", [](auto& f) { f.exec = reply::never; }, outcome_kind::maybe_ran},
      {"command", [](auto&) {}, outcome_kind::signalled},
  };
  CAPTURE(all[which].what);
  o.server.set(all[which].set);
  auto ended = o.link.run({"hang", {}, {}, 1s, 0}); // a busy machine needs some of it to send the request
  CHECK(ended.took >= 1s);
  CHECK(ended.took < 15s);
  CHECK(ended.ended.kind == all[which].kind);
  CHECK(ended.ended.cause.text.find("1s") != std::string::npos);
}

TEST_CASE("a cancelled command is ended in every phase, and its slot comes back", "[transport]") {
  link_to_fake o;
  auto cancel = [&](stream_id id) {
    o.link.it->cancel(id, {errc::cancelled, "not wanted"});
    REQUIRE(o.link.finish(id, 15s));
    auto ended = *o.link.streams[id.value].ended;
    CHECK(ended.cause.text.rfind("not wanted", 0) == 0);
    return ended.kind;
  };
  SECTION("before anything was sent") {
    CHECK(cancel(o.link.start("hang")) == outcome_kind::never_sent);
  }
  SECTION("while the channel opens") {
    o.server.set([](auto& f) { f.channel_open_delay = 300ms; });
    auto id = o.link.start("hang");
    o.link.pump();
    CHECK(cancel(id) == outcome_kind::never_sent);
  }
  SECTION("while the request is on its way") {
    o.server.set([](auto& f) { f.exec_delay = 300ms; });
    auto id = o.link.start("hang");
    REQUIRE(o.link.until([&] { return o.server.counters().execs == 1; }));
    CHECK(cancel(id) == outcome_kind::signalled);
  }
  SECTION("while it runs") {
    auto id = o.link.start("echo x; hang");
    REQUIRE(o.link.until([&] { return o.link.streams[id.value].received == 2; }));
    CHECK(cancel(id) == outcome_kind::signalled);
  }
  SECTION("while its output floods") {
    auto id = o.link.start("flood 1000000000", 100'000);
    REQUIRE(o.link.until([&] { return o.link.streams[id.value].received == 100'000; }));
    auto kind = cancel(id); // the answer may be behind more output than comes in time
    CHECK((kind == outcome_kind::maybe_ran || kind == outcome_kind::signalled));
  }
  REQUIRE(o.link.until([&] { return o.server.counters().channels_open == 0; }));
  o.server.set([](auto& f) { f.channel_open_delay = f.exec_delay = 0ms; });
  CHECK(o.link.run("true").ended == exited(0));
}

TEST_CASE("channels whose opening is never answered are parked, and cost nobody anything", "[transport]") {
  link_to_fake o;
  o.server.set([](auto& f) { f.channel_open = reply::never; });
  for (int i = 0; i < 5; ++i) {
    auto id = o.link.start("true");
    o.link.pump();
    o.link.it->cancel(id, {errc::cancelled, "not wanted"});
    CHECK(o.link.finish(id, 5s));
  }
  REQUIRE(o.server.wait_until([](const auto& c) { return c.channel_requests == 5; }));
  o.server.set([](auto& f) { f.channel_open = reply::normal; });
  CHECK(o.link.run("true").ended == exited(0));
  CHECK(o.link.close() < prompt);
}

TEST_CASE("a question is answered by a server that opens a channel and by one that refuses", "[transport]") {
  link_to_fake o;
  CHECK(o.link.ask(1));
  o.server.set([](auto& f) { f.channel_open = reply::refuse; });
  CHECK(o.link.ask(2));
  o.server.set([](auto& f) { f.channel_open = reply::normal; });
  for (std::uint64_t i = 3; i < 10; ++i)
    o.link.it->ask(i);
  REQUIRE(o.link.until([&] { return o.link.answered.size() == 9; }));
  REQUIRE(o.link.until([&] { return o.server.counters().channels_open == 0; }));
  CHECK(o.server.counters().execs == 0);
}

TEST_CASE("a frozen peer answers nothing, holds up nobody, and after the thaw all is answered",
          "[transport]") {
  link_to_fake o;
  auto running = o.link.start("sleep 10; echo late");
  REQUIRE(o.link.until([&] { return o.server.counters().execs == 1; }));
  o.server.freeze();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    o.link.it->ask(i);
    o.link.pump();
  }
  auto id = o.link.start(exec_request{"cat", {}, std::string(8u << 20, 'x'), 300ms, 0});
  REQUIRE(o.link.finish(id));
  CHECK(o.link.answered.empty());
  CHECK(o.link.longest_pump < 1s);
  CHECK(!o.link.failed);
  o.server.thaw();
  CHECK(o.link.until([&] { return o.link.answered.size() == 3; }));
  CHECK(o.link.finish(running));
}

TEST_CASE("closing takes less than 250 ms whatever the peer does, and says good-bye where it can",
          "[transport]") {
  fake_faults faults;
  SECTION("healthy") {
    link_to_fake o{faults};
    auto id = o.link.start("echo x; hang");
    REQUIRE(o.link.until([&] { return o.link.streams[id.value].received == 2; }));
    CHECK(o.link.close() < prompt);
    CHECK(o.link.closed);
    REQUIRE(o.link.streams[id.value].ended);
    CHECK(o.link.streams[id.value].ended->kind == outcome_kind::maybe_ran);
    CHECK(o.server.wait_until([](const auto& c) { return c.open == 0; }));
  }
  SECTION(
      "idle") { // a server that still has an answer to write may find the link closed before it reads the good-bye
    link_to_fake o{faults};
    CHECK(o.link.close() < prompt);
    CHECK(o.link.closed);
    CHECK(o.server.wait_until([](const auto& c) { return c.goodbyes == 1 && c.open == 0; }));
  }
  SECTION("frozen") {
    link_to_fake o{faults};
    o.server.freeze();
    CHECK(o.link.close() < prompt);
    CHECK(o.link.closed);
  }
  SECTION("frozen, with a full socket") {
    link_to_fake o{faults};
    std::vector<stream_id> ids; // one window is less than a socket holds
    for (int i = 0; i < 9; ++i)
      ids.push_back(o.link.start(exec_request{"cat", {}, std::string(100'000, 'x'), {}, 0}, 1u << 20, false));
    for (auto id : ids)
      REQUIRE(o.link.until([&] { return o.link.streams[id.value].received == 100'000; }));
    o.server.freeze();
    for (auto id : ids)
      o.link.it->input(id, std::string(2u << 20, 'x'));
    o.link.until([] { return false; }, 200ms);
    o.link.it->close();
    o.link.pump();
    auto late = o.link.start("true");
    CHECK(o.link.close() < prompt);
    CHECK(o.link.closed);
    REQUIRE(o.link.streams[late.value].ended);
    CHECK(o.link.streams[late.value].ended->kind == outcome_kind::never_sent);
    CHECK(o.link.longest_pump < 1s);
  }
}

TEST_CASE("an idle connection notices at once that its peer has gone", "[transport]") {
  link_to_fake o;
  SECTION("reset") {
    o.server.reset_all();
  }
  SECTION("end of file") {
    o.server.close_all();
  }
  SECTION("a word of farewell") {
    o.server.disconnect_all();
  }
  REQUIRE(o.link.until([&] { return o.link.failed.has_value(); }, 10s));
  CHECK(o.link.failed->stage == ssh_stage::session);
  CHECK(o.link.failed->kind == ssh_failure::reset);
}

TEST_CASE("the peer was last heard of when its last packet came", "[transport]") {
  link_to_fake o;
  auto at_first = o.link.it->last_heard();
  CHECK(at_first != time_point{});
  CHECK(o.link.run("true").ended == exited(0));
  auto after = o.link.it->last_heard();
  CHECK(after > at_first);
  o.server.freeze();
  o.link.it->ask(1);
  o.link.until([] { return false; }, 50ms);
  CHECK(o.link.it->last_heard() == after);
}

TEST_CASE("a peer may hang up at any moment of our first words", "[transport]") {
  for (int i = 0; i < 500; ++i) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    unique_fd peer{pair[1]};
    libssh_session link;
    listening hears{link.ear()};
    REQUIRE(
        link.start(unique_fd{pair[0]}, {.host = "peer", .user = "user", .host_key_algorithms = {}}).kind ==
        ssh_failure::none);
    std::atomic<int> at{0};
    std::thread hangs_up{[&] {
      while (at.load() == 0) {
      }
      for (int spin = 0; spin < i * 20; ++spin)
        at.load();
      peer.reset();
    }};
    at = 1;
    auto got = link.exchange_keys();
    CHECK((::fcntl(link.socket(), F_GETFL) & O_NONBLOCK) != 0);
    hangs_up.join();
    for (int round = 0; round < 3 && got == libssh_session::exchange::waiting; ++round)
      got = link.exchange_keys();
    CHECK(got == libssh_session::exchange::failed);
  }
}
