// What a host's callbacks may do: take their time, make blocking calls, throw. Judged by the order of what
// happens, never by a clock: whoever waits here waits for the thing itself, and far too long is a failure.
#include <catch2/catch.hpp>

#include <atomic>
#include <caf/all.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "runtime/actors.hpp"
#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

template <class T>
bool comes(std::future<T>& what) {
  return what.wait_for(30s) == std::future_status::ready;
}

/// The code that a callback is told for a cluster that does not exist.
std::future<errc> ask_for_nothing(runtime& rt) {
  auto told = std::make_shared<std::promise<errc>>();
  auto future = told->get_future();
  rt.async().acquire("nowhere", 20s).then([told](result<lease> answer) {
    told->set_value(answer.error().code);
  });
  return future;
}

} // namespace

TEST_CASE("a callback that waits holds up no other thread's acquire, nor another callback") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  std::promise<void> entered, granted;
  std::promise<bool> seen;
  rt.async().acquire("alpha", 20s).then([&](result<lease>) {
    entered.set_value();
    auto other = granted.get_future();
    seen.set_value(comes(other));
  });
  entered.get_future().wait();
  rt.async().acquire("alpha", 25s).then([&](result<lease> answer) {
    if (answer)
      granted.set_value();
  });
  CHECK(bool{rt.try_acquire("alpha", 25s)});
  CHECK(seen.get_future().get());
}

TEST_CASE("blocking calls may be made in callbacks, of acquires, of runs and of events") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  std::promise<std::string> in_acquire, in_run, in_event;
  rt.async().acquire("alpha", 20s).then([&](result<lease> granted) {
    auto first = granted->run("echo one").output;
    in_acquire.set_value(first + rt.acquire("alpha", 20s).run("echo two").output);
  });
  CHECK(in_acquire.get_future().get() == "one\ntwo\n");
  auto kept = rt.acquire("alpha", 20s);
  kept.async().run("echo three").then([&](exec_result finished) {
    auto output = kept.open("echo four");
    stream::chunk chunk;
    while (output.read(chunk))
      finished.output += chunk.bytes;
    in_run.set_value(finished.output);
  });
  CHECK(in_run.get_future().get() == "three\nfour\n");
  std::atomic_flag told;
  auto watching = rt.subscribe("alpha", [&](const event_record&) {
    if (!told.test_and_set())
      in_event.set_value(rt.acquire("alpha", 20s).run("echo five").output);
  });
  REQUIRE(bool{watching});
  rt.probe("alpha").value();
  CHECK(in_event.get_future().get() == "five\n");
}

TEST_CASE("what a callback throws is its own: the runtime and the other callbacks go on") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  for (int round = 0; round < 20; ++round) {
    rt.async().acquire("nowhere", 20s).then([](result<lease>) { throw std::runtime_error{"of the host"}; });
    rt.async().acquire("nowhere", 20s).then([](result<lease>) { throw 42; });
    rt.async().acquire("nowhere", 20s).then(std::function<void(result<lease>)>{});
  }
  auto told = ask_for_nothing(rt);
  REQUIRE(comes(told));
  CHECK(told.get() == errc::unknown_cluster);
  CHECK(rt.try_acquire("nowhere").error().code == errc::unknown_cluster);
}

TEST_CASE(
    "a lease that was given to a callback that threw is given back, and a run's callback may throw too") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  runtime rt{quiet_configuration({settings})};
  rt.async().acquire("alpha", 20s).then([](result<lease>) { throw 1; });
  auto kept = rt.acquire("alpha", 20s);
  kept.async().run("true").then([](exec_result) { throw 2; });
  std::promise<int> told;
  kept.async().run("exit 3").then([&told](exec_result finished) { told.set_value(finished.ended.code); });
  auto future = told.get_future();
  REQUIRE(comes(future));
  CHECK(future.get() == 3);
}

TEST_CASE("a sink that throws ends its command, and its caller has what it threw") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  CHECK_THROWS_AS(lease.stream("yes", [](output_kind, std::string_view) -> bool { throw 42; }), int);
  CHECK(lease.run("true").ended.succeeded());
}

TEST_CASE("an event callback that throws is told of the next event") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  std::atomic<int> heard = 0;
  std::promise<void> third;
  auto watching = rt.subscribe({}, [&](const event_record&) {
    if (++heard == 3)
      third.set_value();
    if (heard % 2 == 0)
      throw std::runtime_error{"of the host"};
    throw 42;
  });
  REQUIRE(bool{watching});
  rt.pause("alpha").value();
  rt.resume("alpha").value();
  rt.pause("alpha").value();
  auto future = third.get_future();
  REQUIRE(comes(future));
  CHECK(rt.pool("alpha").value().state == moorage::pool_state::paused);
}

TEST_CASE("what a callback throws is in the log, with its cluster and in one line") {
  support::scratch_folder folder;
  auto config = quiet_configuration({unreachable("alpha")});
  config.log_level = "error";
  config.log_file = folder / "log";
  {
    runtime rt{config};
    std::promise<void> called;
    auto watching = rt.subscribe("alpha", [&](const event_record&) {
      called.set_value();
      throw std::runtime_error{"sour\nmilk"};
    });
    REQUIRE(bool{watching});
    rt.pause("alpha").value();
    rt.async().acquire("nowhere", 20s).then([](result<lease>) { throw 42; });
    called.get_future().wait();
    rt.stop();
  }
  const auto text = support::contents_of(config.log_file);
  INFO(text);
  CHECK(text.find("error: alpha: a callback threw: sour\\x0amilk") != std::string::npos);
  CHECK(text.find("error: nowhere: a callback threw") != std::string::npos);
}

