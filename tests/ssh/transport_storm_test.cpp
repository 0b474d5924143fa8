// Many transports at once while their links are reset, cut, frozen and disconnected at random: in the end
// every descriptor is back, nobody was woken for somebody else, and every command has had exactly one last
// word.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::breakage;
using support::fake_faults;
using support::fake_sshd;
using support::phase;

namespace {

using clock = std::chrono::steady_clock;

/// One place that is filled with one transport after another.
struct place {
  std::unique_ptr<driven> link;
  std::vector<stream_id> running;
  time_point closes_at;
};

struct tally {
  int opened = 0;
  int failed = 0;
  int closed = 0;
  int dropped = 0;
  int commands = 0;
  int exited = 0;
  int signalled = 0; // by us, mostly: at their time-out
  int never_sent = 0;
  int maybe_ran = 0;
  std::chrono::nanoseconds longest_pump{0};
};

class storm {
public:
  storm(fake_sshd& server, world& around, std::size_t size, std::uint64_t seed)
      : server_(server), around_(around), places_(size), random_(seed),
        settings_(around.settings_for(server)) {
    settings_.connect_timeout = 10s;
  }

  /// At least for the time, and until enough of everything has happened: a busy machine takes longer, but no
  /// longer than its patience, which leaves a test its time to end.
  void run(std::chrono::milliseconds time, std::chrono::milliseconds more) {
    auto end = clock::now() + time;
    auto patience = end + more;
    auto calm = 2'000ms;
    auto trouble = clock::now() + calm;
    int exited = 0;
    while (clock::now() < end || (!enough() && clock::now() < patience)) {
      round();
      // On a busy machine openings and commands take their time: trouble waits for some of them.
      if ((open_since_ >= 40 && sums_.exited > exited) || clock::now() >= trouble) {
        calm = sums_.exited > exited ? 2'000ms : std::min(2 * calm, 10'000ms);
        exited = sums_.exited;
        open_since_ = 0;
        trouble = clock::now() + calm;
        make_trouble();
      }
      bell_.wait_until(clock::now() + 5ms);
    }
    server_.thaw();
    for (auto& place : places_)
      drop(place);
  }

  const tally& sums() const { return sums_; }

private:
  bool enough() const {
    return sums_.opened >= 200 && sums_.failed >= 100 && sums_.closed >= 20 && sums_.exited >= 20 &&
           sums_.exited + sums_.signalled >= 50 && sums_.maybe_ran >= 20;
  }

