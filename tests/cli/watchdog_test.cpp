// What a node says to systemd of itself: that it is ready, reloads, ends, and lives.
#include <catch2/catch.hpp>

#include <chrono>
#include <fstream>
#include <sys/syscall.h>
#include <thread>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "deploy/moorage/life_signs.hpp"
#include "tests/cli/frozen_threads.hpp"
#include "tests/cli/service.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::cli::life_signs;

namespace {

const std::string life = "WATCHDOG=1";

/// The next that is no sign of life.
std::string next_state(const notify_socket& told) {
  auto said = told.next();
  while (said == life)
    said = told.next();
  return said;
}

/// Until nothing has been said for so long, of no more than a few on their way; false: it is said on and on.
bool falls_silent(const notify_socket& told, std::chrono::milliseconds silence) {
  for (auto left = 3; left > 0; --left)
    if (told.next(silence).empty())
      return true;
  return false;
}

std::map<std::string, std::string> watched(const notify_socket& told, const std::string& microseconds) {
  return {{"NOTIFY_SOCKET", told.path()}, {"WATCHDOG_USEC", microseconds}, {"WATCHDOG_PID", "$$"}};
}

/// A node's questions, kept until the test answers them.
struct questions {
  life_signs::question ask() {
    return [this](std::function<void(bool)> answered) {
      std::lock_guard guard{mutex};
      asked.push_back(std::move(answered));
      if (asked.size() == wanted)
        enough.set_value();
    };
  }
  std::mutex mutex;
  std::vector<std::function<void(bool)>> asked;
  std::size_t wanted = 3;
  std::promise<void> enough;
};

} // namespace

TEST_CASE("a node tells systemd when it is ready, reads its configuration, and ends, and gives signs of life "
          "meanwhile") {
  service_home home;
  for (const auto* where : {"notify.sock", "@"}) {
    notify_socket told{where[0] == '@' ? "@" + home.folder.path() : home.folder / where};
    program node{home.node_with({}, watched(told, "1000000"))};
    CHECK(told.next() == "READY=1\nSTATUS=serving on " + home.path);
    for (auto i = 0; i < 3; ++i)
      CHECK(told.next() == life);
    node.signal(SIGHUP);
    CHECK(next_state(told) == "RELOADING=1");
    CHECK(next_state(told) == "READY=1");
    CHECK(told.next() == life);
    node.signal(SIGTERM);
    CHECK(next_state(told) == "STOPPING=1");
    CHECK(node.wait().code == 0);
  }
}

TEST_CASE("a node whose actors are stuck gives no sign of life, and gives them again when they go on") {
  service_home home;
  notify_socket told{home.folder / "notify.sock"};
  program node{home.node_with({}, watched(told, "1000000"))};
  CHECK_THAT(told.next(), Contains("READY=1"));
  CHECK(told.next() == life);
  {
    frozen_threads actors{node.pid(), [](pid_t, const std::string& name) {
                            return name.starts_with("caf.") || name == "moorage.worker";
                          }};
    if (!actors.allowed()) {
      WARN("the system lets nobody stop threads of another process");
      return;
    }
    REQUIRE(actors.count() > 2);
    CHECK(falls_silent(told, 2s));
  }
  CHECK(told.next() == life);
  CHECK(home.exec("true").code == 0);
}

/// Until the main thread of a process waits for others of its threads.
static bool comes_to_wait(pid_t process) {
  const auto patience = std::chrono::steady_clock::now() + 20s;
  const auto futex = std::to_string(SYS_futex) + " ";
  std::string call;
  while (!call.starts_with(futex) && std::chrono::steady_clock::now() < patience) {
    std::ifstream file{"/proc/" + std::to_string(process) + "/syscall"};
    std::getline(file, call);
    std::this_thread::yield();
  }
  return call.starts_with(futex);
}

TEST_CASE("a node whose configuration is on a disk that hangs lives, and says so") {
  service_home home;
  notify_socket told{home.folder / "notify.sock"};
  program node{home.node_with({}, watched(told, "1000000"))};
  CHECK_THAT(told.next(), Contains("READY=1"));
  // The main thread is the one that reads: it does not come back from its first call. It is stopped while it
  // waits to be told to, when it holds no lock that others need.
  if (!comes_to_wait(node.pid())) {
    WARN("the system tells nobody what another process waits for");
    return;
  }
  frozen_threads reader{node.pid(), [&](pid_t thread, const std::string&) { return thread == node.pid(); }};
  if (!reader.allowed()) {
    WARN("the system lets nobody stop threads of another process");
    return;
  }
  REQUIRE(reader.count() == 1);
  node.signal(SIGHUP);
  for (auto i = 0; i < 5; ++i)
    CHECK(told.next() == life);
}

