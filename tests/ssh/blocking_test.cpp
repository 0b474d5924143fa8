// Threads for calls that can only block, and the preparation on them: abandonable, and never in anybody's
// way.
#include <netdb.h>
#include <unistd.h>

#include <atomic>
#include <future>

#include <catch2/catch.hpp>

#include "tests/ssh/log_in_driver.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

/// A call that blocks until the test lets it go.
struct stuck_call {
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  void let_go() { gate.set_value(); }
};

const blocking_call some_call{"lumi", "a call"};

/// Waits in the call until the test lets it go.
blocking_answer<int> make_stuck(blocking_threads& threads, const stuck_call& in,
                                const blocking_call& call = some_call) {
  auto begun = std::make_shared<std::promise<void>>();
  auto made = threads.ask(call,
                          [gate = in.opened, begun](const abandonment&) {
                            begun->set_value();
                            gate.wait();
                            return 1;
                          },
                          {});
  if (!made.refused())
    begun->get_future().wait();
  return made;
}

cluster_settings cluster(const std::string& host) {
  cluster_settings settings;
  settings.host = host;
  settings.user = "alice";
  settings.agent = false;
  settings.password_secret = "pw";
  return settings;
}

/// Something to log in with: without it no preparation comes to its end.
std::shared_ptr<secret_store> a_password() {
  auto store = std::make_shared<memory_secret_store>();
  store->put("pw", secret{"open sesame"});
  return store;
}

surroundings nowhere(const scratch_folder& home) {
  surroundings around;
  around.use_environment = false;
  around.home = home.path();
  return around;
}

preparation::state finish(preparation& preparing, const bell& woken) {
  while (preparing.poll() == preparation::state::waiting)
    if (!woken.wait(10s))
      break;
  return preparing.poll();
}

} // namespace

TEST_CASE("a result is handed back, and the asker is woken") {
  blocking_threads threads;
  bell woken;
  auto answer = threads.ask(
      some_call, [](const abandonment&) { return std::string{"42"}; }, woken.waker());
  REQUIRE(woken.wait(10s));
  CHECK(answer.ready());
  CHECK(answer.take() == std::string{"42"});
  CHECK_FALSE(answer.take());
}

TEST_CASE("clusters whose calls are stuck hold up no other, however many they are") {
  blocking_threads threads;
  stuck_call stuck;
  bell woken;
  std::vector<blocking_answer<int>> hostages;
  constexpr std::size_t clusters = 100; // more than there ever were threads for all
  hostages.reserve(2 * clusters);
  for (std::size_t i = 0; i < 2 * clusters; ++i)
    hostages.push_back(make_stuck(threads, stuck, {"cluster " + std::to_string(i / 2), "a call"}));
  CHECK(threads.threads() == 2 * clusters);
  auto other = threads.ask(
      some_call, [](const abandonment&) { return 2; }, woken.waker());
  CHECK(woken.wait(10s));
  CHECK(other.take() == 2);
  stuck.let_go();
}

TEST_CASE("a cluster holds two threads at most, and its next call waits while they are merely busy") {
  blocking_threads threads{1h};
  stuck_call stuck;
  bell woken;
  auto first = make_stuck(threads, stuck);
  CHECK(threads.held_up_by("lumi").empty());
  auto second = make_stuck(threads, stuck, {"lumi", "another call"});
  CHECK(threads.held_up_by("lumi") == "a call, another call");
  auto third = threads.ask(
      some_call, [](const abandonment&) { return 3; }, woken.waker());
  CHECK(threads.threads() == 2);
  CHECK(threads.waiting() == 1);
  CHECK_FALSE(third.refused());
  CHECK_FALSE(third.ready());
  stuck.let_go();
  CHECK(woken.wait(10s));
  CHECK(third.take() == 3);
}

TEST_CASE("a call is called stuck after 5 s, unless otherwise said") {
  CHECK(blocking_threads::stuck_after_default == 5s);
}

