// Authenticated servers that send without end, do not read, or break the rules of channels: bounded in
// memory, in processor time and in time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/floods.hpp"
#include "tests/support/raw_peer.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::floods;
using support::number;
using support::scripted_peer;
using support::scripted_sshd;
using support::text;

namespace {

constexpr std::uint32_t window = 1u << 20;
constexpr std::uint32_t packet_max = 32'768;
/// What one connection may grow by under a flood.
constexpr std::size_t growth_bar = 4u << 20;

/// Bytes that this process has asked for and not given back; nothing under a sanitizer, which has a heap of
/// its own.
std::int64_t on_the_heap() {
  const auto heap = ::mallinfo2();
  return static_cast<std::int64_t>(heap.uordblks + heap.hblkhd);
}

exec_request with_input(std::size_t size) {
  exec_request request;
  request.command = "count";
  request.input.assign(size, 'x');
  return request;
}

/// Logs in, serves one command that does not end, and then floods.
struct flooded {
  explicit flooded(std::size_t which, bool reads, int receive_buffer = 0)
      : server{[which, reads](scripted_peer& peer) {
                 peer.welcome();
                 const auto channel = support::serve_one_command(peer);
                 peer.drop_what_comes(reads);
                 peer.flood(floods(channel)[which].payload);
               },
               "127.0.0.1", receive_buffer},
        link{around, hostile_settings(around, server.host(), server.port())} {}

  bool open_and_run() {
    if (!link.open())
      return false;
    link.start("hang", 1u << 20);
    return true;
  }

