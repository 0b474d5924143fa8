// A runtime that goes to a node, and comes back by itself when the node does. The nodes are real processes.
#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "messages/type_ids.hpp"
#include "runtime/actors.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/runtime.hpp"
#include "runtime/system/descriptors.hpp"
#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::errc;
using moorage::outcome_kind;

namespace {

using steady = std::chrono::steady_clock;

/// A home whose node is killed and started again.
struct mortal_node : home_with_cluster {
  mortal_node() { start(); }

  void start() {
    node.emplace(spec({"serve"}));
    REQUIRE(node->wrote("serving 1 cluster on "));
  }
  void kill() {
    node->signal(SIGKILL);
    node->wait();
  }
  std::string socket() const { return folder / "moorage/node.sock"; }
  moorage::runtime connect() const { return moorage::runtime::connect(socket()); }

  std::optional<program> node;
};

/// For an acquire that waits for the node, too.
moorage::acquire_options patient() {
  return {.patience = 60s, .wait_for_ready = true};
}

template <class Condition>
bool comes_true(Condition holds, std::chrono::milliseconds patience = 20s) {
  for (auto deadline = steady::now() + patience; !holds(); ::poll(nullptr, 0, 5))
    if (steady::now() > deadline)
      return false;
  return true;
}

std::size_t entries_of(const char* folder) {
  auto all = std::filesystem::directory_iterator{folder};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Each of its threads has stopped, which takes them a moment.
bool has_stopped(pid_t process) {
  for (const auto& each : std::filesystem::directory_iterator{"/proc/" + std::to_string(process) + "/task"}) {
    std::ifstream stat{each.path() / "stat"};
    std::string text{std::istreambuf_iterator<char>{stat}, {}};
    if (text.compare(text.rfind(')') + 2, 1, "T") != 0)
      return false;
  }
  return true;
}

/// What a subscription is told, in order.
struct news {
  void add(const moorage::event_record& event) {
    std::lock_guard guard{mutex};
    kinds.push_back(event.what);
    texts += event.text + "\n";
  }
  std::size_t count(moorage::event_kind what) {
    std::lock_guard guard{mutex};
    return static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), what));
  }
  std::string all_texts() {
    std::lock_guard guard{mutex};
    return texts;
  }
  std::mutex mutex;
  std::vector<moorage::event_kind> kinds;
  std::string texts;
};

/// Listens where a node would, and never says anything.
struct silent_listener {
  explicit silent_listener(const std::string& path) : fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::remove(path.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(fd.get(), 8) == 0);
  }
  /// Somebody has connected.
  bool met(std::chrono::milliseconds patience = 20s) const {
    pollfd state{fd.get(), POLLIN, 0};
    return ::poll(&state, 1, static_cast<int>(patience.count())) == 1;
  }
  moorage::unique_fd fd;
};

/// A node of another version, in this process.
struct other_version {
  explicit other_version(const std::string& path) {
    config.load<caf::io::middleman>();
    config.set("scheduler.max-threads", 2);
    moorage::add_message_types(config);
    moorage::configure_node(config);
    config.set("middleman.app-identifiers", std::vector<std::string>{"moorage.node.of.another.version"});
    system.emplace(config);
    auto actor = system->spawn([]() -> caf::behavior { return {[](int) {}}; });
    moorage::node_service service;
    service.open = [actor](const std::string&) { return caf::actor_cast<caf::strong_actor_ptr>(actor); };
    std::remove(path.c_str());
    auto made = moorage::publish_node(*system, std::move(service), path);
    REQUIRE(made);
    published.emplace(std::move(*made));
    whom = actor;
  }
  ~other_version() {
    published.reset();
    caf::anon_send_exit(whom, caf::exit_reason::kill);
    whom = nullptr;
  }
  caf::actor_system_config config;
  std::optional<caf::actor_system> system;
  std::optional<moorage::published_node> published;
  caf::actor whom;
};

} // namespace

TEST_CASE("a client that is stopped tells no loss of its node") {
  mortal_node home;
  auto losses = std::make_shared<std::atomic<int>>(0);
  for (auto times = 0; times < 20; ++times) {
    auto rt = home.connect();
    rt.on_loss([losses](const moorage::failure&) { ++*losses; });
    auto events = rt.subscribe("here", [losses](const moorage::event_record& event) {
                      *losses += event.what == moorage::event_kind::node_lost ? 1 : 0;
                    }).value();
    rt.stop();
  }
  CHECK(*losses == 0);
}

