// Promises: how the pool behaves on the days that other pools are remembered for.
#include "tests/core/story.hpp"

#include <deque>

using namespace moorage;
using namespace moorage::test;

namespace {

/// A server that takes so long for each log-in; the rest is the pool's own doing.
class server {
public:
  server(story& s, std::chrono::nanoseconds log_in) : story_(s), log_in_(log_in) {}

  /// Plays until `until`; `step` takes in what else happens there.
  void play(time_point until) {
    while (true) {
      auto next = std::min({until, story_.core.next_due(), logins_.empty() ? until : logins_.front().first});
      story_.now = std::max(story_.now, next);
      if (!logins_.empty() && logins_.front().first <= story_.now) {
        auto c = logins_.front().second;
        logins_.pop_front();
        step(up ? pool_event{connection_opened{c}} : connection_failed{c, error_of(ssh_failure::refused)});
      } else if (story_.core.next_due() <= story_.now) {
        step(time_passed{});
      } else if (story_.now >= until) {
        return;
      }
    }
  }

  void step(const pool_event& event) {
    std::vector<connection_id> closing;
    std::vector<permit_id> asked;
    for (const auto& effect : story_.core.step(story_.now, event)) {
      if (auto* o = std::get_if<open_connection>(&effect)) {
        logins_.emplace_back(story_.now + log_in_, o->connection);
        at_once = std::max(at_once, logins_.size());
        ++logins;
      } else if (auto* g = std::get_if<grant>(&effect)) {
        granted.push_back(*g);
      } else if (auto* r = std::get_if<refuse>(&effect)) {
        refused.push_back(*r);
      } else if (auto* c = std::get_if<close_connection>(&effect)) {
        closing.push_back(c->connection);
      } else if (auto* p = std::get_if<request_permit>(&effect)) {
        asked.push_back(p->permit);
      }
    }
    story_.core.verify();
    for (auto c : closing)
      step(connection_closed{c});
    for (auto permit : asked)
      step(permit_given{permit});
  }

  bool up = true;
  std::size_t at_once = 0, logins = 0;
  std::vector<grant> granted;
  std::vector<refuse> refused;

private:
  story& story_;
  std::chrono::nanoseconds log_in_;
  std::deque<std::pair<time_point, connection_id>> logins_;
};

} // namespace

TEST_CASE("twenty who can wait 15 s all get a lease where each log-in takes 1 s") {
  story s{lumi(20)};
  server lumi{s, 1s};
  for (std::uint64_t i = 1; i <= 20; ++i)
    lumi.step(acquire_requested{request_id{i}, h1, s.now + 15s, {}});
  lumi.play(s.now + 15s);
  CHECK(lumi.granted.size() == 20);
  CHECK(lumi.at_once == 2);
}

TEST_CASE("five hundred who come at once do not stampede the server") {
  story s{lumi(5)};
  server lumi{s, 1s};
  for (std::uint64_t i = 1; i <= 500; ++i)
    lumi.step(acquire_requested{request_id{i}, h1, s.now + 60s, {}});
  for (std::size_t served = 0; served < 500; ++served) {
    lumi.play(s.now + 10ms);
    if (served < lumi.granted.size())
      lumi.step(lease_released{{}, lumi.granted[served].lease, h1});
  }
  CHECK(lumi.at_once == 2);
  CHECK(lumi.logins == 5);
}

TEST_CASE("after an outage the reserve is full again within the longest back-off and the log-ins") {
  auto settings = lumi(4);
  settings.min_idle = 4;
  story s{settings};
  server lumi{s, 1s};
  lumi.up = false;
  lumi.step(time_passed{});
  lumi.play(s.now + 10min);
  CHECK(s.status().idle == 0);
  // Two of three tries each, then trials: 1 s, 1.6 s and so on, to 120 s.
  CHECK(lumi.logins <= static_cast<std::size_t>(6 + 12 + 10min / 96s));
  lumi.up = true;
  lumi.play(s.now + 144s + 1s + 2s);
  CHECK(s.status().idle == 4);
}

TEST_CASE("while the server is down everybody is told so, and nobody waits for nothing") {
  story s{lumi(2)};
  server lumi{s, 10ms};
  lumi.up = false;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    lumi.step(acquire_requested{request_id{i}, h1, s.now + 1min, {}});
    lumi.play(s.now + 500ms);
  }
  lumi.play(s.now + 1min);
  CHECK(lumi.refused.size() == 100);
  for (const auto& r : lumi.refused)
    CHECK(r.reason.code == errc::connect_failed);
}

TEST_CASE("fifty thousand impatient askers are refused in bounded memory, and the next is served") {
  story s{lumi(1)};
  server lumi{s, 1s};
  lumi.step(acquire_requested{r1, h1, s.now + 1min, {}});
  lumi.play(s.now + 1s);
  lumi.step(lease_confirmed{l1});
  std::uint32_t waiters = 0;
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    s.core.step(s.now, acquire_requested{request_id{100 + i}, h2, s.now + 10ms, {}});
    waiters = std::max(waiters, s.status().waiters);
    s.now += 1us;
  }
  CHECK(waiters == 1000);
  s.now += 10ms;
  lumi.step(lease_released{{}, l1, h1});
  lumi.play(s.now); // they are told in portions, all of them at once
  CHECK(s.status().waiters == 0);
  CHECK(s.acquire(r2, h2) == "grant r2 l2 c1 h2");
}

TEST_CASE("askers who leave at every moment leak nothing") {
  for (int moment = 0; moment < 6; ++moment) {
    story s{lumi()};
    auto leave = [&](int when) {
      if (when == moment)
        s.step(acquire_cancelled{r1});
    };
    s.acquire(r1, h1);
    leave(0);
    s.step(connection_failed{c1, error_of(ssh_failure::reset)});
    leave(1);
    s.wait(1200ms);
    leave(2);
    if (s.status().opening == 1)
      s.step(connection_opened{c1});
    leave(3);
    s.step(lease_confirmed{l1});
    leave(4);
    s.step(lease_cleared{c1, l1, false});
    s.release(l1, h1);
    leave(5);
    INFO("moment " << moment);
    CHECK(s.status().leases + s.status().waiters == 0);
    CHECK(s.status().idle + s.status().closing == 1);
  }
}
