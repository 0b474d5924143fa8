// Credit, back-pressure, and memory that stays bounded.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <utility>

#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

bool is_flood(const std::string& bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != support::fake_sshd::flood_byte(i))
      return false;
  return true;
}

} // namespace

TEST_CASE("no more output is delivered than was granted, and none is lost", "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  constexpr std::uint64_t all = 3'000'000;
  auto id = link.start("flood " + std::to_string(all), 0);
  auto& s = link.streams[id.value];
  CHECK(link.ask(1)); // the flood is on its way
  CHECK(s.received == 0);
  std::uint64_t granted = 0;
  std::uint64_t step = 1;
  while (!s.ended) {
    granted += step;
    link.it->grant_credit(id, step);
    REQUIRE(link.until([&] { return s.received == std::min(granted, all) || s.ended; }));
    REQUIRE(s.received <= granted);
    step = step < 200'000 ? step * 3 : 200'000;
    if (granted >= all)
      REQUIRE(link.finish(id));
  }
  CHECK(*s.ended == exited(0));
  CHECK(s.output.size() == all);
  CHECK(is_flood(s.output));
}

TEST_CASE("credit counts stdout and stderr together", "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto id = link.start("flood 100000; flood-stderr 100000; flood 100000", 50'000);
  auto& s = link.streams[id.value];
  REQUIRE(link.until([&] { return s.received == 50'000; }));
  CHECK(link.ask(1));
  CHECK(s.received == 50'000);
  link.it->grant_credit(id, 1'000'000);
  REQUIRE(link.finish(id));
  CHECK(is_flood(s.error_output));
  CHECK(s.error_output.size() == 100'000);
  CHECK(s.output.size() == 200'000);
}

TEST_CASE("a reader that stops costs bounded memory, and others on the connection go on", "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  link.keep_output = false;
  REQUIRE(link.open());
  auto before = resident();
  std::string command = "flood 200000000";
  SECTION("of one kind") {}
  SECTION("of both kinds, mixed") {
    command.clear();
    for (int i = 0; i < 400; ++i)
      command += "flood 500000; flood-stderr 1000; ";
    command += "true";
  }
  auto stopped = link.start(command, 1'000'000);
  REQUIRE(link.until([&] { return link.streams[stopped.value].received == 1'000'000; }));
  link.keep_output = true;
  if (command.front() == 'f' && command.size() < 100) {
    for (int i = 0; i < 20; ++i) {
      auto beside = link.run("echo on");
      CHECK(to_string(beside.ended) == "exited 0");
      CHECK(beside.output == "on\n");
    }
  } else {
    link.until([] { return false; }, 1s); // as much comes as may come
  }
  CHECK(resident() < before + growth_max(40u << 20));
  link.keep_output = false;
  link.it->grant_credit(stopped, 1u << 30);
  REQUIRE(link.finish(stopped, 240s));
  CHECK(*link.streams[stopped.value].ended == exited(0));
  CHECK(resident() < before + growth_max(40u << 20));
  CHECK(link.run("true").ended == exited(0));
}

TEST_CASE("a command that has ended is not called whole while its output waits for a reader", "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto id = link.start(exec_request{"flood 100000", {}, {}, 3s, 0}, 50'000);
  auto& s = link.streams[id.value];
  REQUIRE(link.until([&] { return s.received == 50'000; }));
  // Its end comes after what the window had no room for: a few round trips later.
  for (std::uint64_t question = 1; question <= 5; ++question)
    CHECK(link.ask(question));
  auto code = errc::none;
  auto kind = outcome_kind::exited; // and its output open
  SECTION("when its time is up") {
    code = errc::command_timeout;
  }
  SECTION("when it is cancelled") {
    link.it->cancel(id, {errc::cancelled, "enough"});
    code = errc::cancelled;
  }
  SECTION("when the connection is closed") {
    link.close();
    code = errc::connection_lost;
    kind = outcome_kind::maybe_ran;
  }
  REQUIRE(link.finish(id));
  CHECK(s.ended->kind == kind);
  CHECK(s.ended->output_open == (kind == outcome_kind::exited));
  CHECK(s.ended->cause.code == code);
}

TEST_CASE("a slow reader costs bounded memory", "[transport]") {
  support::fake_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  link.keep_output = false;
  REQUIRE(link.open());
  auto before = resident();
  auto id = link.start("flood 100000000", 0);
  auto& s = link.streams[id.value];
  std::uint64_t granted = 0;
  while (granted < 60'000'000) {
    link.it->grant_credit(id, 65'536);
    granted += 65'536;
    REQUIRE(link.until([&] { return s.received == granted; }));
  }
  CHECK(resident() < before + growth_max(30u << 20));
  link.it->cancel(id, {errc::cancelled, "enough"});
  REQUIRE(link.finish(id));
}

TEST_CASE("input waits for the peer's window, and what was taken is told", "[transport]") {
  support::real_sshd server;
  support::scratch_folder folder;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto id = link.start(
      exec_request{"until test -e " + (folder / "go") + "; do sleep 0.1; done; wc -c", {}, {}, {}, 0},
      1u << 30, false);
  auto& s = link.streams[id.value];
  constexpr std::uint64_t piece = 1u << 20;
  constexpr int pieces = 16;
  for (int i = 0; i < pieces; ++i)
    link.it->input(id, std::string(piece, 'x'));
  std::uint64_t taken = 0;
  while (link.until([&] { return s.input_taken > std::exchange(taken, s.input_taken); }, 500ms)) {
  }
  CHECK(taken > 0);
  CHECK(taken < pieces * piece); // the window is closed
  CHECK(link.run("echo on").output == "on\n");
  std::ofstream(folder / "go").put('\n');
  REQUIRE(link.until([&] { return s.input_taken == pieces * piece; }));
  link.it->end_input(id);
  REQUIRE(link.finish(id));
  CHECK(s.output == std::to_string(pieces * piece) + "\n");
}

TEST_CASE("a gibibyte each way passes in constant memory", "[transport][.slow]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  link.keep_output = false;
  REQUIRE(link.open());
  auto before = resident();
  auto began = std::chrono::steady_clock::now();
  constexpr std::uint64_t all = 1u << 30;
  constexpr std::uint64_t window = 1u << 20;
  auto id = link.start("head -c 1073741824 /dev/zero", window);
  auto& s = link.streams[id.value];
  std::uint64_t granted = window;
  while (!s.ended) {
    REQUIRE(link.until([&] { return s.received > granted - window || s.ended; }));
    link.it->grant_credit(id, s.received + window - granted);
    granted = s.received + window;
  }
  CHECK(*s.ended == exited(0));
  CHECK(s.received == all);
  CHECK(resident() < before + growth_max(24u << 20));
  auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  WARN("down: " << all / took / 1e6 << " MB/s");

  began = std::chrono::steady_clock::now();
  auto up = link.start(exec_request{"wc -c", {}, {}, {}, 0}, window, false);
  auto& u = link.streams[up.value];
  std::uint64_t given = 0;
  while (given < all) {
    while (given < all && given - u.input_taken < window) {
      link.it->input(up, std::string(65'536, 'x'));
      given += 65'536;
    }
    REQUIRE(link.until([&] { return u.input_taken + window > given; }));
  }
  link.it->end_input(up);
  link.keep_output = true;
  REQUIRE(link.finish(up));
  CHECK(u.output == "1073741824\n");
  CHECK(resident() < before + growth_max(24u << 20));
  took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  WARN("up: " << all / took / 1e6 << " MB/s");
}