TEST_CASE(
    "a client whose node is killed and started again goes on by itself, with leases of the new node's only") {
  mortal_node home;
  auto rt = home.connect();
  news heard;
  auto events = rt.subscribe("here", [&](const auto& event) { heard.add(event); }).value();
  std::promise<moorage::failure> lost;
  rt.on_loss([&](const moorage::failure& why) { lost.set_value(why); });
  auto old = rt.acquire("here", 20s);
  auto running = old.async().run("sleep 600");
  CHECK(comes_true([&] { return heard.count(moorage::event_kind::granted) == 1; }));
  home.kill();
  CHECK(running.get().ended.kind == outcome_kind::maybe_ran);
  CHECK(lost.get_future().get().code == errc::node_lost);
  CHECK(rt.wait_for_loss(0ms));
  CHECK(old.run("true").ended.cause.code == errc::lease_ended);
  CHECK(
      comes_true([&] { return rt.pools().error().text.find("the last try: no node") != std::string::npos; }));
  auto begin = steady::now();
  auto refused = rt.try_acquire("here", 20s);
  CHECK(steady::now() - begin < 5s);
  CHECK(refused.error().code == errc::node_lost);
  CHECK_THAT(refused.error().text, Contains("moorage is trying to reach it again"));
  auto waiting = rt.async().acquire("here", patient());
  home.start();
  auto held = waiting.get().value();
  CHECK_FALSE(rt.wait_for_loss(0ms));
  REQUIRE(held.id() == old.id()); // another process numbers anew
  CHECK(old.run("true").ended.cause.code == errc::lease_ended);
  CHECK(old.release().error().code == errc::lease_ended);
  CHECK(held.run("true").ended.succeeded());
  CHECK(comes_true([&] { return heard.count(moorage::event_kind::granted) == 2; }));
  CHECK(heard.count(moorage::event_kind::node_lost) == 1);
  CHECK(heard.count(moorage::event_kind::node_back) == 1);
}

TEST_CASE(
    "a frozen node costs a call its patience and at most 1 s more, and its client goes on when it thaws") {
  mortal_node home;
  auto rt = home.connect();
  auto lease = rt.acquire("here", 20s);
  home.node->signal(SIGSTOP);
  REQUIRE(comes_true([&] { return has_stopped(home.node->pid()); }));
  constexpr auto busy = 700ms; // everything comes late on a busy machine
  auto begin = steady::now();
  const auto first = begin;
  std::promise<std::pair<errc, steady::duration>> called;
  rt.async().acquire("here", 1s).then([&](const auto& answer) {
    called.set_value({answer.error().code, steady::now() - first});
  });
  CHECK(rt.pools().error().code == errc::node_lost);
  CHECK(steady::now() - begin < 1s + busy);
  begin = steady::now();
  CHECK(rt.try_acquire("here", 1s).error().code == errc::node_lost);
  CHECK(steady::now() - begin > 1s);
  CHECK(steady::now() - begin < 2s + busy);
  auto [code, after] = called.get_future().get();
  CHECK(code == errc::node_lost);
  CHECK(after > 1900ms); // its second is not over before
  CHECK(after < 2s + busy);
  begin = steady::now();
  CHECK(lease.run({.command = "true", .timeout = 500ms}).ended.cause.code == errc::node_lost);
  CHECK(steady::now() - begin < 4500ms + busy);
  home.node->signal(SIGCONT);
  CHECK(lease.run("true").ended.succeeded());
  CHECK(lease.release());
  CHECK(comes_true([&] { return rt.pool("here")->leases == 0; }));
}

