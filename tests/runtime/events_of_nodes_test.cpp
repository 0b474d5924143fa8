// Subscriptions at a site of several nodes.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/two_nodes.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("events of several nodes are told one at a time, and a callback may end them while others wait") {
  two_nodes site;
  auto rt = runtime::connect(site.both(), 20s);
  std::atomic<bool> within{false}, at_once{false};
  std::atomic<int> told{0}, told_of_one{0};
  std::promise<void> begun, ended;
  result<subscription> events = rt.subscribe({}, [&](const event_record&) {
    at_once = at_once || within.exchange(true);
    if (++told == 1) {
      begun.get_future().wait();
      // Another node's events wait for this callback's end once the other subscription was told of them.
      for (int i = 0; i < 10; ++i) {
        static_cast<void>(site.gw1->pause("one", true));
        static_cast<void>(site.gw1->resume("one", true));
      }
      while (told_of_one < 10)
        std::this_thread::yield();
      events->unsubscribe();
      ended.set_value();
    }
    within = false;
  });
  REQUIRE(events);
  auto both = rt.subscribe({}, [&](const event_record& event) {
    if (event.what == event_kind::paused && event.cluster == "one")
      ++told_of_one;
  });
  CHECK(site.gw2->pause("two", true));
  CHECK(site.gw2->resume("two", true));
  begun.set_value();
  REQUIRE(ended.get_future().wait_for(20s) == std::future_status::ready);
  CHECK(rt.run("one", "true").ended.succeeded());
  CHECK(told == 1);
  CHECK_FALSE(at_once);
}

TEST_CASE("who watches a cluster watches it wherever it is moved, and is told of nothing twice") {
  two_nodes site;
  auto rt = runtime::connect(site.at(0), 20s);
  std::mutex mutex;
  std::vector<std::string> all, some;
  auto watch = [&](std::vector<std::string>& told) {
    return [&](const event_record& event) {
      std::lock_guard guard{mutex};
      told.push_back(to_string(event.what) + " " + std::to_string(event.at.count()));
    };
  };
  event_filter changes;
  auto everything = rt.subscribe("one", watch(all));
  auto filtered = rt.subscribe("one", watch(some), changes.only(event_kind::changed));
  REQUIRE((everything && filtered));
  std::uint32_t size = 1;
  // It is followed some time after the move: what changes then is told.
  auto is_told_of = [&](std::optional<runtime>& node) {
    for (auto until = std::chrono::steady_clock::now() + 20s; std::chrono::steady_clock::now() < until;) {
      std::size_t before[2];
      {
        std::lock_guard guard{mutex};
        before[0] = all.size();
        before[1] = some.size();
      }
      REQUIRE(node->resize("one", ++size % 50 + 1));
      REQUIRE(node->pool("one"));
      REQUIRE(rt.pool("one")); // by the way that the events take
      std::lock_guard guard{mutex};
      if (all.size() > before[0] && some.size() > before[1])
        return true;
    }
    return false;
  };
  CHECK(is_told_of(site.gw1));
  for (int round = 0; round < 2; ++round) {
    REQUIRE(rt.move("one", "gw2", 10s));
    CHECK(is_told_of(site.gw2));
    REQUIRE(rt.move("one", "gw1", 10s));
    CHECK(is_told_of(site.gw1));
  }
  everything->unsubscribe();
  filtered->unsubscribe();
  std::lock_guard guard{mutex};
  CHECK(std::all_of(some.begin(), some.end(), [](const auto& text) { return text.starts_with("changed "); }));
  for (auto* told : {&all, &some}) {
    std::erase_if(*told, [](const auto& text) { return !text.starts_with("changed "); });
    CHECK(std::set<std::string>(told->begin(), told->end()).size() == told->size());
  }
}
