// What the streams of one outsider have under way to it, together.
#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "actors/session/output_share.hpp"
#include "tests/actors/client_world.hpp"
#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

constexpr std::uint64_t window = 2u << 20;

/// Connections that say what they have credit for, and a client that says what arrives, as ours does: nothing
/// of less than 8 KiB.
struct shared_line {
  void open(std::uint64_t stream, std::uint64_t credit = window) {
    lent[stream] = share.open(stream, credit);
  }
  /// The connection says so much, of what it was lent.
  void send(std::uint64_t stream, std::uint64_t bytes) {
    bytes = std::min(bytes, lent[stream]);
    lent[stream] -= bytes;
    lent[stream] += share.pass(stream, bytes);
    on_the_way.emplace_back(stream, bytes);
    most_held = std::max(most_held, share.held());
  }
  /// The oldest piece arrives, and is read.
  void arrive() {
    auto [stream, bytes] = on_the_way.front();
    on_the_way.pop_front();
    received[stream] += bytes;
    unsaid += bytes;
    if (reads(stream))
      lent[stream] += share.grant(stream, bytes);
  }
  void say() {
    if (unsaid >= 8u << 10)
      share.arrived(std::exchange(unsaid, 0),
                    [this](std::uint64_t stream, std::uint64_t credit) { lent[stream] += credit; });
    most_held = std::max(most_held, share.held());
  }
  /// Each sends all that it may, and everything arrives.
  void round(std::uint64_t streams) {
    for (std::uint64_t stream = 1; stream <= streams; ++stream)
      send(stream, 32u << 10);
    while (!on_the_way.empty()) {
      arrive();
      if (unsaid >= 64u << 10)
        say();
    }
  }
  bool reads(std::uint64_t stream) const { return stream != stopped; }

  output_share share;
  std::map<std::uint64_t, std::uint64_t> lent, received;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> on_the_way;
  std::uint64_t unsaid = 0;
  std::uint64_t most_held = 0;
  std::uint64_t stopped = 0;
};

/// An outsider with streams that say all that they may, and what came of each.
struct listener {
  listener(virtual_world& world, int streams) : host(world) {
    for (int i = 1; i <= streams; ++i)
      host.acquire(static_cast<std::uint64_t>(i));
    REQUIRE(host.heard->grants.size() == static_cast<std::size_t>(streams));
  }
  void open(std::uint64_t call, std::uint64_t credit = window) {
    const auto& grant = host.heard->grants.at(call - 1);
    open_stream order{grant.cluster, grant.lease, call, {}, credit};
    order.what.command = "yes";
    host.tell(order);
  }
  std::uint64_t received(std::uint64_t call) const {
    return std::accumulate(
        host.heard->chunks.begin(), host.heard->chunks.end(), std::uint64_t{0},
        [call](auto sum, const auto& each) { return sum + (each.call == call ? each.bytes.size() : 0); });
  }
  std::uint64_t received() const {
    return std::accumulate(host.heard->chunks.begin(), host.heard->chunks.end(), std::uint64_t{0},
                           [](auto sum, const auto& each) { return sum + each.bytes.size(); });
  }
  guest host;
};

} // namespace

