// Who computes, and when: turns among connections, with every actor real and the network scripted.
#include <catch2/catch.hpp>

#include "actors/connection/connection.hpp"
#include "actors/turns.hpp"
#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

using names = std::vector<std::string>;

/// Turns to be given, and who had them, in order.
class turn_table {
public:
  explicit turn_table(std::size_t count, std::size_t pool_max = 100)
      : at(world.system.spawn(moorage::turns, count, pool_max)) {}
  ~turn_table() {
    for (auto& [name, actor] : askers_)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    caf::anon_send_exit(at, caf::exit_reason::kill);
    world.settle();
  }

  /// A name is its pool's letter and a number.
  void ask(const std::string& name, std::chrono::seconds began = 0s) {
    send(name,
         turn_request{caf::actor_cast<caf::strong_actor_ptr>(asker(name.substr(0, 1))), time_point{began}});
  }
  void end(const std::string& name) { send(name, turn_over{}); }
  void kill(const std::string& name) {
    caf::anon_send_exit(asker(name), caf::exit_reason::kill);
    askers_.erase(name);
    world.settle();
  }

  virtual_world world{plain_cluster()};
  turns_actor at;
  names given;

private:
  caf::actor asker(const std::string& name) {
    auto& actor = askers_[name];
    if (!actor)
      actor = world.system.spawn(
          [this](caf::event_based_actor*, std::string own) -> caf::behavior {
            return {[this, own = std::move(own)](const turn_given&) { given.push_back(own); }};
          },
          name);
    return actor;
  }
  template <class T>
  void send(const std::string& name, T what) {
    caf::send_as(asker(name), at, std::move(what));
    world.settle();
  }

  std::map<std::string, caf::actor> askers_;
};

/// A connection of its own, a pool that writes down what it hears, and one turn, held by the test.
class lone_connection {
public:
  lone_connection() {
    world.network->computes = 3;
    table.ask("x1");
    auto listen = [this](caf::event_based_actor* self, int) -> caf::behavior {
      self->set_default_handler(caf::drop);
      return {[this](const connection_opened&) { ended.push_back(""); },
              [this](const connection_failed& report) { ended.push_back(report.error.text); },
              [this](const connection_closed&) { ended.push_back("closed"); }};
    };
    pool_ = world.system.spawn(listen, 0);
    auto network = world.network;
    at = world.system.spawn(
        connection, connection_id{7}, world.cluster, caf::actor_cast<pool_actor>(pool_), table.at,
        [network](const cluster_settings&, waker wake) {
          return std::make_unique<scripted_transport>(network, std::move(wake));
        },
        machine_choice{});
    world.settle();
  }
  ~lone_connection() {
    caf::anon_send_exit(at, caf::exit_reason::kill);
    caf::anon_send_exit(pool_, caf::exit_reason::kill);
    world.settle();
  }

  turn_table table{1};
  virtual_world& world = table.world;
  connection_actor at;
  names ended; ///< how its opening ended, as its pool hears it

private:
  caf::actor pool_;
};

} // namespace

// --- who gives turns -------------------------------------------------------------------------------------------------

TEST_CASE(
    "no more connections compute at once than there are turns, and the others have theirs as they came") {
  turn_table table{2};
  for (const char* name : {"a1", "a2", "a3", "a4"})
    table.ask(name);
  CHECK(table.given == names{"a1", "a2"});
  table.end("a2");
  CHECK(table.given == names{"a1", "a2", "a3"});
  table.end("a1");
  table.end("a3");
  table.end("a4");
  table.ask("a1");
  CHECK(table.given == names{"a1", "a2", "a3", "a4", "a1"});
}

TEST_CASE("no pool has more turns than its most, however many are free") {
  turn_table table{4, 2};
  for (const char* name : {"a1", "a2", "a3", "a4"})
    table.ask(name);
  CHECK(table.given == names{"a1", "a2"});
  table.ask("b1");
  CHECK(table.given == names{"a1", "a2", "b1"});
  table.kill("a2");
  CHECK(table.given == names{"a1", "a2", "b1", "a3"});
  table.end("b1");
  table.end("a1");
  CHECK(table.given == names{"a1", "a2", "b1", "a3", "a4"});
}

TEST_CASE("of one pool's openings the oldest goes first, so that they end one after another") {
  turn_table table{1};
  table.ask("a1", 1s);
  table.ask("a3", 3s);
  table.ask("a2", 2s);
  table.end("a1");
  table.ask("a1", 1s); // its next pump computes as well
  CHECK(table.given.back() == "a2");
  table.end("a2");
  CHECK(table.given.back() == "a1");
  table.end("a1");
  CHECK(table.given == names{"a1", "a2", "a1", "a3"});
}

