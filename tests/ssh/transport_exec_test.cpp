// Commands on a real sshd.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

TEST_CASE("a connection opens step by step and says what each step found", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::string stages;
  for (const auto& step : link.steps) {
    stages += to_string(step.stage) + " ";
    CHECK(step.took >= 0ns);
    CAPTURE(step.stage);
    CHECK(!step.text.empty());
  }
  CHECK(stages == "prepare look_up connect key_exchange host_key authenticate ");
  CHECK(link.steps[2].text == "127.0.0.1:" + std::to_string(server.port()));
  CHECK(link.steps[3].text.find("OpenSSH") != std::string::npos);
  CHECK(link.steps[4].text.find(server.host_key_fingerprint()) != std::string::npos);
  CHECK(link.close() < prompt);
  CHECK(link.closed);
  CHECK(server.wait_for_connections(0, 5s));
}

TEST_CASE("a command's exit code is its own", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK(link.run("true").ended == exited(0));
  CHECK(link.run("false").ended == exited(1));
  CHECK(link.run("exit 77").ended == exited(77));
  auto said = link.run("echo out; echo err >&2");
  CHECK(said.ended == exited(0));
  CHECK(said.output == "out\n");
  CHECK(said.error_output == "err\n");
  auto killed = link.run("kill -TERM $$").ended;
  CHECK(killed.kind == outcome_kind::signalled);
  CHECK(killed.signal == "TERM");
}

TEST_CASE("output is the command's, byte for byte, and stdout stays apart from stderr", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::string bytes;
  for (int i = 0; i < 256 * 64; ++i)
    bytes += static_cast<char>(i * 7 + i / 256);
  auto echoed = link.run({"cat", {}, bytes, 0ms, 0});
  CHECK(echoed.ended == exited(0));
  CHECK(echoed.output == bytes);

  std::string mebibyte;
  while (mebibyte.size() < 1u << 20)
    mebibyte += bytes;
  auto large = link.run({"tee /dev/stderr", {}, mebibyte, 0ms, 0});
  CHECK(large.ended == exited(0));
  CHECK(large.output == mebibyte);
  CHECK(large.error_output == mebibyte);
}

