// Connections that others carry: what goes wrong, and what is said of it.
#include <catch2/catch.hpp>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/ssh/jump_driver.hpp"
#include "tests/support/listener.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using support::fake_sshd;
using support::number;
using support::real_sshd;
using support::scripted_peer;
using support::scripted_sshd;
using support::text;

namespace {

constexpr std::uint32_t gate_window = 1u << 20;
constexpr std::uint32_t gate_packet_max = 32'768;

// RFC 4254, section 9.
const std::string open_refused(1, 92), data_message(1, 94), extended_message(1, 95), eof_message(1, 96),
    close_message(1, 97);

/// One that is open by way of another.
struct gate_and_server {
  real_sshd gate, server;
  journey trip;
  driven& outer = trip.add(trip.around.settings_for(gate));
  driven* inner = nullptr;

  bool open() {
    if (!trip.open(outer))
      return false;
    inner = &trip.add(trip.around.settings_for(server), &outer);
    return trip.open(*inner);
  }
};

/// An open connection to a server that follows a script once its client has logged in.
struct hostile_gate {
  explicit hostile_gate(std::function<void(scripted_peer&)> script)
      : server{[script = std::move(script)](scripted_peer& peer) {
          peer.welcome();
          script(peer);
        }},
        outer(trip.add(hostile_settings(trip.around, server.host(), server.port()))) {}

  scripted_sshd server;
  journey trip;
  driven& outer;
};

/// Of which the server is the first.
cluster_settings three_machines(journey& trip, const fake_sshd& server) {
  auto settings = trip.around.settings_for(server);
  settings.hosts = {settings.host, "127.0.0.2", "127.0.0.3"};
  settings.host.clear();
  settings.jump = "gate";
  return settings;
}

} // namespace

TEST_CASE("a jump host that forbids forwarding is named with where that stands", "[jump]") {
  support::real_sshd_settings forbidding;
  forbidding.config = {"AllowTcpForwarding no"};
  real_sshd gate{forbidding}, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto& inner = trip.add(trip.around.settings_for(server), &outer);
  CHECK_FALSE(trip.open(inner));
  REQUIRE(inner.failed);
  INFO(inner.failed->text);
  CHECK(inner.failed->stage == ssh_stage::connect);
  CHECK(inner.failed->kind == ssh_failure::closed);
  CHECK_THAT(inner.failed->text, Contains("@127.0.0.1:") || Contains("@[127.0.0.1]:"));
  CHECK_THAT(inner.failed->text,
             Contains(": the jump host 'gate': it forbids forwarding to 127.0.0.1:" +
                      std::to_string(server.port()) + " (sshd_config(5): AllowTcpForwarding, PermitOpen): "));
  CHECK(outer.carried_to.size() == 1);
  CHECK(trip.run(outer, "echo still").output == "still\n");
}

TEST_CASE("what a jump host cannot reach is named", "[jump]") {
  std::uint16_t closed = 0;
  {
    support::listener nobody;
    closed = nobody.port();
  }
  real_sshd gate, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto settings = trip.around.settings_for(server);
  settings.port = closed;
  auto& inner = trip.add(settings, &outer);
  CHECK_FALSE(trip.open(inner));
  REQUIRE(inner.failed);
  INFO(inner.failed->text);
  CHECK(inner.failed->stage == ssh_stage::connect);
  CHECK(is_transient(inner.failed->kind));
  CHECK_THAT(inner.failed->text,
             Contains("the jump host 'gate': it cannot reach 127.0.0.1:" + std::to_string(closed) + ": "));
}