  scripted_sshd server;
  world around;
  driven link;
};

/// Our socket to this server, as the driven transport has it.
int our_socket(const scripted_sshd& server) {
  for (int fd = 0; fd < 1'024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        ntohs(peer.sin_port) == server.port())
      return fd;
  }
  return -1;
}

/// Pumps by a clock of its own, which goes on only when there is something to read: from one time that the
/// transport is due to the next, for so long, or until something happens; by a `step` where it is due for
/// nothing. Returns when it was.
time_point pump_through(flooded& one, std::chrono::seconds lasts, std::chrono::microseconds step,
                        std::vector<transport_event>& events) {
  pollfd readable{our_socket(one.server), POLLIN, 0};
  auto now = std::chrono::steady_clock::now();
  for (const auto end = now + lasts; now < end && events.empty();) {
    one.link.it->pump(now, events);
    if (events.empty() && ::poll(&readable, 1, 20'000) <= 0)
      break;
    // A pause in the reading is short; what else it is due for comes by itself.
    const auto due = one.link.it->next_due();
    now = std::max<time_point>(now + step, due < now + 10s ? due : now);
  }
  return now;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool slowed_down = true; // by a sanitizer, whose time is not the flood's
#else
constexpr bool slowed_down = false;
#endif

/// `share`: of the time, beside the slack that a short look is taken up with: what is held in store for what
/// comes all at once.
void check_flood(std::size_t which, bool reads, std::chrono::milliseconds lasts, double share,
                 std::chrono::milliseconds slack = 0ms) {
  flooded one{which, reads};
  REQUIRE(one.open_and_run());
  const auto memory = resident();
  const auto spent = spent_by_this_thread();
  const auto began = std::chrono::steady_clock::now();
  one.link.until([&] { return one.link.failed.has_value(); }, lasts);
  // A connection that was ended earlier takes nothing for the rest of the time.
  const auto took = std::max<std::chrono::nanoseconds>(lasts, std::chrono::steady_clock::now() - began);
  const auto busy = spent_by_this_thread() - spent;
  CAPTURE(took.count(), busy.count());
  CHECK(resident() < memory + growth_max(growth_bar));
  CHECK((slowed_down || busy < share * took + slack));
  CHECK(one.link.busiest_pump < pump_max);
  CHECK(one.link.longest_pump < stuck_pump);
}

} // namespace

TEST_CASE("no flood of an authenticated server grows a connection by 4 MiB, or takes a fifth of a processor",
          "[transport][flood][alone]") {
  const auto all = floods(0);
  for (bool reads : {true, false})
    for (std::size_t which = 0; which < all.size(); ++which) {
      INFO(all[which].name << (reads ? ", and it reads" : ", and it does not read"));
      check_flood(which, reads, 400ms, 0.2, 150ms);
    }
}

// Without a limit these floods, from a sender on the same machine, take a fifth at most: the bar is an
// eighth.
TEST_CASE("a flood that goes on takes an eighth of a processor at most, what comes all at once included",
          "[.][long][flood]") {
  const auto all = floods(0);
  for (std::size_t which = 0; which < all.size(); which += 4) {
    INFO(all[which].name);
    check_flood(which, true, 4s, 0.125);
  }
}

TEST_CASE("all floods together for a minute grow each connection by less than 4 MiB", "[.][long][flood]") {
  std::vector<std::unique_ptr<flooded>> all;
  for (bool reads : {true, false})
    for (std::size_t which = 0; which < floods(0).size(); ++which) {
      all.push_back(std::make_unique<flooded>(which, reads));
      REQUIRE(all.back()->open_and_run());
    }
  const auto memory = resident();
  const auto spent = spent_by_this_thread();
  const auto began = std::chrono::steady_clock::now();
  // Whatever a connection keeps it takes while it is pumped: so each has an account of its own.
  std::vector<std::int64_t> kept(all.size(), 0);
  while (std::chrono::steady_clock::now() < began + 60s)
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto& link = all[i]->link;
      const auto before = on_the_heap();
      link.until([&] { return link.failed.has_value(); }, 2ms);
      kept[i] += on_the_heap() - before;
    }
  const auto grown = resident() - std::min(memory, resident());
  const auto took = std::chrono::steady_clock::now() - began;
  const auto busy =
      static_cast<double>((spent_by_this_thread() - spent).count()) / static_cast<double>(took.count());
  WARN(all.size() << " connections grew by " << grown / 1'024 << " KiB together, and took " << busy * 100
                  << " % of a processor together; the one that grew most, by "
                  << *std::max_element(kept.begin(), kept.end()) / 1'024 << " KiB");
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(floods(0)[i % floods(0).size()].name);
    CHECK(kept[i] < static_cast<std::int64_t>(growth_bar));
  }
  CHECK(grown < growth_max(all.size() * growth_bar / 4)); // all that the system gave for it, together
}

TEST_CASE("a server that changes keys without end takes no more than a fifth of a processor",
          "[transport][flood][alone]") {
  scripted_sshd server{[](scripted_peer& peer) {
    peer.welcome();
    for (;;)
      peer.exchange_keys();
  }};
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  REQUIRE(link.open());
  const auto memory = resident();
  const auto spent = spent_by_this_thread();
  const auto began = std::chrono::steady_clock::now();
  link.until([&] { return link.failed.has_value(); }, 2s);
  CHECK((slowed_down ||
         spent_by_this_thread() - spent < (std::chrono::steady_clock::now() - began) / 5 + 150ms));
  CHECK(resident() < memory + growth_max(growth_bar));
}

TEST_CASE("a flood is given up after half a minute, and the error says why", "[transport][flood][alone]") {
  flooded one{0, true};
  REQUIRE(one.open_and_run());
  std::vector<transport_event> events;
  // A step is less than any pump takes, or a sender that a busy machine slows down would be within its share.
  pump_through(one, 40s, 1us, events);
  REQUIRE(events.size() == 2); // the command, then the transport
  REQUIRE(std::holds_alternative<transport_failed>(events.back()));
  const auto& error = std::get<transport_failed>(events.back()).error;
  CHECK(error.kind == ssh_failure::protocol);
  CHECK(error.text.find("nobody asked") != std::string::npos);
  CHECK(std::get<stream_over>(events.front()).ended.kind == outcome_kind::maybe_ran);
}

TEST_CASE(
    "while a server does not read what it is owed it is not read, and after half a minute it is given up",
    "[transport][flood][alone]") {
  const auto all = floods(0);
  const auto asks = static_cast<std::size_t>(
      std::find_if(all.begin(), all.end(),
                   [](const support::flood& one) { return one.name == std::string("keep-alives"); }) -
      all.begin());
  flooded one{asks, false, 1};
  REQUIRE(one.open_and_run());
  int least = 1; // the kernel is to store as little as it can of what we send
  REQUIRE(::setsockopt(our_socket(one.server), SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0);
  std::vector<transport_event> events;
  const auto memory = resident();
  const auto now = pump_through(one, 25s, 1ms, events);
  REQUIRE(events.empty());
  CHECK(resident() < memory + growth_max(growth_bar));
  one.link.it->pump(now + 30s, events);
  REQUIRE(events.size() == 2);
  REQUIRE(std::holds_alternative<transport_failed>(events.back()));
  CHECK(std::get<transport_failed>(events.back()).error.text.find("has read nothing") != std::string::npos);
}

TEST_CASE("a server whose channels take tiny packets is cut off, and the text names the size",
          "[transport][flood][alone]") {
  for (std::uint32_t size : {0u, 1u, 9u, 10u, 11u, 1'023u}) {
    CAPTURE(size);
    scripted_sshd server{[size](scripted_peer& peer) {
      peer.welcome();
      peer.serve(window, size, false);
    }};
    world around;
    driven link{around, hostile_settings(around, server.host(), server.port())};
    REQUIRE(link.open());
    const auto memory = resident();
    auto id = link.start(with_input(60'000));
    REQUIRE(link.finish(id));
    REQUIRE(link.failed);
    CAPTURE(link.failed->text);
    CHECK(link.failed->kind == ssh_failure::protocol);
    CHECK(link.failed->text.find("maximum packet size of " + std::to_string(size) + " bytes") !=
          std::string::npos);
    CHECK(link.streams[id.value].ended->kind == outcome_kind::never_sent);
    CHECK(link.busiest_pump < pump_max);
    CHECK(link.longest_pump < stuck_pump);
    CHECK(resident() < memory + growth_max(growth_bar));
  }
}

TEST_CASE("a channel whose packets are just large enough serves a command with much input",
          "[transport][flood][alone]") {
  scripted_sshd server{[](scripted_peer& peer) {
    peer.welcome();
    peer.serve(window, 1'024);
  }};
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  REQUIRE(link.open());
  auto result = link.run(with_input(60'000));
  CHECK(result.ended.kind == outcome_kind::exited);
}

TEST_CASE("a probe meets a server with tiny packets as well", "[transport][flood][alone]") {
  scripted_sshd server{[](scripted_peer& peer) {
    peer.welcome();
    peer.serve(window, 10);
  }};
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  REQUIRE(link.open());
  link.it->ask(1);
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(link.failed->text.find("maximum packet size of 10 bytes") != std::string::npos);
}

TEST_CASE("a channel that is confirmed a second time ends the connection before more is written",
          "[transport][flood][alone]") {
  for (std::uint32_t size : {packet_max, 10u}) {
    CAPTURE(size);
    scripted_sshd server{[size](scripted_peer& peer) {
      peer.welcome();
      const auto channel = peer.await_open();
      peer.confirm(channel, window, packet_max);
      while (!peer.serve_one(peer.receive(), window, packet_max)) {
      }
      peer.confirm(channel, window, size);
      peer.serve(window, packet_max, false);
    }};
    world around;
    driven link{around, hostile_settings(around, server.host(), server.port())};
    REQUIRE(link.open());
    auto id = link.start(with_input(200'000), 1u << 20, false);
    for (int i = 0; i < 1'000 && !link.failed; ++i) {
      link.it->input(id, std::string(10'000, 'x'));
      link.until([&] { return link.failed.has_value(); }, 5ms);
    }
    REQUIRE(link.failed);
    CHECK(link.failed->kind == ssh_failure::protocol);
    CHECK(link.failed->text.find("confirmed a channel that it had confirmed or refused before") !=
          std::string::npos);
    CHECK(link.busiest_pump < pump_max);
    CHECK(link.longest_pump < stuck_pump);
  }
}

TEST_CASE("a server that sends beyond a window is cut off, also when nobody reads",
          "[transport][flood][alone]") {
  scripted_sshd server{[](scripted_peer& peer) {
    peer.welcome();
    const auto channel = peer.await_open();
    peer.confirm(channel, window, packet_max);
    while (!peer.serve_one(peer.receive(), window, packet_max)) {
    }
    peer.drop_what_comes(true);
    peer.flood("\x5e" + number(channel) + text(std::string(30'000, 'd')));
  }};
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  REQUIRE(link.open());
  const auto memory = resident();
  link.start("flood", 0); // no credit
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(link.failed->kind == ssh_failure::protocol);
  CHECK(link.failed->text.find("windows allowed") != std::string::npos);
  CHECK(resident() < memory + growth_max(growth_bar));
}

TEST_CASE("channels that a server never closes are borne up to a number", "[transport][flood][alone]") {
  scripted_sshd server{[](scripted_peer& peer) {
    peer.welcome();
    for (;;) {
      const auto packet = peer.receive();
      if (packet[0] != '\x61' && peer.serve_one(packet, window, packet_max)) { // a close is not answered
        const auto channel = support::number_at(packet, 1);
        peer.send(support::channel_request(channel, "exit-status", false, number(0)));
        peer.send("\x60" + number(channel));
      }
    }
  }};
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  REQUIRE(link.open());
  for (int i = 0; i < 900; ++i)
    link.start("true");
  const auto all_ended = [&] {
    return link.failed || std::all_of(link.streams.begin(), link.streams.end(),
                                      [](const auto& one) { return one.second.ended.has_value(); });
  };
  REQUIRE(link.until(all_ended));
  REQUIRE_FALSE(link.failed);
  for (int i = 0; i < 200; ++i)
    link.start("true");
  REQUIRE(link.until([&] { return link.failed.has_value(); }));
  CHECK(link.failed->text.find("leaves channels open") != std::string::npos);
}
