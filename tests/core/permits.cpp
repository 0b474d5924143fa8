// Promises: leave to log in. The pool asks before each try, uses what it is given at once or gives it back,
// and goes on with its work meanwhile.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

constexpr permit_id q1{1}, q2{2}, q3{3}, q4{4};

/// A pool whose permits the test gives.
struct asking : story {
  explicit asking(cluster_settings settings) : story(std::move(settings)) { permitted = false; }
  std::string given(permit_id permit) { return step(permit_given{permit}); }
  std::string delayed(permit_id permit, std::chrono::nanoseconds time, const char* why) {
    return step(permit_delayed{permit, now + time, why});
  }
};

} // namespace

TEST_CASE("a log-in begins with leave of its own, which goes back when it has ended") {
  asking s{lumi()};
  CHECK(s.acquire(r1, h1) == "ask q1");
  CHECK(s.given(q1) == "open c1");
  CHECK(s.step(connection_opened{c1}) == "return q1 let_in, grant r1 l1 c1 h1");
}

TEST_CASE("who waits for leave is served by what is returned meanwhile, and the leave goes back unused") {
  asking s{lumi(2)};
  s.acquire(r1, h1);
  s.given(q1);
  s.step(connection_opened{c1});
  CHECK(s.acquire(r2, h2) == "ask q2");
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h2, return q2 unused");
  CHECK(s.given(q2) == "return q2 unused"); // they crossed
}

TEST_CASE("each further try has leave of its own, and says what became of the last") {
  asking s{lumi()};
  s.acquire(r1, h1, 1min);
  s.given(q1);
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::refused)}) == "return q1 unreached");
  CHECK(s.next() == "ask q2");
  CHECK(s.given(q2) == "open c1 try 2");
  CHECK(s.step(connection_failed{c1, {ssh_stage::key_exchange, ssh_failure::turned_away, "x"}}) ==
        "return q2 turned_away");
  CHECK(s.announced.back() ==
        "announce turned_away c1 a sign of a ban, or of too many log-ins: none begins for a while");
  CHECK(s.next() == "ask q3");
  s.given(q3);
  CHECK(s.step(connection_failed{c1, {ssh_stage::authenticate, ssh_failure::denied, "x"}}) ==
        "return q3 denied, close c1 not_opened, refuse r1 auth_denied");
}

TEST_CASE("a try whose leave nobody needs any more is given up, and the leave withdrawn") {
  asking s{lumi()};
  s.acquire(r1, h1, 3s);
  s.given(q1);
  s.step(connection_failed{c1, error_of(ssh_failure::refused)});
  CHECK(s.next() == "ask q2");
  CHECK(s.wait(3s) == "refuse r1 acquire_timeout, close c1 not_opened, return q2 unused");
}

TEST_CASE("the time of an opening counts from the leave, not from the wish") {
  asking s{lumi()};
  s.acquire(r1, h1, 1h);
  s.now += 5s;
  CHECK(s.given(q1) == "open c1");
  CHECK(s.core.connections(s.now).front().age == 0s);
}

TEST_CASE("leave that does not come is asked for again, and when it comes late or twice it is used once") {
  asking s{lumi()};
  s.acquire(r1, h1, 1h);
  CHECK(s.next() == "ask q1");
  CHECK(s.took == 10s);
  CHECK(s.next() == "ask q1");
  CHECK(s.given(q1) == "open c1");
  CHECK(s.given(q1) == "");
  s.step(connection_opened{c1});
  CHECK(s.given(q1) == "return q1 unused");
}

TEST_CASE("who gives leave may be replaced: the new one is asked anew, and told of what is in use") {
  asking s{lumi(2)};
  s.acquire(r1, h1, 1h);
  s.acquire(r2, h1, 1h);
  s.given(q1);
  CHECK(s.step(permits_forgotten{}) == "ask q1 held, ask q2");
}

TEST_CASE("who waits for leave is told why and until when, in refusals, status and events") {
  asking s{lumi()};
  s.acquire(r1, h1, 30s);
  CHECK(s.delayed(q1, 40s, "the log-ins at lumi.example.org:22 are as many as log_ins_per_minute allows") ==
        "");
  CHECK(s.announced.back() == "announce delayed the log-ins at lumi.example.org:22 are as many as "
                              "log_ins_per_minute allows; the next "
                              "may begin in 40 s");
  CHECK(s.status().log_ins_wait_for == 40s);
  CHECK(s.wait(30s) == "refuse r1 acquire_timeout, return q1 unused");
  CHECK(s.refusal == "no lease for 'lumi' after 30 s: the log-ins at lumi.example.org:22 are as many as "
                     "log_ins_per_minute allows; the next may begin in 10 s; wait longer");
  CHECK(s.status().log_ins_wait.empty());
}

TEST_CASE("who has heard of a delay asks again only some time after it, however long it is") {
  asking s{lumi()};
  s.acquire(r1, h1, 1h);
  s.delayed(q1, 20s, "x");
  CHECK(s.next() == "ask q1");
  CHECK(s.took == 30s);
  s.delayed(q1, 10min, "y");
  CHECK(s.next() == "ask q1");
  CHECK(s.took == 60s);
}

TEST_CASE("a pool that is paused, latched or stopped waits for no leave") {
  asking s{lumi()};
  s.acquire(r1, h1, 1h);
  CHECK(s.step(ordered<pause_pool>{r2}) == "acknowledge r2, return q1 unused");
  CHECK(s.given(q1) == "return q1 unused");
  CHECK(s.step(ordered<resume_pool>{r3}) == "acknowledge r3, ask q2");
  CHECK(s.step(stop_requested{r4}) == "refuse r1 stopping, return q2 unused, acknowledge r4");
}

TEST_CASE("what was asked for under other settings is asked for anew") {
  asking s{lumi()};
  s.acquire(r1, h1, 1h);
  auto elsewhere = lumi();
  elsewhere.host = "mahti.example.org";
  CHECK(s.step(settings_changed{r2, elsewhere}) == "return q1 unused, acknowledge r2, ask q2");
}

TEST_CASE("a log-in that is cut off by an order keeps its leave until it has gone") {
  asking s{lumi()};
  s.acquire(r1, h1, 1h);
  s.given(q1);
  CHECK(s.step(ordered<disconnect_pool>{r2}) == "refuse r1 disconnected, close c1 disconnected");
  CHECK(s.step(connection_closed{c1}) == "return q1 cut_short, acknowledge r2");
}

TEST_CASE("without a limit on openings at once leave is asked for in portions") {
  auto settings = lumi(100);
  settings.connects_at_once = 0;
  settings.min_idle = 100;
  asking s{settings};
  s.step(time_passed{});
  std::uint64_t last = pool_core::permits_asked_max;
  CHECK(s.given(q1) == "open c1, ask q" + std::to_string(last + 1));
  CHECK(s.given(q4) == "open c2, ask q" + std::to_string(last + 2));
}

TEST_CASE("after a reset the next leave is asked for as if the server had shown no sign of a ban") {
  asking s{lumi()};
  s.acquire(r1, h1, 1min);
  s.delayed(q1, 50s, "turned away");
  CHECK(s.step(ordered<reset_pool>{r2}) == "return q1 unused, acknowledge r2, ask q2 anew");
  CHECK(s.given(q2) == "open c1");
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::refused)}) == "return q2 unreached");
  CHECK(s.next() == "ask q3");
}