TEST_CASE("who is not carried in time says so, and the reason that came before is better", "[jump]") {
  journey trip;
  fake_sshd server;
  auto settings = trip.around.settings_for(server);
  settings.connect_timeout = 500ms;
  settings.jump = "gate";
  auto& inner = trip.add(settings);
  inner.it->open();
  REQUIRE(trip.until([&] { return inner.wanted.size() == 1; }));
  CHECK(inner.wanted[0].patience > 0ms);
  CHECK(inner.wanted[0].patience < 400ms);
  CHECK(inner.wanted[0].to.port == server.port());
  CHECK(inner.it->computes_until() == time_point::min()); // it takes nobody's turn meanwhile
  SECTION("nobody carries it") {
    REQUIRE(trip.until([&] { return inner.failed.has_value(); }, patient, 1s));
    CHECK_THAT(inner.failed->text, EndsWith(": was not carried by the jump host 'gate' within 500ms"));
    CHECK(inner.failed->kind == ssh_failure::timed_out);
  }
  SECTION("it is refused") {
    inner.wanted[0].what->end({errc::queue_full, "the queue is full"});
    inner.wanted[0].what->end({errc::cancelled, "something else"}); // the first one stands
    REQUIRE(trip.until([&] { return inner.failed.has_value(); }));
    CHECK_THAT(inner.failed->text, EndsWith(": the jump host 'gate': the queue is full"));
    CHECK(inner.failed->kind == ssh_failure::unreachable);
  }
  SECTION("it is lost on the way") {
    inner.wanted.clear();
    REQUIRE(trip.until([&] { return inner.failed.has_value(); }));
    CHECK_THAT(inner.failed->text, EndsWith(": the connection to the jump host 'gate' has ended"));
    CHECK(inner.failed->kind == ssh_failure::unreachable);
  }
  CHECK(inner.failed->stage == ssh_stage::connect);
  CHECK(inner.pumps < 40);
}

TEST_CASE("a jump host's failure is none of the machines behind it, and is asked for once", "[jump]") {
  journey trip;
  fake_sshd server;
  auto settings = three_machines(trip, server);
  auto& inner = trip.add(settings);
  inner.it->open();
  REQUIRE(trip.until([&] { return inner.wanted.size() == 1; }));
  inner.wanted[0].what->end({errc::connect_failed, "it is down"});
  REQUIRE(trip.until([&] { return inner.failed.has_value(); }));
  CHECK(inner.wanted.size() == 1);
  CHECK(inner.failed_machines.empty());
  CHECK_THAT(inner.failed->text, EndsWith(": the jump host 'gate': it is down"));
}

TEST_CASE("whoever waits for a jump host's log-in has each machine behind it wait its share later",
          "[jump]") {
  journey trip;
  fake_sshd server;
  auto settings = three_machines(trip, server);
  settings.connect_timeout = 600ms;
  auto& inner = trip.add(settings);
  inner.it->open();
  REQUIRE(trip.until([&] { return inner.failed.has_value(); }, patient, 1s));
  CHECK(inner.wanted.size() == 1);
  CHECK(inner.failed_machines.empty());
  CHECK_THAT(inner.failed->text, EndsWith(": was not carried by the jump host 'gate' within 600ms"));
}

TEST_CASE("whose jump host waits for a person says so, and its own time stands still", "[jump]") {
  real_sshd gate, server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  auto settings = trip.around.settings_for(server);
  settings.connect_timeout = 3s;
  auto& inner = trip.add(settings, &outer);
  inner.it->open();
  REQUIRE(trip.until([&] { return !inner.wanted.empty(); }));
  const std::string touch = "a touch (the key) at the jump host 'gate'";
  inner.it->carrier_waits({touch, 60s});
  CHECK_FALSE(trip.until([&] { return inner.failed.has_value(); }, 4s));
  CHECK(inner.waited_for == std::vector<std::string>{touch});
  SECTION("until the jump host is there") {
    inner.it->carrier_waits({});
    REQUIRE(trip.open(outer));
    CHECK(trip.until([&] { return inner.opened; }));
    CHECK(inner.waited_for == std::vector<std::string>{touch, ""});
  }
  SECTION("or its way there begins without a word") {
    REQUIRE(trip.open(outer));
    CHECK(trip.until([&] { return inner.opened; }));
    CHECK(inner.waited_for == std::vector<std::string>{touch, ""});
  }
  SECTION("and then runs on") {
    inner.it->carrier_waits({});
    CHECK(trip.until([&] { return inner.failed.has_value(); }, 10s));
    CHECK_THAT(inner.failed->text, Contains("was not carried by the jump host 'gate' within 3s"));
  }
  SECTION("or no longer than it was said to last") {
    inner.it->carrier_waits({touch, 500ms});
    CHECK(trip.until([&] { return inner.failed.has_value(); }, 10s));
  }
}

