// The nodes of a site, each with a cluster of its own, and programs that are led from one to the other.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/two_nodes.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

TEST_CASE("a program that asks any node of a site is led to the one that has the cluster") {
  two_nodes site;
  auto rt = runtime::connect(site.at(0), 20s);
  CHECK(rt.run("one", "echo first").output == "first\n");
  auto lease = rt.acquire("two", 20s);
  CHECK(lease.run("echo second").output == "second\n");
  auto stream = lease.open("cat");
  stream.write("through the other node\n");
  stream.end_input();
  std::string read;
  for (moorage::stream::chunk chunk; stream.read(chunk);)
    read += chunk.bytes;
  CHECK(read == "through the other node\n");
  CHECK(rt.run("two", "exit 7").ended.code == 7);
  CHECK(rt.pool("two").value().cluster == "two");
  CHECK(rt.resize("two", 3));
  CHECK(site.gw2->pool("two").value().size == 3);
  auto unknown = rt.try_acquire("three", 5s);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == errc::unknown_cluster);
}

TEST_CASE("a program that knows several nodes sees all their pools, and orders all of them") {
  two_nodes site;
  auto rt = runtime::connect(site.both(), 20s);
  std::vector<std::string> names;
  auto pools = rt.pools().value();
  for (const auto& pool : pools)
    names.push_back(pool.cluster);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"one", "two"});
  auto paused = rt.pause(every_pool, true);
  REQUIRE(paused);
  CHECK_THAT(*paused, Contains(site.addresses[0]) && Contains(site.addresses[1]));
  CHECK(site.gw1->pool("one").value().state == pool_state::paused);
  CHECK(site.gw2->pool("two").value().state == pool_state::paused);
  std::mutex mutex;
  std::set<std::string> resumed;
  auto events = rt.subscribe({}, [&](const event_record& event) {
    std::lock_guard guard{mutex};
    if (event.what == event_kind::resumed)
      resumed.insert(event.cluster);
  });
  REQUIRE(events);
  CHECK(rt.resume(every_pool, true));
  auto both = [&] {
    std::lock_guard guard{mutex};
    return resumed.size() == 2;
  };
  while (!both())
    ;
  events->unsubscribe();
  CHECK(rt.reload().error().code == errc::invalid_request); // of which?
}

TEST_CASE("of a node that is down the clusters are refused, and the work at the others goes on") {
  two_nodes site;
  auto rt = runtime::connect(site.both(), 20s);
  CHECK(rt.run("two", "true").ended.succeeded());
  site.gw2->stop();
  CHECK(rt.run("one", "true").ended.succeeded());
  auto refused = rt.try_acquire("two", 10s);
  REQUIRE_FALSE(refused);
  CHECK((refused.error().code == errc::node_lost || refused.error().code == errc::no_node));
  CHECK(rt.pools().value().size() == 1);
  REQUIRE(rt.unreachable().size() == 1); // though it was linked
  CHECK(rt.unreachable().at(0).first == site.addresses[1]);
  // A program that comes now, whose first node is the one that is down.
  auto other = runtime::connect({site.addresses[1], site.of_portal, {site.addresses[0]}}, 20s);
  CHECK(other.run("one", "true").ended.succeeded());
  auto late = other.try_acquire("two", 10s);
  REQUIRE_FALSE(late);
  CHECK_THAT(late.error().text,
             Contains("'two' is on the node at " + site.addresses[1]) && Contains("cannot be reached"));
  CHECK(other.pools().value().size() == 1);
  REQUIRE(other.unreachable().size() == 1);
  CHECK(other.unreachable().at(0).first == site.addresses[1]);
}

TEST_CASE("a cluster that is moved is followed, by those who wait as well, and no log-in is spent twice") {
  two_nodes site;
  auto rt = runtime::connect(site.both(), 20s);
  CHECK(rt.resize("one", 1));
  std::optional<lease> busy{rt.acquire("one", 20s)};
  REQUIRE(busy->run("true").ended.succeeded());
  auto waiting = rt.async().run("one", "echo there", acquire_options{.patience = 60s});
  auto mover = site.begin_move();
  CHECK(busy->run("echo here").output == "here\n"); // leases may end by themselves
  CHECK(site.gw2->pool("one").value().total == 0);
  busy.reset();
  auto moved = mover.get();
  INFO(moved.error().text);
  REQUIRE(moved);
  CHECK_THAT(*moved, Contains("gw2"));
  CHECK(waiting.get().output == "there\n");
  CHECK(site.gw2->pool("one").value().total == 1);
  CHECK(site.gw1->try_acquire("one", 1s).error().code == errc::elsewhere);
  CHECK(rt.run("one", "true").ended.succeeded());
  CHECK_THAT(rt.move("one", "gw2", 0s).value(), Contains("already"));
  CHECK_THAT(rt.move("one", "gw3", 0s).error().text, Contains("gw1, gw2"));
  CHECK(rt.move("one", "gw1", 0s));
  CHECK(site.gw1->pool("one"));
}

