// What a pending promises: one answer whatever happens, in whichever form it is taken, and nothing left
// behind by one that nobody took.
#include <catch2/catch.hpp>

#include <atomic>
#include <caf/all.hpp>
#include <coroutine>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/actors.hpp"
#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

template <class Condition>
bool in_time(const Condition& condition) {
  for (auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
    if (condition())
      return true;
    std::this_thread::yield();
  }
  return false;
}

bool waiters_become(runtime& rt, std::uint32_t count) {
  return in_time([&] {
    auto status = rt.pool("alpha");
    return status && status->waiters == count;
  });
}

/// A coroutine that nobody waits for.
struct errand {
  struct ending {
    std::shared_ptr<std::atomic<bool>> over;
    bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) noexcept {
      auto kept = over; // this is gone as soon as it is told
      kept->store(true);
    }
    void await_resume() noexcept {}
  };
  struct promise_type {
    errand get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this), over}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    ending final_suspend() noexcept { return {over}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
    std::shared_ptr<std::atomic<bool>> over = std::make_shared<std::atomic<bool>>(false);
  };
  std::coroutine_handle<promise_type> handle;
  std::shared_ptr<std::atomic<bool>> over; ///< it may be destroyed; its own `done` is not for another thread
};

errand await_acquire(runtime& rt, std::string cluster, std::promise<errc>& told) {
  auto granted = co_await rt.async().acquire(cluster, 20s);
  told.set_value(granted.error().code);
}

errand await_on(pending<result<lease>> asked, callback_executor executor,
                std::promise<std::thread::id>& told) {
  auto refused = co_await asked.on(std::move(executor));
  CHECK(refused.error().code == errc::cluster_removed);
  told.set_value(std::this_thread::get_id());
}

/// A pending of each kind, none of which is answered by itself.
struct kinds {
  explicit kinds(runtime& rt) : rt(rt) {}

  /// What each is told, in each of the forms, when `happens` happens.
  std::vector<errc> told(const std::function<void()>& happens) {
    auto waited = rt.async().acquire("alpha", 1h);
    auto future = rt.async().acquire("alpha", 1h).to_future();
    auto ran = rt.async().run("alpha", "true", 1h);
    std::promise<errc> called, awaited;
    rt.async().acquire("alpha", 1h).then([&](result<lease> answer) {
      called.set_value(answer.error().code);
    });
    auto waiting = await_acquire_for_long(awaited);
    happens();
    auto result = ran.get();
    CHECK(result.ended.kind == outcome_kind::never_sent);
    std::vector<errc> all{waited.get().error().code, future.get().error().code, result.ended.cause.code,
                          called.get_future().get(), awaited.get_future().get()};
    CHECK(in_time([&] { return waiting.over->load(); }));
    waiting.handle.destroy();
    return all;
  }

  errand await_acquire_for_long(std::promise<errc>& told) {
    auto granted = co_await rt.async().acquire("alpha", 1h);
    told.set_value(granted.error().code);
  }

  runtime& rt;
};

} // namespace

TEST_CASE("a pending ends in each of its forms when the runtime stops, or the pool goes") {
  for (auto stops : {true, false}) {
    runtime rt{quiet_configuration({unreachable("alpha")})};
    rt.pause("alpha").value();
    auto told = kinds{rt}.told([&] {
      REQUIRE(waiters_become(rt, 5));
      if (stops)
        rt.stop();
      else
        rt.remove_cluster("alpha").value();
    });
    CHECK(told == std::vector<errc>(5, stops ? errc::stopping : errc::cluster_removed));
  }
}

TEST_CASE("a pending of a runtime that has stopped or was moved from is answered at once, whatever it asks") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  auto calls = rt.async();
  rt.stop();
  for (auto moved : {false, true}) {
    auto expected = moved ? errc::invalid_request : errc::stopping;
    if (moved) {
      auto other = std::move(rt);
      calls = rt.async();
    }
    auto acquired = calls.acquire("alpha", 1h);
    auto ran = calls.run("alpha", "true");
    auto asked = calls.pools();
    auto ordered = calls.pause("alpha");
    auto watched = calls.subscribe("alpha", [](const event_record&) {});
    CHECK((acquired.ready() && ran.ready() && asked.ready() && ordered.ready() && watched.ready()));
    CHECK(acquired.get().error().code == expected);
    CHECK(ran.get().ended == outcome{.kind = outcome_kind::never_sent, .cause = calls.pools().get().error()});
    CHECK(asked.get().error().code == expected);
    CHECK(ordered.get().error().code == expected);
    CHECK(watched.get().error().code == expected);
  }
}