TEST_CASE("who dies with its jump host's connection says what became of that", "[jump]") {
  gate_and_server both;
  REQUIRE(both.open());
  auto id = both.inner->start("sleep 60");
  both.trip.idle(50ms);
  std::string reason;
  SECTION("it is lost") {
    both.gate.stop();
    reason = "its connection was lost: ";
  }
  SECTION("it is closed") {
    both.outer.it->close();
    reason = "its connection was closed";
  }
  SECTION("it is freed") {
    both.outer.it = make_ssh_transport(
        both.trip.around.settings_for(both.gate), [] {}, both.trip.around.parts());
    reason = "its connection was closed";
  }
  REQUIRE(both.trip.until([&] { return both.inner->failed.has_value(); }));
  INFO(both.inner->failed->text);
  CHECK(both.inner->failed->stage == ssh_stage::session);
  CHECK(both.inner->failed->kind == ssh_failure::reset);
  CHECK_THAT(both.inner->failed->text, Contains(": the jump host 'gate': " + reason));
  const auto& ended = both.inner->streams[id.value].ended;
  REQUIRE(ended);
  CHECK_THAT(ended->cause.text, Contains("the jump host 'gate': " + reason));
  CHECK(both.server.wait_for_connections(0, patient));
}

TEST_CASE("a server that hangs up by way of a jump host is the one that did", "[jump]") {
  real_sshd gate;
  fake_sshd server;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto& inner = trip.add(trip.around.settings_for(server), &outer);
  REQUIRE(trip.open(inner));
  server.close_all();
  REQUIRE(trip.until([&] { return inner.failed.has_value(); }));
  CHECK(inner.failed->kind == ssh_failure::reset);
  CHECK_THAT(inner.failed->text, Contains("(through the jump host 'gate')"));
  REQUIRE(trip.until([&] { return outer.carried_to.size() == 1; }));
  CHECK(trip.run(outer, "echo still").output == "still\n");
}

