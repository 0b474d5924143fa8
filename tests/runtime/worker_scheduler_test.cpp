// The scheduler of a runtime's own actor system: what it must not leave undone, however few threads it wakes.
#include <array>
#include <atomic>
#include <caf/all.hpp>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <unistd.h>

#include "runtime/system/descriptors.hpp"
#include "runtime/system/readiness.hpp"
#include "runtime/system/worker_scheduler.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 20s;

struct scheduled {
  explicit scheduled(std::size_t threads = 2) {
    config.set("scheduler.max-threads", threads);
    config.loop = &loop;
    schedule_on_workers(config);
    system = std::make_unique<caf::actor_system>(config);
  }

  readiness loop{readiness::turned_by::others};
  worker_config config;
  std::unique_ptr<caf::actor_system> system;
};

struct named_like_ours {
  named_like_ours() = default;
  static inline const char* name = "moorage.test";
};

/// Fulfils the promise.
caf::behavior teller(caf::event_based_actor*, const std::shared_ptr<std::promise<void>>& told) {
  return {[told](int) { told->set_value(); }};
}

/// Has somebody told, and waits until they were: `true` if so.
bool has_told(caf::actor_system& system) {
  auto told = std::make_shared<std::promise<void>>();
  auto other = system.spawn(teller, told);
  caf::anon_send(other, 1);
  return told->get_future().wait_for(patience) == std::future_status::ready;
}

template <class Self>
caf::behavior waits_for_whom_it_told(Self self, const std::shared_ptr<std::promise<bool>>& told,
                                     bool says_so) {
  return {[=](int) {
    if (says_so)
      long_work_ahead();
    told->set_value(has_told(self->system()));
  }};
}

/// A thread that waits for one word.
class waiting_thread {
public:
  waiting_thread() { REQUIRE(waits_.get_future().wait_for(patience) == std::future_status::ready); }
  ~waiting_thread() { thread_.join(); }

  void answer() {
    {
      std::lock_guard guard{shared_->mutex}; // had once the thread waits
      shared_->there = true;
    }
    notify_after_turn({shared_, &shared_->changed});
  }
  /// `true`: it was woken, and did not have to look by itself.
  bool was_woken() { return was_woken_within(patience * 4); }
  bool was_woken_within(std::chrono::milliseconds time) {
    return woken_.wait_for(time) == std::future_status::ready && woken_.get();
  }

private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool there = false;
  };
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
  std::promise<void> waits_;
  std::promise<bool> tells_;
  std::shared_future<bool> woken_ = tells_.get_future().share();
  std::thread thread_{[this] {
    std::unique_lock lock{shared_->mutex};
    waits_.set_value();
    auto in_time = std::cv_status::no_timeout;
    while (!shared_->there && in_time == std::cv_status::no_timeout)
      in_time = shared_->changed.wait_for(lock, patience * 3);
    tells_.set_value(in_time == std::cv_status::no_timeout);
  }};
};

using waiting_threads = std::vector<std::unique_ptr<waiting_thread>>;

waiting_threads so_many(int count) {
  waiting_threads made;
  for (int i = 0; i < count; ++i)
    made.push_back(std::make_unique<waiting_thread>());
  return made;
}

/// Its own messages never end, until it is told.
caf::behavior restless(caf::stateful_actor<named_like_ours>* self) {
  self->send(self, 1);
  return {[self](int) { self->send(self, 1); }, [self](const std::string&) { self->quit(); }};
}

/// Occupies one thread of the scheduler until it is destroyed.
class occupied {
public:
  explicit occupied(caf::actor_system& system) {
    auto waits = [free = free_.get_future().share(),
                  began = &began_](caf::event_based_actor*) -> caf::behavior {
      return {[free, began](int) {
        began->set_value();
        free.wait_for(patience);
      }};
    };
    caf::anon_send(system.spawn(waits), 1);
    REQUIRE(began_.get_future().wait_for(patience) == std::future_status::ready);
  }
  ~occupied() { free_.set_value(); }

private:
  std::promise<void> free_, began_;
};

struct wire {
  wire() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  unique_fd read, write;
};

/// What is written is noticed.
bool wakes(readiness& loop) {
  wire ends;
  auto woken = std::make_shared<std::promise<void>>();
  auto watched = loop.add(ends.read.get(), [woken] { woken->set_value(); });
  REQUIRE(watched.arm(true, false));
  REQUIRE(::write(ends.write.get(), "x", 1) == 1);
  return woken->get_future().wait_for(patience) == std::future_status::ready;
}

} // namespace

TEST_CASE("what a host's actor gives others to do is done while it goes on") {
  scheduled at;
  auto told = std::make_shared<std::promise<bool>>();
  caf::anon_send(at.system->spawn([told](caf::event_based_actor* self) {
    return waits_for_whom_it_told(self, told, false);
  }),
                 1);
  CHECK(told->get_future().get());
}