TEST_CASE("a move that is called off leaves the cluster where it was, and who had gone ahead comes back") {
  two_nodes site;
  auto rt = runtime::connect(site.both(), 20s);
  CHECK(rt.resize("one", 1));
  std::optional<lease> busy{rt.acquire("one", 20s)};
  REQUIRE(busy->run("true").ended.succeeded());
  auto mover = site.begin_move();
  auto ahead = rt.async().run("one", "echo back", acquire_options{.patience = 60s});
  while (site.gw2->waiters("one").value().empty())
    ;
  CHECK(site.gw1->resume("one"));
  auto moved = mover.get();
  REQUIRE_FALSE(moved);
  CHECK_THAT(moved.error().text, Contains("'one' stays where it was"));
  CHECK(busy->run("echo here").output == "here\n");
  CHECK(site.gw2->try_acquire("one", 1s).error().code == errc::elsewhere);
  busy.reset();
  CHECK(ahead.get().output == "back\n");
  CHECK(rt.run("one", "true").ended.succeeded());
}

TEST_CASE("a move whose node ends under it is off, and is made by the same order once that is back") {
  two_nodes site;
  auto rt = runtime::connect(site.both(), 20s);
  std::optional<lease> busy{rt.acquire("one", 20s)};
  auto mover = site.begin_move();
  site.gw1->stop();
  auto moved = mover.get();
  REQUIRE_FALSE(moved);
  // Whichever comes first, what the node says of its end, or that of the link.
  CHECK_THAT(moved.error().text, Contains("'one' stays where it was") || Contains("until it is moved again"));
  busy.reset();
  auto admin = runtime::connect({site.addresses[1], site.of_portal, {site.addresses[0]}}, 20s);
  auto early = admin.move("one", "gw2", 10s);
  REQUIRE_FALSE(early);
  CHECK_THAT(early.error().text,
             Contains("may be on the node at " + site.addresses[0]) && Contains("cannot be reached"));
  site.begin(0);
  auto again = admin.move("one", "gw2", 10s);
  for (; !again && again.error().code == errc::no_node; again = admin.move("one", "gw2", 10s))
    ; // nobody is knocked at twice within a second
  INFO(again.error().text);
  REQUIRE(again);
  CHECK(admin.run("one", "echo there").output == "there\n");
  CHECK(site.gw1->try_acquire("one", 1s).error().code == errc::elsewhere);
}

TEST_CASE("nodes that send each other for a cluster are not asked for ever, and the text says so") {
  two_nodes site;
  REQUIRE(site.gw1->register_cluster(site.placed("lost", "gw2")));
  REQUIRE(site.gw2->register_cluster(site.placed("lost", "gw1")));
  auto rt = runtime::connect(site.both(), 20s);
  auto refused = rt.try_acquire("lost", 20s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::elsewhere);
  CHECK_THAT(refused.error().text, Contains("send each other for it"));
  CHECK_THAT(rt.move("lost", "gw2", 0s).error().text, Contains("send each other for 'lost'"));
}

TEST_CASE("who waits for a pool to be ready waits for its node too, until it is there or he has enough") {
  two_nodes site;
  site.gw2->stop();
  site.gw2.reset();
  auto rt = runtime::connect(site.both(), 20s);
  acquire_options patiently{.patience = 60s, .wait_for_ready = true};
  auto waiting = rt.async().run("two", "echo back", patiently);
  std::stop_source stop;
  patiently.stop = stop.get_token();
  auto cancelled = rt.async().acquire("two", patiently);
  CHECK(rt.run("two", "true", acquire_options{.patience = 60s}).ended.cause.code == errc::no_node);
  stop.request_stop();
  CHECK(cancelled.get().error().code == errc::cancelled);
  auto enough = rt.try_acquire("two", {.patience = 1500ms, .wait_for_ready = true});
  REQUIRE_FALSE(enough);
  CHECK_THAT(enough.error().text, Contains("cannot be reached"));
  auto ended = std::make_optional(runtime::connect(site.both(), 20s));
  auto dropped =
      ended->async().acquire("two", acquire_options{.patience = 60s, .wait_for_ready = true}).to_future();
  ended.reset();
  CHECK(dropped.get().error().code == errc::stopping);
  site.begin(1);
  CHECK(waiting.get().output == "back\n");
}

TEST_CASE("an acquire that is led may be cancelled on its way, and a runtime ended under it") {
  two_nodes site;
  auto rt = std::make_optional(runtime::connect(site.at(0), 20s));
  REQUIRE(site.gw2->pause("two", true));
  std::stop_source stop;
  auto waiting = rt->async().acquire("two", acquire_options{.patience = 60s, .stop = stop.get_token()});
  while (site.gw2->waiters("two").value().empty())
    ;
  stop.request_stop();
  CHECK(waiting.get().error().code == errc::cancelled);
  auto ended = rt->async().acquire("two", 60s);
  while (site.gw2->waiters("two").value().empty())
    ;
  auto future = ended.to_future();
  rt.reset();
  CHECK_FALSE(future.get());
  while (!site.gw2->waiters("two").value().empty())
    ; // it has left the queue
}