TEST_CASE("a pending that nobody takes withdraws its call, and one that is detached does not") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  rt.async().acquire("alpha", 1h).detach();
  {
    auto dropped = rt.async().acquire("alpha", 1h);
    auto replaced = rt.async().acquire("alpha", 1h);
    CHECK(waiters_become(rt, 3));
    replaced = rt.async().acquire("nowhere", 1h);
    CHECK(waiters_become(rt, 2));
  }
  CHECK(waiters_become(rt, 1));
  REQUIRE(bool{rt.pool("alpha")});
  CHECK(rt.pool("alpha")->counters.cancelled == 2);
}

TEST_CASE("a pending that is cancelled, or whose token is used, is answered: cancelled") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  std::stop_source stop;
  auto first = rt.async().acquire("alpha", 1h);
  auto second = rt.async().acquire("alpha", {.patience = 1h, .stop = stop.get_token()});
  auto third = rt.async().run("alpha", "true", {.stop = stop.get_token()});
  CHECK(waiters_become(rt, 3));
  CHECK_FALSE(first.wait_for(0s));
  first.cancel();
  CHECK(first.get().error().code == errc::cancelled);
  CHECK_FALSE(first.valid());
  stop.request_stop();
  CHECK(second.wait_for(std::chrono::hours::max()));
  CHECK(second.get().error().code == errc::cancelled);
  CHECK(third.get().ended ==
        outcome{.kind = outcome_kind::never_sent, .cause = {errc::cancelled, "the acquire was cancelled"}});
  CHECK(rt.async().acquire("alpha", {.stop = stop.get_token()}).get().error().code == errc::cancelled);
  CHECK(waiters_become(rt, 0));
}

TEST_CASE("what has been taken from a pending is gone, and says so") {
  runtime rt{quiet_configuration()};
  auto asked = rt.async().pools();
  CHECK(asked.get()->empty());
  CHECK(asked.get().error().code == errc::invalid_request);
  CHECK(asked.to_future().get().error().code == errc::invalid_request);
  errc told = errc::none;
  asked.then([&told](const auto& answer) { told = answer.error().code; });
  CHECK(told == errc::invalid_request);
  CHECK_FALSE(asked.wait_for(1h));
  asked.cancel();
  asked.detach();
}

TEST_CASE(
    "a coroutine goes on with the answer, and one that is destroyed while it waits withdraws its call") {
  support::real_sshd sshd;
  auto paused = unreachable("alpha");
  runtime rt{quiet_configuration({paused, settings_for(sshd, "beta")})};
  rt.pause("alpha").value();
  std::promise<errc> granted, never;
  auto first = await_acquire(rt, "beta", granted);
  CHECK(granted.get_future().get() == errc::none);
  CHECK(in_time([&] { return first.over->load(); }));
  first.handle.destroy();
  auto second = await_acquire(rt, "alpha", never);
  CHECK(waiters_become(rt, 1));
  second.handle.destroy();
  CHECK(waiters_become(rt, 0));
  CHECK(never.get_future().wait_for(0s) == std::future_status::timeout);
}

TEST_CASE(
    "an executor of one's own is used for one call, and what it drops or refuses is called all the same") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  std::promise<std::function<void()>> handed;
  std::promise<std::thread::id> told, refused, dropped;
  auto mine = [&](std::function<void()> call) { handed.set_value(std::move(call)); };
  auto only = std::make_unique<std::promise<std::thread::id>*>(&told); // a callback need not be copied
  rt.async().acquire("nowhere").then(
      [only = std::move(only)](result<lease>) { (*only)->set_value(std::this_thread::get_id()); }, mine);
  handed.get_future().get()();
  CHECK(told.get_future().get() == std::this_thread::get_id());
  rt.async().acquire("nowhere").then([&](result<lease>) { refused.set_value(std::this_thread::get_id()); },
                                     [](const std::function<void()>&) { throw 42; });
  CHECK(refused.get_future().get() != std::this_thread::get_id());
  // One that is answered already goes on where it is: so this one is answered when it waits for certain.
  auto awaited = await_on(
      rt.async().acquire("alpha", 1h), [](const std::function<void()>&) {}, dropped);
  CHECK(waiters_become(rt, 1));
  rt.remove_cluster("alpha").value();
  CHECK(dropped.get_future().get() != std::this_thread::get_id());
  CHECK(in_time([&] { return awaited.over->load(); }));
  awaited.handle.destroy();
}

TEST_CASE("on a thread of the actor system a pending is not waited for, and still to be had") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  std::promise<errc> at_once, later;
  system_of(rt).spawn([&] {
    auto asked = rt.async().acquire("alpha", 1h);
    CHECK_FALSE(asked.wait_for(1h));
    at_once.set_value(asked.get().error().code);
    asked.then([&later](result<lease> answer) { later.set_value(answer.error().code); });
  });
  CHECK(at_once.get_future().get() == errc::would_block_scheduler);
  rt.stop();
  CHECK(later.get_future().get() == errc::stopping);
}
