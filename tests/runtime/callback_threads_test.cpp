// The threads that callbacks are called on, and a host's executor in their place.
#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/client/callbacks.hpp"
#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

using calls = std::vector<std::function<void()>>;

/// A host's event loop: runs what it was given when the host says so.
struct event_loop {
  calls waiting;
  callback_executor executor() {
    return [this](std::function<void()> call) { waiting.push_back(std::move(call)); };
  }
  void turn() {
    for (auto& each : std::exchange(waiting, {}))
      each();
  }
};

} // namespace

TEST_CASE("as many callbacks as there are threads may wait at once, and a thread is made when it is needed") {
  auto callbacks = std::make_shared<callback_threads>();
  std::promise<void> go;
  auto open = go.get_future().share();
  std::vector<std::promise<void>> entered(callback_threads::threads_max);
  std::atomic<int> ran = 0;
  for (auto& each : entered)
    callbacks->run({}, [&each, open, &ran] {
      each.set_value();
      open.wait();
      ++ran;
    });
  for (auto& each : entered)
    each.get_future().wait();
  for (int i = 0; i < 100; ++i)
    callbacks->run({}, [&ran] { ++ran; });
  CHECK(ran == 0);
  go.set_value();
  callbacks->finish();
  CHECK(ran == 104);
}

TEST_CASE("after the end a callback is called on its caller's thread, and none is lost") {
  auto callbacks = std::make_shared<callback_threads>();
  callbacks->finish();
  std::thread::id where;
  callbacks->run({}, [&where] {
    where = std::this_thread::get_id();
    throw 42;
  });
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("a host's executor calls every callback, and is not called after the end") {
  event_loop loop;
  auto callbacks = std::make_shared<callback_threads>(loop.executor());
  int ran = 0;
  for (int i = 0; i < 3; ++i)
    callbacks->run({}, [&ran] { ++ran; });
  CHECK(ran == 0);
  loop.turn();
  CHECK(ran == 3);
  callbacks->run({}, [&ran] { ++ran; });
  callbacks->finish(); // does not wait for what the loop has not begun: this thread is the loop
  CHECK(ran == 3);
  callbacks->run({}, [&ran] { ran += 10; });
  CHECK(ran == 13);
  CHECK(loop.waiting.size() == 1);
  loop.turn();
  CHECK(ran == 14);
}

TEST_CASE("the end waits for a callback that a host's executor has begun on another thread") {
  auto callbacks = std::make_shared<callback_threads>(
      [](std::function<void()> call) { std::thread{std::move(call)}.detach(); });
  std::promise<void> entered, go;
  std::atomic<bool> over = false, ended = false, before = false;
  callbacks->run({}, [&] {
    entered.set_value();
    go.get_future().wait();
    before = !ended;
    over = true;
  });
  entered.get_future().wait();
  std::jthread ends{[&] {
    callbacks->finish();
    ended = true;
    CHECK(over);
  }};
  go.set_value();
  ends.join();
  CHECK(before);
}

TEST_CASE("whatever a host's executor does with a callback, it is called once") {
  std::vector<callback_executor> executors;
  executors.push_back([](auto) {});                                    // drops it
  executors.push_back([](auto) { throw std::runtime_error{"full"}; }); // refuses it
  executors.push_back([](auto call) { call(), call(); });              // runs it twice
  executors.push_back([](auto call) {                                  // runs it, and then complains
    call();
    throw 42;
  });
  executors.push_back([](auto call) { std::jthread{call}, call(); }); // runs it twice at once
  for (std::size_t kind = 0; kind < executors.size(); ++kind) {
    INFO("executor " << kind);
    auto callbacks = std::make_shared<callback_threads>(executors[kind]);
    std::atomic<int> ran = 0;
    for (int i = 0; i < 50; ++i)
      callbacks->run({}, [&ran] { ++ran; });
    callbacks->finish();
    CHECK(ran == 50);
  }
}

TEST_CASE("what an executor throws is reported, and so is what a callback throws in it") {
  std::vector<std::string> told;
  auto callbacks = std::make_shared<callback_threads>([](auto call) {
    call();
    throw std::runtime_error{"full"};
  });
  callbacks->report_to([&told](const std::string& cluster, const std::string& text) {
    told.push_back(cluster + ": " + text);
  });
  callbacks->run("alpha", [] { throw std::runtime_error{"milk"}; });
  callbacks->finish();
  CHECK(told == std::vector<std::string>{"alpha: a callback threw: milk",
                                         "alpha: the executor of callbacks threw: full"});
}

TEST_CASE("a strand calls one after the other in order, on whatever threads, whatever they throw") {
  for (auto own : {true, false}) {
    auto spread = [](std::function<void()> call) { std::thread{std::move(call)}.detach(); };
    auto callbacks = own ? std::make_shared<callback_threads>() : std::make_shared<callback_threads>(spread);
    auto strand = std::make_shared<callback_strand>(callbacks);
    std::vector<int> order; // no lock: there is one call at a time
    std::promise<void> all;
    int granted = 0;
    for (int i = 0; i < 1'000; ++i)
      strand->post(
          {},
          [&order, i] {
            order.push_back(i);
            throw i;
          },
          [&] {
            if (++granted == 1'000)
              all.set_value();
          });
    all.get_future().wait();
    strand->end();
    callbacks->finish();
    REQUIRE(order.size() == 1'000);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
}

TEST_CASE(
    "callbacks of a runtime go to the executor that its host gave, and blocking calls are still answered") {
  std::set<std::thread::id> threads;
  std::promise<std::function<void()>> handed;
  runtime rt{quiet_configuration(),
             {[&handed](std::function<void()> call) { handed.set_value(std::move(call)); }}};
  errc told = errc::none;
  rt.async().acquire("nowhere", 20s).then([&](result<lease> answer) {
    threads.insert(std::this_thread::get_id());
    told = answer.error().code;
    CHECK(rt.try_acquire("nowhere").error().code == errc::unknown_cluster);
  });
  handed.get_future().get()();
  CHECK(told == errc::unknown_cluster);
  CHECK(threads == std::set<std::thread::id>{std::this_thread::get_id()});
  CHECK(rt.async().acquire("nowhere").to_future().get().error().code == errc::unknown_cluster);
}

TEST_CASE("a host that stops its runtime on the thread that runs its callbacks does not wait for itself") {
  event_loop loop;
  runtime rt{quiet_configuration(), {loop.executor()}};
  std::atomic<int> told = 0;
  rt.async().acquire("nowhere", 20s).then([&](result<lease>) { ++told; });
  static_cast<void>(rt.clusters()); // answered after that
  rt.stop();
  CHECK(told == 0);
  loop.turn();
  CHECK(told == 1);
}