TEST_CASE("a node gives signs of life to who has asked for them in a way that can be understood, and serves "
          "anyway") {
  service_home home;
  notify_socket told{home.folder / "notify.sock"};
  for (const auto& [microseconds, process, complains] :
       {std::tuple{"0", "$$", true}, std::tuple{"soon", "$$", true}, std::tuple{"-5", "$$", true},
        std::tuple{"99999999999999999999999", "$$", true}, std::tuple{"1000", "1", false}}) {
    auto variables = watched(told, microseconds);
    variables["WATCHDOG_PID"] = process;
    program node{home.node_with({}, variables)};
    CHECK_THAT(told.next(), Contains("READY=1"));
    CHECK(home.exec("true").code == 0);
    node.signal(SIGTERM);
    CHECK(told.next() == "STOPPING=1");
    auto ended = node.wait();
    CHECK(ended.code == 0);
    CHECK((ended.error_output.find("WATCHDOG_USEC is '") != std::string::npos) == complains);
  }
  // As often as it is good for, whatever is asked.
  auto variables = watched(told, "1");
  variables.erase("WATCHDOG_PID");
  program node{home.node_with({}, variables)};
  CHECK_THAT(told.next(), Contains("READY=1"));
  CHECK(told.next() == life);
  CHECK(home.exec("true").code == 0);
}

TEST_CASE("a node whose words to systemd nobody reads serves all the same, and ends") {
  service_home home;
  notify_socket told{home.folder / "notify.sock"};
  auto full = handed(moorage::unique_fd{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)});
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  told.path().copy(address.sun_path, sizeof address.sun_path);
  while (sendto(full.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 1)
    ;
  REQUIRE(errno == EAGAIN);
  program node{home.node_with({}, watched(told, "100000"))};
  REQUIRE(node.wrote("serving 1 cluster on "));
  CHECK(home.exec("true").code == 0);
  node.signal(SIGTERM);
  CHECK(node.wait().code == 0);
  // Nor where nobody listens any more, or where no socket can be.
  for (const auto* nowhere : {"/nonesuch/notify.sock", "notify.sock", "vsock:2:1234"}) {
    program other{home.node_with({}, {{"NOTIFY_SOCKET", nowhere}, {"WATCHDOG_USEC", "100000"}})};
    REQUIRE(other.wrote("serving 1 cluster on "));
    other.signal(SIGTERM);
    CHECK(other.wait().code == 0);
  }
}

TEST_CASE("without an answer there is no sign of life, however often is asked, and a late one is as good") {
  std::atomic<int> signs = 0;
  std::promise<void> given;
  questions node;
  life_signs life{200ms, node.ask(), [&] {
                    if (++signs == 1)
                      given.set_value();
                  }};
  // Who waits no more asks anew.
  REQUIRE(node.enough.get_future().wait_for(30s) == std::future_status::ready);
  CHECK(signs == 0);
  auto answer = [&node](std::size_t which, bool well) {
    std::unique_lock guard{node.mutex};
    auto answered = node.asked[which];
    guard.unlock();
    answered(well);
  };
  answer(0, false); // which is none
  {
    std::lock_guard guard{node.mutex};
    node.enough = {};
    node.wanted = node.asked.size() + 2;
  }
  REQUIRE(node.enough.get_future().wait_for(30s) == std::future_status::ready);
  CHECK(signs == 0);
  answer(1, true);
  CHECK(given.get_future().wait_for(30s) == std::future_status::ready);
}

TEST_CASE("signs of life end at once, and who answers after their end harms nothing") {
  questions node;
  node.wanted = 1;
  std::atomic<int> signs = 0;
  std::optional<life_signs> life{std::in_place, 10h, node.ask(), [&signs] { ++signs; }};
  REQUIRE(node.enough.get_future().wait_for(30s) == std::future_status::ready);
  life.reset();
  node.asked.front()(true);
  CHECK(signs == 0);
}