TEST_CASE("several thousand lines of stderr do not hold up stdout", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto said =
      link.run("i=0; while [ $i -lt 20000 ]; do echo \"line $i of stderr\" >&2; i=$((i+1)); done; echo done");
  CHECK(said.ended == exited(0));
  CHECK(said.output == "done\n");
  CHECK(std::count(said.error_output.begin(), said.error_output.end(), '\n') == 20'000);
}

TEST_CASE("commands run side by side on one connection", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::vector<stream_id> ids;
  for (int i = 0; i < 10; ++i)
    ids.push_back(link.start("echo " + std::to_string(i)));
  for (int i = 0; i < 10; ++i) {
    REQUIRE(link.finish(ids[static_cast<std::size_t>(i)]));
    auto& s = link.streams[ids[static_cast<std::size_t>(i)].value];
    CHECK(*s.ended == exited(0));
    CHECK(s.output == std::to_string(i) + "\n");
  }
}

TEST_CASE("a channel beyond MaxSessions is refused as never sent, in words that name the limit",
          "[transport]") {
  support::real_sshd_settings settings;
  settings.max_sessions = 1;
  support::real_sshd server{settings};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto holding = link.start("cat", 1000);
  auto open = link.start(exec_request{"cat", {}, "x", {}, 0}, 1000, false);
  REQUIRE(link.finish(holding));
  REQUIRE(link.finish(open));
  auto& refused = *link.streams[open.value].ended;
  auto& first = *link.streams[holding.value].ended;
  // One of the two came first.
  CHECK((refused.kind == outcome_kind::never_sent) != (first.kind == outcome_kind::never_sent));
  const auto& cause = refused.kind == outcome_kind::never_sent ? refused.cause : first.cause;
  CHECK(cause.code == errc::channel_refused);
  CHECK(cause.text.find("MaxSessions") != std::string::npos);
  CHECK(link.run("true").ended == exited(0));
}

TEST_CASE("a question takes no session away from a command", "[transport]") {
  support::real_sshd_settings settings;
  settings.max_sessions = 1;
  support::real_sshd server{settings};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  for (std::uint64_t i = 1; i <= 25; ++i) {
    link.it->ask(i);
    CHECK(link.run("echo between").output == "between\n");
    CHECK(link.until([&] { return link.answered.size() == i; }));
  }
  // Refused since a command holds the only session: an answer, too.
  auto holding = link.start(exec_request{"cat", {}, {}, {}, 0}, 1000, false);
  REQUIRE(link.until([&] { return link.it->last_heard() != time_point{}; }));
  CHECK(link.ask(6));
  link.it->end_input(holding);
  CHECK(link.finish(holding));
}

TEST_CASE("the environment is set, whatever the server accepts and whatever the values hold", "[transport]") {
  support::real_sshd_settings settings;
  settings.config = {"AcceptEnv ACCEPTED"};
  support::real_sshd server{settings};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::string nasty = "a 'b' \"c\" $HOME `id` \\ !x {a,b} * % %s\n\ttab\x01\x7f\xc3\xbc\xff ; & | # ~ \n\n";
  for (int round = 0; round < 2; ++round) { // the second time refusals are known
    exec_request request{"printf '%s' \"$ACCEPTED\" \"$REFUSED\" \"$OTHER\"",
                         {{"ACCEPTED", "yes:"}, {"REFUSED", nasty}, {"OTHER", ""}},
                         {},
                         0ms,
                         0};
    auto said = link.run(request);
    CHECK(said.ended == exited(0));
    CHECK(said.output == "yes:" + nasty);
    CHECK(said.error_output.empty());
  }
  // The command itself keeps its quotes, its exit code and its shell.
  auto quoted = link.run(
      {"echo \"it's $X\" 'a  b'; test -n \"$SHELL\" || exit 9; exit 3", {{"X", "here"}}, {}, 0ms, 0});
  CHECK(quoted.output == "it's here a  b\n");
  CHECK(quoted.ended == exited(3));
  auto input = link.run({"cat; echo $X", {{"X", "end"}}, "input ", 0ms, 0});
  CHECK(input.output == "input end\n");
}

TEST_CASE("a request that cannot be sent as it is, is refused before anything is sent", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  for (const auto& request : {exec_request{std::string("a\0b", 3), {}, {}, 0ms, 0},
                              exec_request{"true", {{"A", std::string("\0", 1)}}, {}, 0ms, 0}}) {
    auto ended = link.run(request).ended;
    CHECK(ended.kind == outcome_kind::never_sent);
    CHECK(ended.cause.code == errc::invalid_request);
  }
  CHECK(link.run("true").ended == exited(0));
}

TEST_CASE("keys are exchanged anew in mid-stream without a byte lost", "[transport]") {
  support::real_sshd_settings settings;
  settings.config = {"RekeyLimit 1M"};
  support::real_sshd server{settings};
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::string bytes(6u << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(i * 31 + i / 4093);
  auto echoed = link.run({"cat", {}, bytes, 0ms, 0});
  CHECK(echoed.ended == exited(0));
  CHECK((echoed.output == bytes));
}

TEST_CASE("every descriptor is given back", "[transport]") {
  support::real_sshd server;
  world around;
  {
    driven warm{around, around.settings_for(server)};
    REQUIRE(warm.open());
  }
  auto before = descriptors();
  for (int round = 0; round < 5; ++round) {
    driven closed{around, around.settings_for(server)};
    REQUIRE(closed.open());
    CHECK(descriptors() == before + 2);
    closed.run("true");
    closed.close();
    CHECK(closed.closed);
    CHECK(descriptors() == before);
    driven dropped{around, around.settings_for(server)};
    REQUIRE(dropped.open());
    dropped.start("sleep 30");
    dropped.pump();
  }
  CHECK(descriptors() == before);
  CHECK(around.loop.watched() == 0);
}