TEST_CASE("what all streams of a link have under way is bounded together, and each has its part") {
  constexpr std::uint64_t streams = 64;
  shared_line line;
  for (std::uint64_t stream = 1; stream <= streams; ++stream)
    line.open(stream);
  for (int i = 0; i < 1'000; ++i)
    line.round(streams);
  CHECK(line.most_held <= output_share::most);
  auto [least, most] =
      std::minmax_element(line.received.begin(), line.received.end(),
                          [](const auto& one, const auto& other) { return one.second < other.second; });
  CHECK(least->second > most->second * 9 / 10);
  CHECK(least->second > 10u << 20);
}

TEST_CASE("more streams than the bound has parts have the least each, and no more") {
  constexpr std::uint64_t streams = 500;
  shared_line line;
  for (std::uint64_t stream = 1; stream <= streams; ++stream)
    line.open(stream);
  for (int i = 0; i < 20; ++i)
    line.round(streams);
  CHECK(line.most_held <= streams * output_share::least);
  CHECK(line.received.size() == streams);
}

TEST_CASE("a stream alone has half of the bound, and leaves the rest to who comes") {
  shared_line line;
  line.open(1);
  for (int i = 0; i < 200; ++i)
    line.send(1, window); // and nothing is said to have arrived
  CHECK(line.most_held > output_share::most * 2 / 5);
  CHECK(line.most_held <= output_share::most / 2);
  line.open(2);
  for (int i = 0; i < 200; ++i)
    line.send(2, window);
  CHECK(line.share.held() > output_share::most * 3 / 5);
  CHECK(line.share.held() <= output_share::most);
}

TEST_CASE("a stream whose reader has stopped holds nothing of the others', nor does one that says little") {
  shared_line line;
  line.stopped = 1;
  for (std::uint64_t stream = 1; stream <= 3; ++stream)
    line.open(stream);
  for (int i = 0; i < 500; ++i)
    line.round(2);
  line.say();
  CHECK(line.received[1] == window);
  CHECK(line.lent[1] == 0);
  CHECK(line.received[2] > 3 * window);
  for (int i = 0; i < 1'000; ++i) {
    line.send(3, 100);
    line.round(0);
    line.say();
  }
  CHECK(line.lent[3] <= 2 * output_share::least);
  CHECK(line.received[3] == 100'000);
}

TEST_CASE("a stream that ends gives back what it held, and what is on its way when it has arrived") {
  shared_line line;
  line.open(1);
  line.send(1, output_share::least);
  CHECK(line.share.held() > output_share::least);
  line.share.end(1);
  CHECK(line.share.held() == output_share::least);
  CHECK(line.share.grant(1, window) == 0);
  line.arrive();
  line.say();
  CHECK(line.share.held() == 0);
  line.share.arrived(window, [](std::uint64_t, std::uint64_t) { FAIL(); }); // more than was ever sent
  CHECK(line.share.held() == 0);
}

TEST_CASE("whatever the order in which streams speak and things arrive, nobody waits for ever") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random{seed};
    auto below = [&random](std::uint64_t end) { return random() % end; };
    shared_line line;
    auto streams = 1 + below(90);
    std::map<std::uint64_t, std::uint64_t> left;
    for (std::uint64_t stream = 1; stream <= streams; ++stream) {
      line.open(stream, 1'000 + below(window));
      left[stream] = below(1u << 20);
    }
    auto send = [&](std::uint64_t stream) {
      auto bytes = std::min({left[stream], line.lent[stream], 1 + below(64u << 10)});
      left[stream] -= bytes;
      line.send(stream, bytes);
    };
    for (int i = 0; i < 3'000; ++i) {
      if (auto what = below(4); what == 0 && !line.on_the_way.empty())
        line.arrive();
      else if (what == 1)
        line.say();
      else
        send(1 + below(streams));
    }
    // From now on all that may happen does, as long as anything does.
    for (auto any = true; any;) {
      while (!line.on_the_way.empty())
        line.arrive();
      line.say();
      any = false;
      for (std::uint64_t stream = 1; stream <= streams; ++stream)
        if (left[stream] > 0 && line.lent[stream] > 0) {
          send(stream);
          any = true;
        }
    }
    for (auto [stream, bytes] : left)
      CHECK(bytes == 0);
    CHECK(line.most_held <= output_share::most + streams * output_share::least);
  }
}

TEST_CASE("who says what arrives of its streams never has more under way than the bound, by the session") {
  constexpr int streams = 64;
  virtual_world world{plain_cluster(streams)};
  world.network->endless = true;
  listener one{world, streams};
  one.host.tell(took_stream_output{});
  for (std::uint64_t call = 1; call <= streams; ++call)
    one.open(call);
  CHECK(one.received() <= output_share::most + streams * output_share::least);
  for (std::uint64_t call = 1; call <= streams; ++call)
    CHECK(one.received(call) >= output_share::least / 2);
  // What arrived is said; nobody reads, so that each ends with its window.
  std::uint64_t said = 0;
  for (int i = 0; i < 1'000 && one.received() < streams * window; ++i) {
    auto arrived = one.received() - said;
    CHECK(arrived <= output_share::most + streams * output_share::least);
    said += arrived;
    one.host.tell(took_stream_output{arrived});
  }
  CHECK(one.received() == streams * window);
  one.host.tell(grant_stream_credit{"alpha", one.host.heard->grants.at(0).lease, 1, 1'000});
  CHECK(one.received(1) == window + 1'000);
}

TEST_CASE("who says nothing of what arrives has each stream's window, and who ends leaves no share behind") {
  virtual_world world{plain_cluster(3)};
  world.network->endless = true;
  guest admin{world};
  {
    listener one{world, 2};
    one.open(1);
    CHECK(one.received(1) == window);
    one.host.tell(took_stream_output{});
    one.host.tell(grant_stream_credit{"alpha", one.host.heard->grants.at(0).lease, 1, 1'000});
    CHECK(one.received(1) == window + 1'000); // it was opened before that was said, and goes on as it began
    one.open(2);
    CHECK(one.received(2) <= output_share::most / 2);
    one.host.tell(cancel_command{"alpha", one.host.heard->grants.at(1).lease, 2});
    REQUIRE(one.host.heard->ends.size() == 1);
    one.host.tell(took_stream_output{one.received()});
  }
  world.pass(5s);
  CHECK(world.status().leases == 0);
}

TEST_CASE("a node's client says at once what arrives: a stream that nobody reads holds up no other") {
  constexpr int streams = 16;
  client_world world{plain_cluster(streams), true};
  world.network->endless = true;
  std::vector<stream> opened;
  for (int i = 0; i < streams; ++i) {
    world.ask();
    REQUIRE(world.held.size() == static_cast<std::size_t>(i) + 1);
    opened.push_back(world.held.back().open("yes"));
  }
  world.pass(1s);
  for (auto& each : opened) {
    std::uint64_t received = 0;
    each.cancel(0ms); // nobody waits here for what has not arrived
    for (stream::chunk chunk; each.read(chunk);)
      received += chunk.bytes.size();
    CHECK(received == window);
  }
  world.pass(5s);
}