TEST_CASE("a connection that waits for its turn waits for one of each other pool, however many those have") {
  turn_table table{1};
  for (int i = 1; i <= 60; ++i)
    table.ask("a" + std::to_string(i));
  table.ask("b1");
  table.ask("c1");
  table.end("a1");
  CHECK(table.given.back() == "a2"); // it waited before the other pools did
  table.end("a2");
  CHECK(table.given.back() == "b1");
  table.end("b1");
  table.ask("b1"); // its next pump computes as well
  CHECK(table.given.back() == "c1");
  table.end("c1");
  CHECK(table.given.back() == "a3");
  table.end("a3");
  CHECK(table.given.back() == "b1");
  table.end("b1");
  CHECK(table.given.back() == "a4");
}

TEST_CASE("the turn of a connection that is killed comes back, and one that waited is not given any") {
  turn_table table{1};
  for (const char* name : {"a1", "a2", "b1", "a3"})
    table.ask(name);
  table.kill("a2");
  table.kill("b1");
  CHECK(table.given == names{"a1"});
  table.kill("a1");
  CHECK(table.given == names{"a1", "a3"});
}

TEST_CASE("who has no turn has none to give back, and nobody has two") {
  turn_table table{1};
  table.end("a1");
  table.ask("a1");
  table.ask("a1");
  table.ask("a2");
  CHECK(table.given == names{"a1"});
  table.end("a1");
  table.end("a1");
  CHECK(table.given == names{"a1", "a2"});
}

// --- connections -----------------------------------------------------------------------------------------------------

TEST_CASE("a connection computes in its turn, one pump a turn, and asks anew for the next") {
  lone_connection one;
  CHECK(one.world.network->computed.empty());
  one.table.ask("y1");
  one.table.ask("z1");
  one.table.end("x1");
  CHECK(one.world.network->computed.size() == 1); // and not another before the others had their turns
  CHECK(one.table.given.back() == "y1");
  one.table.end("y1");
  CHECK(one.world.network->computed.size() == 1);
  one.table.end("z1");
  CHECK(one.world.network->computed.size() == 3);
  CHECK(one.ended == names{""});
}

TEST_CASE("a connection that waits for its turn reads nothing from its peer, whatever wakes it") {
  lone_connection one;
  for (int i = 0; i < 100; ++i)
    caf::anon_send(one.at, wake_up{0});
  one.world.pass(1s);
  CHECK(one.world.network->computed.empty());
  one.table.end("x1");
  CHECK(one.ended == names{""});
}

TEST_CASE("the deadline of an opening is kept while it waits for its turn") {
  lone_connection one;
  one.world.pass(30s - 10ms);
  CHECK(one.ended.empty());
  one.world.pass(20ms);
  CHECK(one.ended == names{"too late"});
  CHECK(one.world.network->computed.empty());
}

TEST_CASE("a connection that is closed while it waits for its turn closes at once, and its turn comes back") {
  lone_connection one;
  caf::anon_send(one.at, close_connection{connection_id{7}, removal_reason::none});
  one.world.settle();
  CHECK(one.ended == names{"closed"});
  one.table.end("x1");
  one.table.ask("y1");
  CHECK(one.table.given == names{"x1", "y1"});
}

TEST_CASE("a turn is never held while a peer is waited for") {
  auto cluster = plain_cluster(3);
  virtual_world world{cluster};
  world.network->computes = 2;
  world.network->peer_takes = 10s;
  holder first{world};
  first.acquire();
  world.pass(1s);
  holder second{world};
  second.acquire();
  world.pass(1s);
  CHECK(world.network->computed == std::vector<std::size_t>{0, 1}); // while both peers take their time
  world.pass(10s);
  CHECK(world.network->computed == std::vector<std::size_t>{0, 1, 0, 1});
  CHECK(first.heard->grants.size() == 1);
  CHECK(second.heard->grants.size() == 1);
}

TEST_CASE("an open connection needs no turn, so that nothing on it waits for those that compute") {
  lone_connection one;
  one.table.end("x1");
  REQUIRE(one.ended == names{""});
  one.table.ask("y1");
  bool answered = false;
  caf::scoped_actor self{one.world.system};
  auto asked = self->request(one.at, caf::infinite, probe_request{});
  one.world.settle();
  asked.receive([&](const probe_answer&) { answered = true; }, [](const caf::error&) {});
  CHECK(answered);
  CHECK(one.table.given == names{"x1", "y1"});
}

