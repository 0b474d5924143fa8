// The readiness loop: who is woken, how often, and who never.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unistd.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "runtime/system/readiness.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// Counts the wakes of one watch.
class count {
public:
  std::function<void()> waker() {
    return [state = state_] {
      std::lock_guard guard{state->mutex};
      ++state->wakes;
      state->woken.notify_all();
    };
  }
  bool reaches(int wakes, std::chrono::milliseconds patience = 5s) {
    std::unique_lock guard{state_->mutex};
    return state_->woken.wait_for(guard, patience, [&] { return state_->wakes >= wakes; });
  }
  int now() const {
    std::lock_guard guard{state_->mutex};
    return state_->wakes;
  }

private:
  struct state {
    std::mutex mutex;
    std::condition_variable woken;
    int wakes = 0;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

struct pair {
  pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0); }
  ~pair() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void send() { REQUIRE(::write(ends[1], "x", 1) == 1); }
  void drain() {
    std::array<char, 4096> bytes;
    while (::read(ends[0], bytes.data(), bytes.size()) > 0) {
    }
  }
  int fd() const { return ends[0]; }
  std::array<int, 2> ends{};
};

/// Once another watch has been woken that was armed and made ready later, earlier events have been dealt
/// with.
void settle(readiness& loop) {
  pair other;
  count woken;
  auto watched = loop.add(other.fd(), woken.waker());
  watched.arm(true, false);
  other.send();
  REQUIRE(woken.reaches(1));
}

} // namespace

TEST_CASE("each arming wakes once", "[readiness]") {
  readiness loop;
  pair ends;
  count woken;
  auto watched = loop.add(ends.fd(), woken.waker());
  REQUIRE(watched);
  CHECK(!watched.armed());
  CHECK(watched.arm(true, false));
  CHECK(watched.armed());
  ends.send();
  CHECK(woken.reaches(1));
  CHECK(!watched.armed());
  ends.send();
  settle(loop);
  CHECK(woken.now() == 1);
  CHECK(watched.arm(true, false)); // still unread
  CHECK(woken.reaches(2));
}

TEST_CASE("a watch is woken for what it asked for, and for the other end's end", "[readiness]") {
  readiness loop;
  pair ends;
  count woken;
  auto watched = loop.add(ends.fd(), woken.waker());
  CHECK(watched.arm(false, true));
  CHECK(woken.reaches(1));
  CHECK(watched.arm(true, false));
  settle(loop);
  CHECK(woken.now() == 1);
  ::shutdown(ends.ends[1], SHUT_RDWR);
  CHECK(woken.reaches(2));
}

TEST_CASE("what is not armed is not told, not even a hang-up", "[readiness]") {
  readiness loop;
  pair ends;
  count woken;
  auto watched = loop.add(ends.fd(), woken.waker());
  CHECK(watched.arm(true, false));
  CHECK(watched.arm(false, false));
  ::shutdown(ends.ends[1], SHUT_RDWR);
  settle(loop);
  CHECK(woken.now() == 0);
  CHECK(watched.arm(true, false));
  CHECK(woken.reaches(1));
}

TEST_CASE("a watch that has ended is never woken, also when its number is used again", "[readiness]") {
  readiness loop;
  for (int round = 0; round < 200; ++round) {
    count first;
    count second;
    int number = -1;
    {
      pair ends;
      number = ends.fd();
      auto watched = loop.add(ends.fd(), first.waker());
      watched.arm(true, false);
      ends.send(); // may be on its way as the watch ends
      watched.end();
      CHECK(!watched);
    }
    pair again;
    CHECK(again.fd() == number);
    auto watched = loop.add(again.fd(), second.waker());
    watched.arm(true, false);
    settle(loop);
    CHECK(second.now() == 0); // nothing was sent on this one
    CHECK(first.now() <= 1);
  }
  CHECK(loop.watched() == 0);
}

TEST_CASE("no wake-up is lost between threads", "[readiness]") {
  readiness loop;
  pair ends;
  count woken;
  auto watched = loop.add(ends.fd(), woken.waker());
  constexpr int rounds = 20'000;
  std::thread sender([&] {
    for (int i = 0; i < rounds;)
      if (::write(ends.ends[1], "x", 1) == 1)
        ++i;
      else
        std::this_thread::yield();
  });
  int received = 0;
  int seen = 0;
  while (received < rounds) {
    std::array<char, 16> bytes;
    auto got = ::read(ends.fd(), bytes.data(), bytes.size());
    if (got > 0) {
      received += static_cast<int>(got);
      continue;
    }
    watched.arm(true, false);
    REQUIRE(woken.reaches(++seen));
    seen = woken.now();
  }
  sender.join();
  CHECK(received == rounds);
}

TEST_CASE("thousands of descriptors are watched at once", "[readiness]") {
  readiness loop;
  constexpr int many = 2'000; // two descriptors each
  std::vector<std::unique_ptr<pair>> pairs;
  std::vector<watch> watches;
  count woken;
  for (int i = 0; i < many; ++i) {
    pairs.push_back(std::make_unique<pair>());
    watches.push_back(loop.add(pairs.back()->fd(), woken.waker()));
    REQUIRE(watches.back().arm(true, false));
  }
  CHECK(loop.watched() == many);
  for (auto& ends : pairs)
    ends->send();
  CHECK(woken.reaches(many));
  watches.clear();
  CHECK(loop.watched() == 0);
}

TEST_CASE("a watch may outlive the loop", "[readiness]") {
  pair ends;
  count woken;
  watch watched;
  {
    readiness loop;
    watched = loop.add(ends.fd(), woken.waker());
    watched.arm(true, false);
  }
  ends.send();
  CHECK(watched.arm(true, false));
  watched.end();
  CHECK(woken.now() == 0);
}

TEST_CASE("a loop that others turn wakes in their turns, and an interruption ends one, also the next",
          "[readiness]") {
  readiness loop{readiness::turned_by::others};
  REQUIRE(loop.problem().empty());
  pair ends;
  count woken;
  auto watched = loop.add(ends.fd(), woken.waker());
  watched.arm(true, false);
  loop.turn(readiness::patience::none);
  CHECK(woken.now() == 0);
  ends.send();
  CHECK(woken.now() == 0);
  loop.turn(readiness::patience::until_something_is);
  CHECK(woken.now() == 1);
  loop.interrupt();
  loop.turn(readiness::patience::until_something_is);
  std::thread turns{[&loop] { loop.turn(readiness::patience::until_something_is); }};
  loop.interrupt();
  turns.join();
  CHECK(woken.now() == 1);
}
