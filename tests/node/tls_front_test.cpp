// The front by itself: what strangers and silent peers can take of it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/node/front_world.hpp"

using namespace moorage;
using namespace node_tests;

namespace {

/// What begins as a TLS client's first message of 300 bytes does.
std::string first_message_begun() {
  return std::string{"\x16\x03\x01\x01\x2c\x01", 6};
}

} // namespace

TEST_CASE("handshakes that stop half-way make room for who waits") {
  tried_front world;
  std::vector<std::unique_ptr<half_handshake>> stopped;
  for (std::size_t i = 0; i < handshakes_of_one_max; ++i)
    stopped.push_back(std::make_unique<half_handshake>(world));
  REQUIRE(eventually([&] { return world.front.count().strangers == handshakes_of_one_max; }));
  CHECK(world.dial());
}

TEST_CASE("a certificate that is revoked while its handshake is half-way is refused at its end") {
  tried_front world;
  half_handshake before{world};
  CHECK(before.finish());
  half_handshake half{world};
  REQUIRE(eventually([&] { return world.front.count().strangers == 1; }));
  world.authority.revoke("portal");
  world.believe(world.files);
  CHECK_FALSE(half.finish());
  CHECK(eventually([&] { return world.front.count().links == 0; })); // the one of before is cut as well
}

TEST_CASE("strangers who stop in the middle of a word take no processor time") {
  tried_front world;
  auto taken = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
           std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
  };
  auto begins = world.stranger();
  say(begins, first_message_begun().substr(0, 2));
  auto urgent = world.stranger();
  say(urgent, first_message_begun());
  REQUIRE(::send(urgent.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL) == 1);
  auto before = taken();
  CHECK(ends(begins));
  CHECK(ends(urgent));
  CHECK(taken() - before < 2s); // of ten
}

TEST_CASE("who says nothing of TLS, all of it too slowly, or something else, is gone, and delays nobody") {
  tried_front world;
  std::vector<unique_fd> silent;
  for (int i = 0; i < 200; ++i)
    silent.push_back(world.stranger());
  auto half = world.stranger();
  say(half, first_message_begun());
  auto drips = world.stranger();
  auto other = world.stranger();
  say(other, "SSH-2.0-OpenSSH_9.2\r\n");
  CHECK(ends(other));
  CHECK(eventually([&] { return world.front.count().strangers == 202; }));
  CHECK(world.dial());
  // A byte a moment is not a word.
  std::jthread dripping{[&drips](const std::stop_token& stop) {
    for (auto byte : first_message_begun() + std::string(300, 'x')) {
      if (stop.stop_requested() || ::send(drips.get(), &byte, 1, MSG_NOSIGNAL) != 1)
        return;
      if (ended_within(drips, 50ms))
        return;
    }
  }};
  CHECK(ends(silent.front()));
  CHECK(ends(half));
  CHECK(ends(drips));
  dripping.request_stop();
  CHECK(eventually([&] { return world.front.count().strangers == 0; }));
  CHECK(world.refusals().size() == 203);
}

TEST_CASE("where as many strangers wait as may, the one that has been silent for longest makes room") {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto before = limit;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 2 * strangers_max + 100) {
    WARN("this process may not open as many files as this takes");
    return;
  }
  tried_front world;
  auto spoke = world.stranger();
  say(spoke, first_message_begun());
  CHECK(eventually([&] { return world.front.count().strangers == 1; }));
  std::vector<unique_fd> silent;
  for (std::size_t i = 0; i < strangers_max; ++i)
    silent.push_back(world.stranger());
  CHECK(ends(silent.front(), 5s));
  CHECK(world.dial());
  CHECK(world.front.count().strangers <= strangers_max);
  std::array<char, 1> nothing{};
  CHECK(::recv(spoke.get(), nothing.data(), 1, MSG_DONTWAIT) == -1); // is still waited for
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_CASE("a link over TLS carries what is said both ways, whole, and ends with either side") {
  tried_front world;
  auto ours = world.dial();
  REQUIRE(ours);
  REQUIRE(eventually([&] { return world.front.count().links == 1; }));
  auto theirs = world.last_visitor();
  std::array<char, 16> heard{};
  REQUIRE(eventually([&] { return ::recv(ours->get(), heard.data(), heard.size(), MSG_DONTWAIT) == 6; }));
  CHECK(std::string(heard.data(), 6) == first_word);
  say(*ours, "across");
  REQUIRE(eventually([&] { return ::recv(theirs.get(), heard.data(), heard.size(), MSG_DONTWAIT) == 6; }));
  // What is said last arrives, too.
  say(theirs, "farewell");
  theirs.reset();
  REQUIRE(eventually([&] { return ::recv(ours->get(), heard.data(), heard.size(), MSG_DONTWAIT) == 8; }));
  CHECK(ends(*ours));
  CHECK(eventually([&] { return world.front.count().links == 0; }));
}