  void round() {
    for (auto& place : places_) {
      if (!place.link) {
        fill(place);
        continue;
      }
      auto& link = *place.link;
      bool was_open = link.opened;
      link.pump();
      settle(place);
      if (link.opened && !was_open) {
        ++open_since_;
        place.closes_at = clock::now() + std::chrono::milliseconds{random_() % 3'000};
      }
      if (link.failed || link.closed) {
        CHECK(place.running.empty()); // each had its last word before the transport's
        ++(link.failed ? sums_.failed : sums_.closed);
        forget(place);
      } else if (link.opened && place.running.size() < 2) {
        work(place);
      } else if (clock::now() >= place.closes_at) {
        place.closes_at = time_point::max();
        link.it->close();
      }
    }
  }

  void fill(place& place) {
    place.link = std::make_unique<driven>(around_, settings_, bell_);
    place.link->keep_output = false;
    place.closes_at =
        random_() % 10 ? time_point::max() : clock::now() + std::chrono::milliseconds{random_() % 3'000};
    place.link->it->open();
  }

  void work(place& place) {
    static const char* commands[] = {"true",     "echo x", "flood 100000",
                                     "sleep 20", "hang",   "flood-stderr 50000; exit 3"};
    auto& link = *place.link;
    switch (random_() % 8) {
    case 0:
      link.it->ask(random_());
      break;
    case 1:
      if (!place.running.empty())
        link.it->cancel(place.running.front(), {errc::cancelled, "storm"});
      break;
    case 2:
      if (random_() % 20 == 0)
        drop(place);
      break;
    default: {
      ++sums_.commands;
      const auto which = random_() % 6;
      // What ends by itself has the time for it, also on a busy machine.
      const auto timeout = which < 2 ? 5'000ms : 200ms;
      place.running.push_back(
          link.start(exec_request{commands[which], {}, {}, timeout, 0}, 10'000 + random_() % 200'000));
    }
    }
  }

  /// Takes note of commands that have ended.
  void settle(place& place) {
    auto ended = [&](stream_id id) {
      const auto& s = place.link->streams[id.value];
      if (!s.ended)
        return false;
      sums_.exited += s.ended->kind == outcome_kind::exited;
      sums_.signalled += s.ended->kind == outcome_kind::signalled;
      sums_.never_sent += s.ended->kind == outcome_kind::never_sent;
      sums_.maybe_ran += s.ended->kind == outcome_kind::maybe_ran;
      place.link->streams.erase(id.value);
      return true;
    };
    place.running.erase(std::remove_if(place.running.begin(), place.running.end(), ended),
                        place.running.end());
  }

  void forget(place& place) {
    sums_.opened += place.link->opened;
    sums_.longest_pump = std::max(sums_.longest_pump, place.link->longest_pump);
    place.link = nullptr;
    place.running.clear();
  }

  void drop(place& place) {
    if (!place.link)
      return;
    ++sums_.dropped;
    sums_.commands -= static_cast<int>(place.running.size()); // they went without a word, as their owner did
    forget(place);
  }

  void make_trouble() {
    switch (random_() % 7) {
    case 0:
      server_.reset_all();
      break;
    case 1:
      server_.close_all();
      break;
    case 2:
      server_.disconnect_all();
      break;
    case 3:
      server_.freeze();
      break;
    case 4:
      server_.thaw();
      break;
    case 5:
      server_.go_half_open();
      break;
    default: {
      fake_faults faults;
      faults.break_at = static_cast<phase>(random_() % 8);
      faults.break_how = static_cast<breakage>(random_() % 4);
      server_.thaw();
      server_.next(static_cast<int>(random_() % 50), faults);
    }
    }
  }

  fake_sshd& server_;
  world& around_;
  bell bell_;
  std::vector<place> places_;
  std::mt19937_64 random_;
  cluster_settings settings_;
  tally sums_;
  int open_since_ = 0;
};

void weather(std::size_t size, std::chrono::milliseconds time) {
  fake_sshd server;
  world around;
  {
    storm warm{server, around, size, 1}; // what memory the process takes once for all
    warm.run(std::min(time, std::chrono::milliseconds{1'000}), 5s);
  }
  CHECK(sockets_to(server) == 0);
  auto memory = resident();
  storm storm{server, around, size, 2};
  storm.run(time, 20s);
  const auto& sums = storm.sums();
  WARN(sums.opened << " opened, " << sums.failed << " failed, " << sums.closed << " closed, " << sums.dropped
                   << " dropped; " << sums.commands << " commands: " << sums.exited << " exited, "
                   << sums.signalled << " signalled, " << sums.never_sent << " never sent, " << sums.maybe_ran
                   << " may have run; longest pump " << sums.longest_pump.count() / 1'000 << " us; memory "
                   << (static_cast<double>(resident()) - static_cast<double>(memory)) / 1e6 << " MB more; "
                   << around.loop.stale() << " stale events of " << around.loop.wakes());
  CHECK(sums.opened > 0);
  CHECK(sums.failed > 0);
  CHECK(sums.closed > 0);
  CHECK(sums.exited > 0);
  CHECK(sums.commands == sums.exited + sums.signalled + sums.never_sent + sums.maybe_ran);
  CHECK(sockets_to(server) == 0);
  CHECK(around.loop.watched() == 0);
  CHECK(resident() < memory + growth_max(64u << 20));
}

} // namespace

TEST_CASE("200 transports weather resets, freezes and disconnects, and leave nothing behind", "[transport]") {
  weather(200, 4s);
}

TEST_CASE("200 transports weather a minute of resets, freezes and disconnects", "[transport][.soak]") {
  weather(200, 60s);
}
