// Connections that others carry: as a way through.
#include <atomic>

#include <catch2/catch.hpp>

#include "tests/ssh/jump_driver.hpp"
#include "tests/support/listener.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::real_sshd;

namespace {

/// A pattern without a period that divides a buffer's size.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = support::fake_sshd::flood_byte(i);
  return bytes;
}

} // namespace

TEST_CASE("a server is reached by way of a jump host's connection", "[jump]") {
  real_sshd gate, server;
  journey trip;
  auto asked = std::make_shared<std::atomic<int>>(0);
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  trip.around.resolve = [asked](const std::string&, std::uint16_t) {
    ++*asked;
    return resolution{};
  };
  auto settings = trip.around.settings_for(server);
  settings.host = "localhost"; // of the jump host
  settings.strict_host_keys = host_key_policy::off;
  settings.address_family = address_family::inet6; // of no meaning
  auto& inner = trip.add(settings, &outer);
  const bool open = trip.open(inner);
  INFO((inner.failed ? inner.failed->text : ""));
  REQUIRE(open);
  CHECK(*asked == 0);
  CHECK(trip.run(inner, "echo well").output == "well\n");
  REQUIRE(inner.steps.size() >= 3);
  CHECK(inner.steps[0].stage == ssh_stage::prepare);
  CHECK(inner.steps[1].stage == ssh_stage::connect);
  CHECK(inner.steps[1].text == "by the jump host 'gate'");
  CHECK(inner.steps[2].stage == ssh_stage::key_exchange);
  inner.it->close();
  REQUIRE(trip.until([&] { return inner.closed && outer.carried_to.size() == 1; }));
  CHECK(server.wait_for_log("Received disconnect", 1, patient)); // the good-bye came through
  CHECK(server.wait_for_connections(0, patient));
  CHECK(trip.run(outer, "echo still").output == "still\n");
}

TEST_CASE("a jump host may itself be reached by a jump", "[jump]") {
  real_sshd first, second, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(first));
  auto& middle = trip.add(trip.around.settings_for(second), &outer);
  auto& inner = trip.add(trip.around.settings_for(server), &middle);
  // All at once: each waits for the one that carries it, in its socket.
  outer.it->open();
  middle.it->open();
  REQUIRE(trip.open(inner));
  CHECK(trip.run(inner, "echo far").output == "far\n");
  exec_request request{"cat", {}, {}, {}, 0};
  request.input = pattern(1u << 20);
  CHECK(trip.run(inner, request).output == request.input);
}

TEST_CASE("megabytes go through a jump host both ways as they are", "[jump]") {
  real_sshd gate, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto& inner = trip.add(trip.around.settings_for(server), &outer);
  REQUIRE(trip.open(inner));
  exec_request request{"cat", {}, {}, {}, 0};
  request.input = pattern(8u << 20);
  auto result = trip.run(inner, request);
  CHECK(result.ended == exited(0));
  CHECK(result.output.size() == request.input.size());
  CHECK((result.output == request.input)); // too long to be shown
  // And when all is done nothing turns round.
  trip.idle(50ms);
  const auto pumps = outer.pumps + inner.pumps;
  trip.idle(300ms);
  CHECK(outer.pumps + inner.pumps < pumps + 40);
}

TEST_CASE("one connection carries twenty, and serves commands of its own meanwhile", "[jump]") {
  real_sshd gate, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  std::vector<driven*> inners;
  for (int i = 0; i < 20; ++i) {
    inners.push_back(&trip.add(trip.around.settings_for(server), &outer));
    inners.back()->it->open();
  }
  REQUIRE(trip.until([&] {
    return std::all_of(inners.begin(), inners.end(),
                       [](const auto* one) { return one->opened || one->failed; });
  }));
  for (int round = 0; round < 5; ++round) {
    std::vector<std::pair<driven*, stream_id>> running;
    for (auto* one : inners)
      running.emplace_back(one, one->start("echo " + std::to_string(round)));
    // One that takes all it can get starves neither the others nor the outer's own.
    if (round == 0)
      running.emplace_back(inners[0],
                           inners[0]->start("head -c 8000000 /dev/zero | tr '\\0' x; echo; echo 0"));
    running.emplace_back(&outer, outer.start("echo " + std::to_string(round)));
    CHECK(trip.until([&] {
      return std::all_of(running.begin(), running.end(), [](const auto& each) {
        return each.first->streams[each.second.value].ended.has_value();
      });
    }));
    for (const auto& [one, id] : running)
      CHECK(one->streams[id.value].output.ends_with(std::to_string(round) + "\n"));
  }
}