TEST_CASE("of a burst over TLS nothing stays behind until the next one") {
  tried_front world;
  auto ours = world.dial();
  REQUIRE(ours);
  REQUIRE(eventually([&] { return world.front.count().links == 1; }));
  auto theirs = world.last_visitor();
  std::vector<char> room(64 << 10);
  REQUIRE(eventually([&] { return ::recv(ours->get(), room.data(), room.size(), MSG_DONTWAIT) == 6; }));
  for (std::size_t burst = 0; burst < 100; ++burst) {
    std::string said(100'000 + burst * 7'919, ' ');
    for (std::size_t i = 0; i < said.size(); ++i)
      said[i] = static_cast<char>(burst + i * i / 251);
    const bool back = burst % 2 == 1;
    std::atomic<bool> over{false};
    std::thread speaks{[&] {
      for (std::size_t put = 0; put < said.size() && !over;) {
        pollfd state{(back ? theirs : *ours).get(), POLLOUT, 0};
        ::poll(&state, 1, 100);
        put += static_cast<std::size_t>(
            std::max<ssize_t>(0, ::send(state.fd, said.data() + put, said.size() - put, MSG_NOSIGNAL)));
      }
    }};
    std::string heard;
    const bool whole = eventually([&] {
      const auto got = ::recv((back ? *ours : theirs).get(), room.data(), room.size(), MSG_DONTWAIT);
      heard.append(room.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      return heard.size() >= said.size();
    });
    CAPTURE(burst, heard.size());
    over = true;
    speaks.join();
    REQUIRE(whole);
    CHECK((heard == said)); // without printing it
  }
}

TEST_CASE("a reader that stops costs a link bounded memory, and others none of their time") {
  tried_front world;
  auto stopped = world.dial();
  REQUIRE(stopped);
  REQUIRE(eventually([&] { return world.front.count().links == 1; }));
  auto theirs = world.last_visitor();
  // Sends until nothing is taken any more: the sockets' buffers on the way are all that there is.
  std::string piece(64 << 10, 'x');
  std::size_t taken = 0;
  auto quiet_since = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - quiet_since < 1s && taken < (64u << 20)) {
    auto put = ::send(theirs.get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put > 0) {
      taken += static_cast<std::size_t>(put);
      quiet_since = std::chrono::steady_clock::now();
    }
  }
  CHECK(taken < (32u << 20));
  CHECK(world.dial());
}

TEST_CASE("a link on which nothing is heard for the time that is told is cut, and one that is heard lives") {
  tried_front world{5s};
  auto silent = world.dial();
  auto speaks = world.dial();
  REQUIRE(silent);
  REQUIRE(speaks);
  std::jthread speaking{[&speaks](const std::stop_token& stop) {
    while (!stop.stop_requested() && ::send(speaks->get(), ".", 1, MSG_NOSIGNAL) == 1)
      if (ended_within(*speaks, 100ms))
        return;
  }};
  CHECK(ends(*silent));
  // Its end is seen on this side before the front has counted it.
  const auto patience = std::chrono::steady_clock::now() + 20s;
  while (world.front.count().links != 1 && std::chrono::steady_clock::now() < patience)
    ended_within(*speaks, 10ms);
  CHECK(world.front.count().links == 1);
  std::array<char, 16> ignored{};
  CHECK(::recv(speaks->get(), ignored.data(), ignored.size(), MSG_DONTWAIT) != 0);
}

TEST_CASE("addresses of nodes are read as people write them, and what is none is refused") {
  CHECK(parse_host_port("gw1.site.org:7443")->host == "gw1.site.org");
  CHECK(parse_host_port("[::1]:7443")->host == "::1");
  CHECK(parse_host_port("10.0.0.1:7443")->port == "7443");
  for (auto* wrong : {"", ":", "host", "host:", ":7443", "host:0x1", "host:65536", "::1:7443", "[::1]",
                      "a b:1", "-o:1", "user@host:1", "/run/node.sock"})
    CHECK(parse_host_port(wrong).error().code == errc::invalid_request);
}