TEST_CASE("a jump host that stands still for a while ends nothing that it carries", "[jump]") {
  gate_and_server both;
  REQUIRE(both.open());
  auto id = both.inner->start("for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.2; done");
  both.trip.idle(100ms);
  both.gate.freeze_connections();
  both.trip.idle(2s);
  CHECK_FALSE(both.inner->streams[id.value].ended);
  both.gate.thaw();
  REQUIRE(both.trip.until([&] { return both.inner->streams[id.value].ended.has_value(); }));
  CHECK(both.inner->streams[id.value].output == "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

TEST_CASE("who gives up while a jump host still connects leaves it nothing to answer for", "[jump]") {
  // A full backlog takes no connection, and refuses none.
  support::listener deaf{"127.0.0.1", 0};
  std::vector<unique_fd> before;
  for (int i = 0; i < 3; ++i)
    before.push_back(deaf.connect());
  real_sshd gate;
  journey trip;
  auto& outer = trip.add(trip.around.settings_for(gate));
  REQUIRE(trip.open(outer));
  auto ends = trip.carry(outer, deaf.host(), deaf.port());
  trip.idle(200ms);
  CHECK_FALSE(ends.note->begun());
  CHECK(outer.it->owed_since() == time_point::max()); // it waits for another
  ends.near.reset();
  REQUIRE(trip.until([&] { return outer.carried_to.size() == 1; }));
  CHECK(outer.it->owed_since() == time_point::max());
  CHECK(trip.run(outer, "echo still").output == "still\n");
}

TEST_CASE("a jump host whose channels take tiny packets is cut off", "[jump]") {
  hostile_gate one{[](scripted_peer& peer) { peer.serve(gate_window, 10); }};
  REQUIRE(one.trip.open(one.outer));
  auto ends = one.trip.carry(one.outer, "127.0.0.1", 22);
  ::send(ends.near.get(), "something", 9, 0);
  REQUIRE(one.trip.until([&] { return one.outer.failed.has_value(); }));
  CHECK_THAT(one.outer.failed->text, Contains("maximum packet size of 10 bytes"));
  CHECK_THAT(ends.note->reason(), Contains("its connection was lost: ") && Contains("packet size of 10"));
  std::string nothing;
  CHECK(read_near(ends, nothing) == 0);
}

TEST_CASE("a jump host that sends beyond the window of what it carries is cut off", "[jump]") {
  hostile_gate one{[](scripted_peer& peer) {
    const auto channel = peer.await_open();
    peer.confirm(channel, gate_window, gate_packet_max);
    peer.drop_what_comes(true);
    peer.flood(data_message + number(channel) + text(std::string(30'000, 'x')));
  }};
  REQUIRE(one.trip.open(one.outer));
  const auto memory = resident();
  auto ends = one.trip.carry(one.outer, "127.0.0.1", 22);
  REQUIRE(one.trip.until([&] { return one.outer.failed.has_value(); }));
  CHECK_THAT(one.outer.failed->text, Contains("window"));
  CHECK(resident() < memory + growth_max(8u << 20));
  CHECK(ends.note->ended());
}

TEST_CASE("a jump host that says the end twice ends it once", "[jump]") {
  hostile_gate one{[](scripted_peer& peer) {
    const auto channel = peer.await_open();
    peer.confirm(channel, gate_window, gate_packet_max);
    peer.send(data_message + number(channel) + text("word"));
    for (const auto& said : {eof_message, eof_message, close_message, close_message})
      peer.send(said + number(channel));
    for (;;)
      peer.receive();
  }};
  REQUIRE(one.trip.open(one.outer));
  auto ends = one.trip.carry(one.outer, "127.0.0.1", 22);
  std::string came;
  REQUIRE(one.trip.until([&] { return read_near(ends, came) == 0; }));
  CHECK(came == "word");
  REQUIRE(one.trip.until([&] { return one.outer.carried_to.size() == 1; }));
  one.trip.idle(100ms);
  CHECK(one.outer.carried_to.begin()->second == "it was closed from the other side");
}

TEST_CASE("a jump host's refusals are told by their codes, in harmless words", "[jump]") {
  for (std::uint32_t code : {1u, 2u, 3u, 4u, 77u}) {
    CAPTURE(code);
    hostile_gate one{[code](scripted_peer& peer) {
      for (;;)
        peer.send(open_refused + number(peer.await_open()) + number(code) + text("\x1b[2Jno") + text(""));
    }};
    REQUIRE(one.trip.open(one.outer));
    auto ends = one.trip.carry(one.outer, "::1", 22);
    std::string nothing;
    REQUIRE(one.trip.until([&] { return read_near(ends, nothing) == 0; }));
    CHECK_FALSE(ends.note->begun());
    const auto told = ends.note->reason();
    const auto* begins = code == 1   ? "it forbids forwarding to [::1]:22 (sshd"
                         : code == 2 ? "it cannot reach [::1]:22: "
                                     : "it opens no channel to [::1]:22: ";
    CHECK_THAT(told, Contains(begins) && Contains("\\x1b[2Jno"));
  }
}

TEST_CASE("a jump host that sends what no forwarding has ends what it carries", "[jump]") {
  hostile_gate one{[](scripted_peer& peer) {
    const auto channel = peer.await_open();
    peer.confirm(channel, gate_window, gate_packet_max);
    peer.send(extended_message + number(channel) + number(1) + text("error"));
    for (;;)
      peer.receive();
  }};
  REQUIRE(one.trip.open(one.outer));
  auto ends = one.trip.carry(one.outer, "127.0.0.1", 22);
  std::string nothing;
  REQUIRE(one.trip.until([&] { return read_near(ends, nothing) == 0; }));
  CHECK(ends.note->reason() == "it sends what no forwarding has");
  CHECK_FALSE(one.outer.failed);
}