TEST_CASE("what an actor of ours that takes long gives others is done while it goes on") {
  scheduled at;
  auto told = std::make_shared<std::promise<bool>>();
  caf::anon_send(at.system->spawn([told](caf::stateful_actor<named_like_ours>* self) {
    return waits_for_whom_it_told(self, told, true);
  }),
                 1);
  CHECK(told->get_future().get());
}

TEST_CASE("sockets are looked at while nobody has anything to do, while a thread is occupied, and while the "
          "others always have something to do") {
  scheduled at;
  CHECK(wakes(at.loop));
  occupied one{*at.system};
  CHECK(wakes(at.loop));
  auto busy = at.system->spawn(restless);
  auto busier = at.system->spawn(restless);
  CHECK(wakes(at.loop));
  CHECK(has_told(*at.system)); // and others have their turn
  caf::anon_send(busy, std::string{});
  caf::anon_send(busier, std::string{});
}

TEST_CASE("what many threads give many actors to do is all done, and what comes on sockets meanwhile") {
  constexpr int givers = 8, actors = 16, each = 4'000;
  scheduled at{3};
  std::atomic<int> left = givers * each;
  auto over = std::make_shared<std::promise<void>>();
  auto counts = [&left, over](caf::stateful_actor<named_like_ours>*) -> caf::behavior {
    return {[&left, over](int) {
      if (--left == 0)
        over->set_value();
    }};
  };
  std::vector<caf::actor> all;
  for (int i = 0; i < actors; ++i)
    all.push_back(at.system->spawn(counts));
  // Each gives to the next one by way of another.
  auto passes = at.system->spawn([all](caf::stateful_actor<named_like_ours>* self) -> caf::behavior {
    return {[all, self](int which) { self->send(all[static_cast<std::size_t>(which)], 1); }};
  });
  std::vector<std::thread> crew;
  for (int giver = 0; giver < givers; ++giver)
    crew.emplace_back([&, giver] {
      for (int i = 0; i < each; ++i)
        if ((i + giver) % 2 == 0)
          caf::anon_send(passes, i % actors);
        else
          caf::anon_send(all[static_cast<std::size_t>(i % actors)], 1);
    });
  for (int i = 0; i < 200; ++i)
    CHECK(wakes(at.loop));
  for (auto& one : crew)
    one.join();
  REQUIRE(over->get_future().wait_for(patience) == std::future_status::ready);
  CHECK(left == 0);
  passes = nullptr;
  all.clear();
}

TEST_CASE("a thread that has gone to sleep is woken for each of what comes one after the other") {
  scheduled at;
  for (int i = 0; i < 2'000; ++i)
    REQUIRE(has_told(*at.system));
}

TEST_CASE("who waits for an answer is woken at once by a thread that is none of the scheduler's") {
  waiting_thread waits;
  waits.answer();
  CHECK(waits.was_woken());
}

TEST_CASE("of those who wait for what an actor answers in one turn the first is woken at once, the others "
          "are not") {
  waiting_thread first, second;
  scheduled at;
  auto told = std::make_shared<std::promise<std::pair<bool, bool>>>();
  caf::anon_send(at.system->spawn([&, told](caf::stateful_actor<named_like_ours>*) -> caf::behavior {
    return {[&, told](int) {
      first.answer();
      second.answer();
      auto at_once = first.was_woken();
      told->set_value({at_once, second.was_woken_within(100ms)});
    }};
  }),
                 1);
  auto woken = told->get_future();
  REQUIRE(woken.wait_for(patience * 5) == std::future_status::ready);
  CHECK(woken.get() == std::pair{true, false});
  CHECK(second.was_woken());
}

TEST_CASE("all who wait for what an actor answers in one turn are woken after it") {
  for (int count : {1, 200}) {
    auto all = so_many(count); // ends after the system
    scheduled at;
    caf::anon_send(at.system->spawn([&all](caf::stateful_actor<named_like_ours>*) -> caf::behavior {
      return {[&all](int) {
        for (auto& each : all)
          each->answer();
      }};
    }),
                   1);
    for (auto& each : all)
      CHECK(each->was_woken());
  }
}

TEST_CASE("who waits for an answer is woken before work that takes long, and during it") {
  waiting_thread first, second, meanwhile;
  scheduled at;
  auto told = std::make_shared<std::promise<bool>>();
  caf::anon_send(at.system->spawn([&, told](caf::stateful_actor<named_like_ours>*) -> caf::behavior {
    return {[&, told](int) {
      first.answer();
      second.answer();
      long_work_ahead();
      auto were_woken = first.was_woken() && second.was_woken();
      meanwhile.answer();
      told->set_value(were_woken && meanwhile.was_woken());
    }};
  }),
                 1);
  auto woken = told->get_future();
  REQUIRE(woken.wait_for(patience * 5) == std::future_status::ready);
  CHECK(woken.get());
}