TEST_CASE("while both of a cluster's threads are stuck its next call is refused at once, with what they are "
          "stuck in") {
  blocking_threads threads{1ms};
  stuck_call stuck;
  auto first = make_stuck(threads, stuck, {"lumi", "the look-up of a name"});
  auto second = make_stuck(threads, stuck, {"lumi", "reading a file"});
  bell waits, refused;
  auto waiting = threads.ask(
      some_call, [](const abandonment&) { return 3; }, waits.waker());
  blocking_answer<int> next;
  const auto end = std::chrono::steady_clock::now() + 10s;
  do { // until a millisecond has passed
    next = threads.ask(
        some_call, [](const abandonment&) { return 4; }, refused.waker());
  } while (!next.refused() && std::chrono::steady_clock::now() < end);
  REQUIRE(next.refused());
  CHECK(refused.wait(10s));
  CHECK(next.refusal().stuck);
  CHECK_THAT(next.refusal().text, Contains("the look-up of a name") && Contains("reading a file"));
  // One that waited for them waits no longer.
  CHECK(waits.wait(10s));
  CHECK(waiting.refused());
  CHECK(threads.waiting() == 0);
  CHECK(threads.threads() == 2);
  bell woken;
  auto other = threads.ask(
      {"puhti", "a call"}, [](const abandonment&) { return 5; }, woken.waker());
  CHECK(woken.wait(10s));
  CHECK(other.take() == 5);
  stuck.let_go();
  for (bool taken = false; !taken && std::chrono::steady_clock::now() < end;) {
    bell rung; // of its own: the last one's may still come
    auto again = threads.ask(
        some_call, [](const abandonment&) { return 6; }, rung.waker());
    taken = !again.refused() && rung.wait(10s) && again.take() == 6;
    CHECK((taken || again.refused()));
  }
}

TEST_CASE("calls that were given up while they waited do not pile up behind a slow one") {
  blocking_threads threads{1h};
  stuck_call stuck;
  auto first = make_stuck(threads, stuck);
  auto second = make_stuck(threads, stuck);
  for (int i = 0; i < 1'000; ++i)
    threads.ask(some_call, [](const abandonment&) { return 3; }, {});
  CHECK(threads.waiting() <= 2);
  stuck.let_go();
}

TEST_CASE("stop waits for no stuck call, and its late result is thrown away where it arises") {
  struct counted {
    explicit counted(std::shared_ptr<std::promise<void>> told) : gone(std::move(told)) {}
    counted(counted&& other) noexcept : gone(std::move(other.gone)) {}
    ~counted() {
      if (gone)
        gone->set_value();
    }
    std::shared_ptr<std::promise<void>> gone;
  };
  stuck_call stuck;
  auto told = std::make_shared<std::promise<void>>();
  auto gone = told->get_future();
  bool woken = false;
  std::promise<void> begun;
  {
    blocking_threads threads;
    auto answer = threads.ask(
        some_call,
        [gate = stuck.opened, told, &begun](const abandonment&) {
          begun.set_value();
          gate.wait();
          return counted{told};
        },
        [&woken] { woken = true; });
    begun.get_future().wait();
  } // both go while the call is stuck
  stuck.let_go();
  REQUIRE(gone.wait_for(10s) == std::future_status::ready);
  CHECK_FALSE(woken);
}

TEST_CASE("a task learns between two blocking calls that nobody wants its result") {
  blocking_threads threads;
  stuck_call stuck;
  std::promise<bool> seen;
  std::promise<void> begun;
  {
    auto answer = threads.ask(some_call,
                              [gate = stuck.opened, &seen, &begun](const abandonment& sign) {
                                begun.set_value();
                                gate.wait();
                                seen.set_value(sign.abandoned());
                                return 0;
                              },
                              {});
    begun.get_future().wait();
  }
  stuck.let_go();
  CHECK(seen.get_future().get());
}

TEST_CASE("idle threads end after a while, and come back when needed") {
  blocking_threads threads{5s, 1ms};
  for (int round = 0; round < 20; ++round) {
    bell woken;
    auto answer = threads.ask(
        some_call, [round](const abandonment&) { return round; }, woken.waker());
    REQUIRE(woken.wait(10s));
    CHECK(answer.take() == round);
  }
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (threads.threads() > 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  CHECK(threads.threads() == 0);
}

TEST_CASE("a task that throws takes no thread with it") {
  blocking_threads threads;
  bell woken;
  auto broken = threads.ask(some_call, [](const abandonment&) -> int { throw std::runtime_error("no"); }, {});
  auto too = threads.ask(some_call, [](const abandonment&) -> int { throw std::runtime_error("no"); }, {});
  auto next = threads.ask(
      some_call, [](const abandonment&) { return 1; }, woken.waker());
  CHECK(woken.wait(10s));
  CHECK(next.take() == 1);
  CHECK_FALSE(broken.ready());
  CHECK_FALSE(too.ready());
}

TEST_CASE("asking and abandoning from many threads at once is safe") {
  blocking_threads threads;
  std::atomic<int> ran{0};
  std::vector<std::thread> askers;
  askers.reserve(4);
  for (int i = 0; i < 4; ++i)
    askers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        bell woken;
        auto answer = threads.ask(
            some_call, [&ran](const abandonment&) { return std::make_unique<int>(++ran); }, woken.waker());
        if (n % 2 == 0)
          woken.wait(10s);
      }
    });
  for (auto& asker : askers)
    asker.join();
  CHECK(ran >= 400);
}

