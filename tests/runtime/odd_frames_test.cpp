// Clients that greet as they should, and then say every message there is with values that nobody would say.
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "messages/settings_table.hpp"
#include "messages/type_ids.hpp"
#include "tests/node/hand_client.hpp"
#include "tests/node/odd_values.hpp"
#include "tests/runtime/node_holdings.hpp"
#include "tests/runtime/visited_node.hpp"

using namespace moorage;
using namespace moorage::test;
using node_tests::frame_kind;
using node_tests::hand_client;
using steady = std::chrono::steady_clock;

namespace {

/// A node is late when compilers have the processors: it has a minute, and beyond that as much of a processor
/// as hundreds of such visits take.
constexpr std::chrono::milliseconds fair_work{2000};

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const auto* said = std::getenv(variable);
  return said == nullptr ? otherwise : std::stoull(said);
}

std::vector<std::string> odd_words() {
  std::vector<std::string> result{"here", "here", "here",    "theirs",   "",
                                  "*",    "-x",   "me@here", "[::1]:22", "9s"};
  for (const auto& row : cluster_fields())
    result.emplace_back(row.name);
  return result;
}

using maker = node_tests::odd_message (*)(caf::actor_system&, std::string, std::mt19937_64&,
                                          const std::vector<std::string>&);
struct kind {
  const char* type;
  maker make;
};
#define MOORAGE_KIND(type) {"moorage::" #type, &node_tests::odd<type>},
constexpr kind said[] = {MOORAGE_SAID_BY_OUTSIDERS(MOORAGE_KIND)};
constexpr kind heard[] = {MOORAGE_HEARD_BY_OUTSIDERS(MOORAGE_KIND)};
#undef MOORAGE_KIND

/// What a visitor does besides saying what clients say.
enum class manner : std::uint8_t { nothing, nothing_either, nonsense, spoils };

/// Before the node, which is told of it.
struct own_sshd {
  support::real_sshd sshd;
};

/// A node in this process: with a pool that such clients may use and order about, and one that is not theirs.
struct tried_node : own_sshd, visited_node {
  tried_node()
      : visited_node(quiet_configuration({unreachable("here"), settings_for(sshd, "theirs")}),
                     {.clusters = {"here"},
                      .allow = {access_right::use, access_right::observe, access_right::admin}}) {}

  /// Says some such messages, one of which may be no message, and goes. What it says is the number's alone.
  void visit(std::uint64_t number, bool over_tls) {
    std::mt19937_64 random{number};
    hand_client client{dial(over_tls), static_cast<std::uint32_t>(1 + number % 64), fair_work};
    REQUIRE(client.greet());
    auto& system = system_of(rt);
    const auto does = static_cast<manner>(random() % 4);
    for (auto left = 1 + random() % 40; left > 0; --left) {
      const auto& any = does == manner::nonsense && random() % 8 == 0 ? heard[random() % std::size(heard)]
                                                                      : said[random() % std::size(said)];
      auto message = any.make(system, any.type, random, words);
      if (!over_tls && message.type == "moorage::shut_down_pools") // the owner's right
        continue;
      if (does == manner::spoils && over_tls && random() % 4 == 0) // not what a shell might be given
        spoil(message.value, random);
      auto asks = random() % 3 == 0 ? 0 : std::uint64_t{1} << 60;
      if (!client.send(message.type, message.value, asks | random() % 1000) ||
          (does == manner::nonsense && random() % 8 == 0 && !say_something_else(client, random)))
        break;
    }
    // Whoever has not been hung up on is answered.
    const auto used = std::clock();
    auto answered = client.ask("moorage::get_pool", node_tests::text("here"), 60s).has_value();
    answers += answered ? 1 : 0;
    pollfd state{client.descriptor(), POLLRDHUP, 0};
    INFO("the process has had " << (std::clock() - used) * 1000 / CLOCKS_PER_SEC
                                << " ms of the processors meanwhile");
    REQUIRE((answered || ::poll(&state, 1, 0) == 1));
    if (random() % 8 == 0) // in the middle of a frame
      client.say(node_tests::header(frame_kind::direct_message, 100, 0, 9, client.session()));
  }

  std::vector<std::string> words = odd_words();
  std::size_t answers = 0;

private:
  /// A byte here and there, or an end that comes too soon.
  static void spoil(std::string& value, std::mt19937_64& random) {
    for (auto times = random() % 4; times > 0 && !value.empty(); --times)
      value[random() % value.size()] = static_cast<char>(random());
    if (random() % 4 == 0)
      value.resize(random() % (value.size() + 1));
  }
  /// A frame that is none of a message. False: the node has hung up.
  static bool say_something_else(hand_client& client, std::mt19937_64& random) {
    auto any = [&random] { return random() % 3 == 0 ? random() : random() % 12; };
    return client.say(
        node_tests::frame(static_cast<frame_kind>(random() % 8),
                          random() % 2 == 0 ? "" : node_tests::node(client.process()) + client.greeted_by(),
                          any(), any(), random() % 2 == 0 ? client.session() : any()));
  }
};

/// So many, or for so long.
void are_visited(tried_node& node, bool over_tls, std::uint64_t visits, std::chrono::seconds time) {
  auto all_well = [&] {
    hand_client honest{node.dial(over_tls), 77, fair_work};
    REQUIRE(honest.greet());
    REQUIRE(honest.ask("moorage::get_pool", node_tests::text("here")));
    if (over_tls) // whose rights end at a pool of its own
      REQUIRE(node.rt.run("theirs", "true", 60s).ended.kind == outcome_kind::exited);
  };
  const auto first = number_from("MOORAGE_ODD_SEED", std::random_device{}());
  node.visit(first, over_tls);
  all_well(); // what is made once is made
  const auto before = node_holdings::of(node.rt);
  const auto until = steady::now() + time;
  auto number = first;
  for (; visits > 0 || steady::now() < until; visits -= visits > 0 ? 1 : 0) {
    INFO("MOORAGE_ODD_SEED=" << ++number << " does it again");
    node.visit(number, over_tls);
    if (number % 50 == 0)
      all_well();
  }
  CHECK(node.answers > (number - first) / 4);
  if (!over_tls)
    return; // who registers clusters leaves their pools behind
  const auto deadline = steady::now() + 60s;
  auto now = node_holdings::of(node.rt);
  for (; !now.within(before) && steady::now() < deadline; now = node_holdings::of(node.rt))
    std::this_thread::yield();
  INFO("before: " << before << "; now: " << now);
  CHECK(now.within(before));
}

} // namespace

TEST_CASE("clients that say every message with values nobody would say hurt neither the node nor others") {
  tried_node node;
  are_visited(node, true, 200, 0s);
}

TEST_CASE("the node's own user may say any message with values nobody would say, and the node lives on") {
  tried_node node;
  are_visited(node, false, 200, 0s);
}

// MOORAGE_ODD_SECONDS=300 by hand.
TEST_CASE("for a quarter of a minute of such messages over TLS a node loses nothing", "[long]") {
  tried_node node;
  are_visited(node, true, 0, std::chrono::seconds{number_from("MOORAGE_ODD_SECONDS", 15)});
}

TEST_CASE("for a quarter of a minute of such messages by its own user a node lives on", "[long]") {
  tried_node node;
  are_visited(node, false, 0, std::chrono::seconds{number_from("MOORAGE_ODD_SECONDS", 15)});
}