TEST_CASE("events of one subscription come in order and one at a time, however slow their callback") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  std::vector<std::string> heard;
  std::atomic<int> inside = 0, together = 0;
  std::promise<void> all;
  auto watching = rt.subscribe("alpha", [&](const event_record& record) {
    together += ++inside > 1;
    static_cast<void>(rt.pool("alpha")); // takes its time
    heard.push_back(to_string(record.what));
    --inside;
    if (heard.size() == 80)
      all.set_value();
  });
  REQUIRE(bool{watching});
  for (int i = 0; i < 40; ++i) {
    rt.pause("alpha").value();
    rt.resume("alpha").value();
  }
  auto future = all.get_future();
  REQUIRE(comes(future));
  CHECK(together == 0);
  for (std::size_t i = 0; i < heard.size(); ++i)
    CHECK(heard[i] == (i % 2 == 0 ? "paused" : "resumed"));
}

TEST_CASE("more events than the credit of a slow callback are counted as missed, and it goes on") {
  runtime rt{quiet_configuration({unreachable("alpha"), unreachable("beta")})};
  std::promise<void> entered, go;
  std::atomic<std::uint64_t> heard = 0, missed = 0;
  auto watching = rt.subscribe({}, [&](const event_record& record) {
    if (heard++ == 0) {
      entered.set_value();
      go.get_future().wait();
    }
    missed += record.missed;
  });
  REQUIRE(bool{watching});
  for (int i = 0; i < 200; ++i)
    for (const auto* name : {"alpha", "beta"}) {
      rt.pause(name).value();
      rt.resume(name).value();
    }
  entered.get_future().wait();
  go.set_value();
  auto happened = 800u;
  for (; missed == 0 || heard < 600; happened += 2) {
    rt.pause("alpha").value();
    rt.resume("alpha").value();
  }
  CHECK(heard + missed <= happened);
  CHECK(missed >= 800 - 256 - 2);
}

TEST_CASE("a subscription's end waits for the call that is under way on another thread") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  std::promise<void> entered, go;
  std::atomic<bool> returning = false, ended = false, before = false;
  auto watching = rt.subscribe("alpha", [&](const event_record&) {
                      if (returning)
                        return;
                      entered.set_value();
                      go.get_future().wait();
                      before = !ended;
                      returning = true;
                    }).value();
  rt.pause("alpha").value();
  entered.get_future().wait();
  std::thread ends{[&] {
    watching.unsubscribe();
    CHECK_FALSE(bool{watching});
    ended = true;
    CHECK(returning);
  }};
  go.set_value();
  ends.join();
  CHECK(before);
}

TEST_CASE("when a runtime has stopped each callback that was outstanding has been called, once") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  std::atomic<int> called = 0, stopping = 0;
  for (int i = 0; i < 500; ++i)
    rt.async().acquire("alpha", 1h).then([&](result<lease> answer) {
      stopping += answer.error().code == errc::stopping;
      std::this_thread::yield();
      ++called;
    });
  rt.stop();
  CHECK(called == 500);
  CHECK(stopping == 500);
  rt.async().acquire("alpha", 1h).then([&](result<lease> answer) {
    stopping += answer.error().code == errc::stopping;
    ++called;
    throw 42;
  });
  CHECK(called == 501);
  CHECK(stopping == 501);
}

TEST_CASE("a runtime that is stopped in a callback of its own ends when that has returned") {
  for (auto in_event : {false, true}) {
    auto rt = std::make_shared<runtime>(quiet_configuration({unreachable("alpha")}));
    std::promise<void> stopped, go;
    std::atomic<bool> returned = false;
    auto stop = [&, rt] {
      rt->stop();
      rt->stop();
      stopped.set_value();
      go.get_future().wait();
      returned = true;
    };
    subscription watching;
    if (in_event) {
      watching = rt->subscribe("alpha", [stop](const event_record&) { stop(); }).value();
      rt->pause("alpha").value();
    } else {
      rt->async().acquire("nowhere", 1s).then([stop](result<lease>) { stop(); });
    }
    auto future = stopped.get_future();
    REQUIRE(comes(future));
    go.set_value();
    rt->stop();
    CHECK(returned);
  }
}

TEST_CASE("a host's actor system that did not pass through configure is refused, with what to do") {
  caf::actor_system_config plain;
  caf::actor_system system{plain};
  try {
    runtime rt{system, quiet_configuration({unreachable("alpha")})};
    FAIL("it was taken");
  } catch (const error& refused) {
    CHECK(refused.code() == errc::invalid_request);
    CHECK(refused.reason().text.find("runtime::configure") != std::string::npos);
  }
}

TEST_CASE("what is called with the news of a node's socket may throw, and may stop the runtime") {
  support::scratch_folder folder;
  auto rt = std::make_shared<runtime>(quiet_configuration());
  std::atomic<int> heard = 0;
  std::promise<void> first, second;
  auto told = [&](const failure&, bool listening) {
    CHECK(listening);
    if (++heard == 1) {
      first.set_value();
      throw std::runtime_error{"of the host"};
    }
    rt->stop();
    second.set_value();
  };
  auto path = rt->serve(folder / "socket", told).value();
  std::filesystem::remove(path);
  first.get_future().wait();
  std::filesystem::remove(path);
  auto future = second.get_future();
  REQUIRE(comes(future));
  rt->stop();
  CHECK(rt->clusters().error().code == errc::stopping);
}