TEST_CASE("half the end of a carried connection goes through by itself", "[jump]") {
  real_sshd gate;
  support::listener target;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto ends = trip.carry(outer, target.host(), target.port());
  CHECK_FALSE(ends.note->begun());
  REQUIRE(trip.until([&] { return target.asked(); }));
  auto there = target.accept();
  REQUIRE(trip.until([&] { return ends.note->begun(); }));
  ::send(ends.near.get(), "question", 8, 0);
  std::string heard, answer;
  auto all_heard = [&] {
    char bytes[64];
    ssize_t got = -1;
    while ((got = ::recv(there.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
      heard.append(bytes, static_cast<std::size_t>(got));
    return got == 0;
  };
  SECTION("from here") {
    ::shutdown(ends.near.get(), SHUT_WR);
    REQUIRE(trip.until(all_heard));
    CHECK(heard == "question");
    ::send(there.get(), "answer", 6, 0);
    there.reset();
    REQUIRE(trip.until([&] { return read_near(ends, answer) == 0; }));
    CHECK(answer == "answer");
  }
  SECTION("from there") {
    ::send(there.get(), "answer", 6, 0);
    ::shutdown(there.get(), SHUT_WR);
    REQUIRE(trip.until([&] { return read_near(ends, answer) == 0; }));
    CHECK(answer == "answer");
    ::send(ends.near.get(), ", more", 6, 0);
    ends.near.reset();
    REQUIRE(trip.until(all_heard));
    CHECK(heard == "question, more");
  }
  REQUIRE(trip.until([&] { return outer.carried_to.size() == 1; }));
  CHECK_FALSE(ends.note->ended()); // by nobody's wish but their own
}

TEST_CASE("who is carried and does not read holds up nobody, and costs two windows at most", "[jump]") {
  real_sshd gate;
  support::raw_peer talker{"", "xyz"};
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  CHECK(trip.run(outer, "echo before").output == "before\n");
  const auto memory = resident();
  auto ends = trip.carry(outer, talker.host(), talker.port());
  REQUIRE(trip.until([&] { return ends.note->begun(); }));
  // Until the window is full nothing stops it, then everything.
  auto sent = talker.bytes_sent();
  REQUIRE(trip.until([&] {
    trip.idle(100ms);
    return std::exchange(sent, talker.bytes_sent()) == talker.bytes_sent() && sent > 0;
  }));
  CHECK(trip.run(outer, "echo still").output == "still\n");
  CHECK(resident() < memory + growth_max(4u << 20));
  const auto pumps = outer.pumps;
  trip.idle(300ms);
  CHECK(outer.pumps < pumps + 20);
  // Read little by little it costs no more, and all comes in its order.
  std::string came;
  came.reserve(8u << 20);
  REQUIRE(trip.until([&] {
    read_near(ends, came);
    return came.size() > (4u << 20);
  }));
  CHECK(came.find_first_not_of("xyz") == std::string::npos);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < came.size(); ++i)
    wrong += came[i] != "xyz"[i % 3];
  CHECK(wrong == 0);
  CHECK(resident() < memory + growth_max(12u << 20));
  ends.near.reset();
  REQUIRE(trip.until([&] { return outer.carried_to.size() == 1; }));
  CHECK(trip.until([&] { return talker.clients() == 0; }));
}

TEST_CASE("what a far machine does not read waits with who is carried, and costs the jump host nothing",
          "[jump]") {
  real_sshd gate;
  support::listener target;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  CHECK(trip.run(outer, "echo before").output == "before\n");
  auto ends = trip.carry(outer, target.host(), target.port());
  REQUIRE(trip.until([&] { return target.asked(); }));
  auto there = target.accept();
  const auto bytes = pattern(32u << 20);
  const auto memory = resident();
  std::size_t put = 0;
  auto give = [&] {
    const auto sent = ::send(ends.near.get(), bytes.data() + put,
                             std::min<std::size_t>(bytes.size() - put, 65'536), MSG_DONTWAIT);
    put += sent > 0 ? static_cast<std::size_t>(sent) : 0;
    return sent > 0;
  };
  auto full = put;
  REQUIRE(trip.until([&] {
    while (give()) {
    }
    trip.idle(100ms);
    return std::exchange(full, put) == put;
  }));
  REQUIRE(put < bytes.size());
  CHECK(resident() < memory + growth_max(4u << 20));
  CHECK(trip.run(outer, "echo still").output == "still\n");
  const auto pumps = outer.pumps;
  trip.idle(300ms);
  CHECK(outer.pumps < pumps + 20);
  std::string heard;
  REQUIRE(trip.until([&] {
    give();
    char buffer[65'536];
    for (ssize_t got; (got = ::recv(there.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
      heard.append(buffer, static_cast<std::size_t>(got));
    return heard.size() == bytes.size();
  }));
  CHECK((heard == bytes)); // too long to be shown
}

TEST_CASE("a command by way of a jump host does not wait for late acknowledgements", "[jump][alone]") {
  real_sshd gate, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate)); // no command of its own: then sshd would not wait
  REQUIRE(trip.open(outer));
  auto& inner = trip.add(trip.around.settings_for(server), &outer);
  REQUIRE(trip.open(inner));
  std::vector<std::chrono::nanoseconds> took;
  for (int i = 0; i < 31; ++i) {
    const auto began = std::chrono::steady_clock::now();
    CHECK(trip.run(inner, "true").ended == exited(0));
    took.push_back(std::chrono::steady_clock::now() - began);
  }
  std::sort(took.begin(), took.end());
  CHECK(took[took.size() / 2] < 30ms); // 44 ms with them
}