// --- when a bug ends who gives them ------------------------------------------------------------------------------------

TEST_CASE("a connection that waits for its turn asks whoever takes the place of who was to give it") {
  lone_connection one;
  auto fresh = one.world.system.spawn(turns, std::size_t{1}, std::size_t{1});
  caf::anon_send_exit(one.table.at, caf::exit_reason::kill);
  one.world.settle();
  CHECK(one.world.network->computed.empty());
  caf::anon_send(one.at, turns_replaced{caf::actor_cast<caf::strong_actor_ptr>(fresh)});
  one.world.settle();
  CHECK(one.world.network->computed.size() == 3);
  CHECK(one.ended == names{""});
  caf::anon_send_exit(fresh, caf::exit_reason::kill);
}

TEST_CASE("when a bug ends who gives turns, openings go on with a fresh one, and the bug is reported") {
  virtual_world world{plain_cluster(2)};
  world.network->computes = 2;
  world.network->peer_takes = 1s;
  holder host{world};
  caf::anon_send(world.manager, host.request());
  auto first = next_giver(world); // by the connection's first question
  REQUIRE(first);
  auto hog =
      world.system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const turn_given&) {}}; });
  caf::send_as(hog, first, turn_request{});
  world.pass(5s);
  REQUIRE(host.heard->grants.empty()); // the only turn is kept from it
  auto computed = world.network->computed.size();
  caf::anon_send_exit(first, caf::exit_reason::kill);
  world.pass(5s);
  CHECK(world.network->computed.size() == 2);
  CHECK(computed < 2);
  CHECK(host.heard->grants.size() == 1);
  REQUIRE(world.bugs.size() == 1);
  CHECK_THAT(world.bugs[0], Catch::Contains("turns") && Catch::Contains("a fresh one takes its place"));
  host.acquire(); // a connection that is opened later asks the fresh one from the start
  world.pass(5s);
  CHECK(host.heard->grants.size() == 2);
  caf::anon_send_exit(hog, caf::exit_reason::kill);
}

TEST_CASE("who gives turns and ends over and over is replaced after pauses that double, up to ten seconds") {
  virtual_world world{plain_cluster(1)};
  world.network->computes = 2;
  world.network->open_timeout = 1h;
  holder host{world};
  caf::anon_send(world.manager, host.request(1h));
  auto giver = next_giver(world);
  // Ends it, before it has read a word, and tells how long it takes until another has its place.
  auto replaced_after = [&world, &giver] {
    auto since = world.now();
    auto last = giver;
    caf::anon_send_exit(last, caf::exit_reason::kill);
    for (giver = next_giver(world); !giver || giver == last; giver = next_giver(world))
      if (!world.one_message())
        world.sched.advance_time(10ms);
    return std::chrono::round<std::chrono::milliseconds>(world.now() - since);
  };
  std::vector<std::chrono::milliseconds> pauses;
  for (int i = 0; i < 10; ++i)
    pauses.push_back(replaced_after());
  CHECK(pauses == std::vector<std::chrono::milliseconds>{0ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms,
                                                         6400ms, 10s, 10s});
  CHECK(world.bugs.size() == 10);
  CHECK_THAT(world.bugs.back(), Catch::Contains("a fresh one takes its place in 10 s"));
  world.pass(5s);
  CHECK(host.heard->grants.size() == 1); // the opening that waited all the while
  world.pass(1min);
  host.acquire(1h); // which finds the only connection leased: nobody asks for turns
  caf::anon_send_exit(giver, caf::exit_reason::kill);
  world.settle();
  CHECK_THAT(world.bugs.back(), !Catch::Contains("place in")); // it had lasted, and is replaced at once
}

TEST_CASE("a manager that stops does not wait for who gives turns to be replaced") {
  virtual_world world{plain_cluster(1)};
  world.network->computes = 2;
  holder host{world};
  caf::anon_send(world.manager, host.request());
  auto first = next_giver(world);
  caf::anon_send_exit(first, caf::exit_reason::kill);
  auto second = next_giver(world);
  for (; second == first; second = next_giver(world))
    world.one_message();
  caf::anon_send_exit(second, caf::exit_reason::kill);
  world.settle();
  REQUIRE(world.bugs.size() == 2);
  CHECK(world.ask<done>(stop_all{}));
  CHECK(world.system.registry().running() == 1); // the holder
}