TEST_CASE(
    "a node that is restarted 20 times under 8 threads and a subscription leaves each call with one answer, "
    "and nothing behind") {
  home_with_cluster warm; // what a process keeps from its first runtime on
  { moorage::runtime first; }
  auto descriptors = entries_of("/proc/self/fd");
  auto threads = entries_of("/proc/self/task");
  std::atomic<int> asked = 0, answered = 0, twice = 0, succeeded = 0;
  {
    mortal_node home;
    auto rt = home.connect();
    std::atomic<int> losses = 0, returns = 0;
    auto events = rt.subscribe("here", [&](const moorage::event_record& event) {
                      losses += event.what == moorage::event_kind::node_lost;
                      returns += event.what == moorage::event_kind::node_back;
                    }).value();
    std::atomic<bool> over = false;
    std::vector<std::thread> askers;
    for (int i = 0; i < 8; ++i)
      askers.emplace_back([&, i] {
        while (!over) {
          auto once = std::make_shared<std::atomic<int>>(0);
          ++asked;
          rt.async().acquire("here", patient()).then([&, once](moorage::result<moorage::lease> lease) {
            ++answered;
            twice += ++*once > 1;
            succeeded += lease.has_value();
          });
          if (auto lease = rt.try_acquire("here", {.patience = 2s, .wait_for_ready = i % 2 == 0}))
            succeeded += lease->run("true").ended.succeeded();
          else
            ::poll(nullptr, 0, 10);
        }
      });
    for (int i = 1; i <= 20; ++i) {
      home.kill();
      home.start();
      CHECK(comes_true([&] { return rt.run("here", "true", patient()).ended.succeeded(); }));
      CHECK(comes_true([&] { return returns >= i; }));
    }
    over = true;
    for (auto& each : askers)
      each.join();
    CHECK(comes_true([&] { return answered == asked; }, 60s));
    CHECK(returns == 20);
    CHECK(losses >= 20);
    CHECK(comes_true([&] { return rt.pool("here").value_or(moorage::pool_status{}).leases == 0; }));
  }
  CHECK(twice == 0);
  CHECK(answered == asked);
  CHECK(succeeded > 0);
  CHECK(comes_true([&] { return entries_of("/proc/self/fd") == descriptors; }));
  CHECK(comes_true([&] { return entries_of("/proc/self/task") == threads; }));
}

TEST_CASE("a stop returns at once while the client waits to connect again, or is about to") {
  mortal_node home;
  auto rt = home.connect();
  std::optional<silent_listener> silent;
  home.kill();
  REQUIRE(rt.wait_for_loss(20s));
  SECTION("and nobody listens") {}
  SECTION("and what listens never answers") {
    silent.emplace(home.socket());
    REQUIRE(silent->met());
  }
  auto waiting = rt.async().acquire("here", patient());
  auto begin = steady::now();
  rt.stop();
  CHECK(steady::now() - begin < 1s);
  CHECK(waiting.get().error().code == errc::stopping);
}

TEST_CASE("what is no node of ours is told to a client that comes back, which tries on") {
  mortal_node home;
  auto rt = home.connect();
  news heard;
  auto events = rt.subscribe({}, [&](const auto& event) { heard.add(event); }).value();
  home.kill();
  {
    other_version other{home.socket()};
    CHECK(comes_true([&] { return rt.pools().error().text.find("another version") != std::string::npos; }));
    CHECK(comes_true([&] { return heard.all_texts().find("another version") != std::string::npos; }));
    CHECK(heard.count(moorage::event_kind::node_back) == 0);
  }
  home.start();
  CHECK(rt.run("here", "echo back", patient()).output == "back\n");
  CHECK(comes_true([&] { return heard.count(moorage::event_kind::node_back) == 1; }));
}

TEST_CASE("a runtime that is not to come back ends with its node") {
  mortal_node home;
  auto rt = moorage::runtime::connect(home.socket(), 3s, {.reconnect = false});
  home.kill();
  REQUIRE(rt.wait_for_loss(20s));
  home.start();
  auto begin = steady::now();
  auto refused = rt.try_acquire("here", patient());
  CHECK(steady::now() - begin < 5s);
  CHECK(refused.error().code == errc::node_lost);
  CHECK_THAT(refused.error().text, Contains("connect again"));
  CHECK(rt.wait_for_loss(0ms));
}

TEST_CASE("while the node is away an actor is refused a session, and has one of the next link") {
  mortal_node home;
  auto rt = home.connect();
  CHECK(moorage::session_of(rt, nullptr) != nullptr);
  home.kill();
  REQUIRE(rt.wait_for_loss(20s));
  std::string told;
  // Until the loss has been heard of everywhere a session of the lost link may still be given.
  CHECK(comes_true([&] {
    try {
      return moorage::session_of(rt, nullptr) == nullptr;
    } catch (const moorage::error& refused) {
      told = refused.what();
      return refused.code() == errc::node_lost;
    }
  }));
  CHECK_THAT(told, Contains("the node is away"));
  home.start();
  REQUIRE(bool{rt.acquire("here", patient()).release()});
  auto session = moorage::session_of(rt, nullptr);
  caf::scoped_actor self{moorage::system_of(rt)};
  std::size_t clusters = 0;
  self->request(session, 20s, moorage::list_clusters{})
      .receive([&](const moorage::cluster_list& all) { clusters = all.clusters.size(); },
               [](const caf::error&) {});
  CHECK(clusters == 1);
}