TEST_CASE("a numeric address is looked up by nobody") {
  CHECK(numeric_endpoint("192.0.2.7", 22)->text == "192.0.2.7:22");
  CHECK(numeric_endpoint("::1", 2222)->text == "[::1]:2222");
  CHECK(numeric_endpoint("fe80::1%lo", 22)->text == "[fe80::1%lo]:22");
  CHECK_FALSE(numeric_endpoint("localhost", 22));
  CHECK_FALSE(numeric_endpoint("fe80::1%no-such-link", 22));
  scratch_folder home;
  blocking_threads threads;
  bell woken;
  bool asked = false;
  preparation preparing{cluster("127.0.0.1"),
                        threads,
                        [&](const std::string&, std::uint16_t) {
                          asked = true;
                          return resolution{};
                        },
                        a_password(),
                        woken.waker(),
                        nowhere(home)};
  REQUIRE(finish(preparing, woken) == preparation::state::ready);
  CHECK_FALSE(asked);
  CHECK(preparing.take().endpoints.at(0).text == "127.0.0.1:22");
}

TEST_CASE("the system's resolver knows localhost, and says so of a name that does not exist") {
  auto found = system_resolver()("localhost", 22);
  INFO(to_string(found.error));
  CHECK_FALSE(found.endpoints.empty());
  auto lost = system_resolver()("no-such-host.invalid", 22);
  CHECK(lost.endpoints.empty());
  CHECK(lost.error.kind == ssh_failure::name_not_found);
  CHECK_THAT(lost.error.text, Contains("no-such-host.invalid"));
}

TEST_CASE("a resolver that never answers is named when the deadline passes, and abandoned") {
  scratch_folder home;
  stuck_call stuck;
  blocking_threads threads;
  bell woken;
  {
    preparation preparing{cluster("lumi"),
                          threads,
                          [gate = stuck.opened](const std::string&, std::uint16_t) {
                            gate.wait();
                            return resolution{};
                          },
                          a_password(),
                          woken.waker(),
                          nowhere(home)};
    CHECK(woken.wait(10s)); // the files were read meanwhile
    CHECK(preparing.poll() == preparation::state::waiting);
    CHECK(preparing.overdue().kind == ssh_failure::timed_out);
    CHECK(preparing.overdue().stage == ssh_stage::look_up);
    CHECK_THAT(preparing.overdue().text, Contains("'lumi'"));
  }
  stuck.let_go();
}

TEST_CASE("a resolver's failure is the preparation's, and a name without address is one") {
  scratch_folder home;
  blocking_threads threads;
  bell woken;
  resolution answer;
  SECTION("told") {
    answer.error = {ssh_stage::look_up, ssh_failure::name_not_found, "try again"};
  }
  SECTION("not told") {}
  preparation preparing{
      cluster("lumi"), threads,       [&](const std::string&, std::uint16_t) { return answer; },
      a_password(),    woken.waker(), nowhere(home)};
  REQUIRE(finish(preparing, woken) == preparation::state::failed);
  CHECK(preparing.error().kind == ssh_failure::name_not_found);
}

TEST_CASE("the steps of a preparation say what was found") {
  real_sshd server;
  scratch_folder home;
  blocking_threads threads;
  bell woken;
  auto settings = cluster("some-name");
  settings.port = server.port();
  settings.host = server.host();
  settings.key_files = {server.client_key()};
  settings.known_hosts_files = {server.known_hosts()};
  preparation preparing{settings, threads, system_resolver(), nullptr, woken.waker(), nowhere(home)};
  REQUIRE(finish(preparing, woken) == preparation::state::ready);
  auto ready = preparing.take();
  REQUIRE(ready.steps.size() == 2);
  CHECK(ready.steps[0].text == "1 key file, 1 known_hosts line");
  CHECK_THAT(ready.steps[1].text, Contains(server.host() + ":"));
}

} // namespace moorage::support
