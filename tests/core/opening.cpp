// Promises: how connections are opened, tried again, given up, and when the pool leaves a server alone.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

/// Fails every try of the connection for a passing cause; what the pool does about the last.
std::string fail_all(story& s, connection_id c, ssh_failure kind = ssh_failure::timed_out) {
  for (int i = 0; i < 2; ++i) {
    CHECK(s.step(connection_failed{c, error_of(kind)}) == "");
    s.next();
  }
  return s.step(connection_failed{c, error_of(kind)});
}

} // namespace

TEST_CASE("an opening that waits for a person says so, until it goes on") {
  story s{lumi()};
  s.acquire(r1, h1, 30s);
  s.announced.clear();
  CHECK(s.step(connection_waits{c1, "a touch (the key)"}) == "");
  REQUIRE(s.announced.size() == 1);
  CHECK_THAT(s.announced.back(), Contains("asking") && Contains("waiting for a touch (the key)"));
  CHECK(s.core.connections(s.now).at(0).waits_for == "a touch (the key)");
  CHECK_THAT(s.core.explain(s.now).opening.text, Contains("try 1 of 3, waiting for a touch (the key)"));
  SECTION("by what it says") {
    s.step(connection_waits{c1, ""});
    CHECK(s.announced.size() == 1);
  }
  SECTION("by being open, whereupon nothing is waited for") {
    s.step(connection_opened{c1});
    s.step(connection_waits{c1, "a touch that is late"});
  }
  SECTION("by its end") {
    s.step(connection_failed{c1, error_of(ssh_failure::timed_out)});
  }
  CHECK(s.core.connections(s.now).at(0).waits_for == "");
}

TEST_CASE("who is refused while a person is waited for is told so") {
  story s{lumi()};
  s.acquire(r1, h1, 30s);
  s.step(connection_waits{c1, "a touch (the key)"});
  s.wait(30s);
  CHECK_THAT(s.refusal, Contains("1 opening (try 1 of 3, waiting for a touch (the key))"));
}

TEST_CASE("no more openings at once than allowed, and no more connections than the pool's size") {
  story s{lumi(3)};
  CHECK(s.acquire(r1, h1) == "open c1");
  CHECK(s.acquire(r2, h1) == "open c2");
  CHECK(s.acquire(r3, h1) == "");
  CHECK(s.acquire(r4, h1) == "");
  CHECK(s.step(connection_opened{c2}) == "grant r1 l1 c2 h1, open c3");
  CHECK(s.step(connection_opened{c1}) == "grant r2 l2 c1 h1");
  CHECK(s.step(connection_opened{c3}) == "grant r3 l3 c3 h1");
  CHECK(s.release(l1, h1) == "end l1 c2, grant r4 l4 c2 h1");
}

TEST_CASE("a connection that is closing keeps its place until it is gone") {
  story s{lumi()};
  s.open_idle(1);
  s.release(l1, h3);
  CHECK(s.step(ordered<evict_connection>{r1, {{}, c1}}) == "close c1 evicted, acknowledge r1");
  CHECK(s.acquire(r2, h1) == "");
  CHECK(s.step(connection_closed{c1}) == "open c2");
}

TEST_CASE("one opening serves as many waiters as a connection has channels") {
  story s{lumi(5, 3)};
  CHECK(s.acquire(r1, h1) == "open c1");
  CHECK(s.acquire(r2, h1) == "");
  CHECK(s.acquire(r3, h1) == "");
  CHECK(s.acquire(r4, h1) == "open c2");
}

TEST_CASE("a returned connection serves the waiter, and the one being opened becomes idle") {
  story s{lumi(2)};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  CHECK(s.acquire(r2, h2) == "open c2");
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h2");
  CHECK(s.step(connection_opened{c2}) == "");
  CHECK(s.status().idle == 1);
}

TEST_CASE("an opening goes on when the asker has left, and the connection is kept") {
  story s{lumi()};
  s.acquire(r1, h1, 100ms);
  CHECK(s.wait(100ms) == "refuse r1 acquire_timeout");
  CHECK(s.step(connection_opened{c1}) == "");
  CHECK(s.acquire(r2, h1, 0s) == "grant r2 l1 c1 h1");
}

TEST_CASE("a passing failure is tried again after 1 s and 2 s, more or less a fifth") {
  story s{lumi()};
  s.acquire(r1, h1, 1min);
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::reset)}) == "");
  CHECK(s.status().opening == 1);
  CHECK(s.next() == "open c1 try 2");
  CHECK(s.took >= 800ms);
  CHECK(s.took <= 1200ms);
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::timed_out)}) == "");
  CHECK(s.next() == "open c1 try 3");
  CHECK(s.took >= 1600ms);
  CHECK(s.took <= 2400ms);
  CHECK(s.step(connection_opened{c1}) == "grant r1 l1 c1 h1");
}

TEST_CASE("when the third try fails, those who wait are told the last error") {
  story s{lumi()};
  s.acquire(r1, h1, 1min);
  s.acquire(r2, h1, 1min);
  CHECK(fail_all(s, c1) == "close c1 not_opened, refuse r1 connect_failed, refuse r2 connect_failed");
  // How the pool goes on is left to whoever can steer it: a command of its own has none left.
  CHECK(s.refusal == "cannot connect to 'lumi' (3 tries): as the test says");
  CHECK(s.status().backing_off.code == errc::connect_failed);
  CHECK(s.step(connection_closed{c1}) == "");
}

TEST_CASE("who waits until the cluster is ready rides out an outage, and is served when it is over") {
  story s{lumi()};
  s.acquire(r1, h1, 5min);
  CHECK(s.step(acquire_requested{r2, h2, s.now + 5min, {}, true}) == "");
  CHECK(fail_all(s, c1) == "close c1 not_opened, refuse r1 connect_failed");
  s.step(connection_closed{c1});
  CHECK(s.next() == "open c2");
  CHECK(s.step(connection_failed{c2, error_of(ssh_failure::refused)}) == "close c2 not_opened"); // a trial
  s.step(connection_closed{c2});
  CHECK(s.next() == "open c3");
  CHECK(s.step(connection_opened{c3}) == "grant r2 l1 c3 h2");
}

TEST_CASE(
    "who waits until the cluster is ready is told the last error at the deadline, not before and not later") {
  story s{lumi()};
  auto began = s.now;
  s.step(acquire_requested{r1, h1, s.now + 40s, {}, true});
  for (std::uint64_t c = 1; s.status().waiters > 0; ++c) {
    for (auto open = true; open && s.status().waiters > 0;) {
      auto did =
          s.step(connection_failed{connection_id{c}, error_of(ssh_failure::refused, "nobody listens")});
      open = did.find("close") == std::string::npos;
      if (open && s.next().find("refuse") != std::string::npos)
        break;
    }
    s.step(connection_closed{connection_id{c}});
    if (s.status().waiters > 0)
      s.next();
  }
  CHECK(s.now - began == 40s);
  CHECK(s.refusal == "cannot connect to 'lumi': nobody listens; it did not pass within 40 s");
}

TEST_CASE("who waits until the cluster is ready is told at once of what does not pass") {
  for (auto kind : {ssh_failure::denied, ssh_failure::no_credentials, ssh_failure::protocol}) {
    story s{lumi()};
    s.step(acquire_requested{r1, h1, s.now + 5min, {}, true});
    CHECK(s.step(connection_failed{c1, error_of(kind)}) ==
          "close c1 not_opened, refuse r1 " + to_string(refusal_for(kind)));
  }
}

TEST_CASE(
    "who waits until the cluster is ready and finds only busy connections is told that the time is up") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.step(acquire_requested{r2, h2, s.now + 1s, {}, true});
  CHECK(s.wait(1s) == "refuse r2 acquire_timeout");
}

TEST_CASE("among a great many, those who wait until the cluster is ready stay while the others are told in "
          "portions") {
  constexpr auto portion = pool_core::ends_per_step;
  auto settings = lumi();
  settings.queue_depth = 10'000;
  story s{settings};
  for (std::uint64_t i = 0; i < 2 * portion; ++i)
    s.step(acquire_requested{request_id{100 + i}, h1, s.now + 1h, {}, i % 2 == 0});
  fail_all(s, c1);
  while (s.core.next_due() <= s.now)
    s.step(time_passed{});
  CHECK(s.status().waiters == portion);
  CHECK(s.status().counters.refusals == portion);
}

TEST_CASE("one opening's failure refuses nobody whom another connection can serve") {
  story s{lumi(10)};
  for (std::uint64_t i = 1; i <= 9; ++i)
    s.open_idle(i);
  s.acquire(r1, h1, 1min);
  CHECK(fail_all(s, connection_id{10}, ssh_failure::refused) == "close c10 not_opened");
  CHECK(s.release(lease_id{4}, h3) == "end l4 c4, grant r1 l10 c4 h1");
}

TEST_CASE("one opening's failure refuses nobody whom another opening can serve") {
  story s{lumi(2)};
  s.acquire(r1, h1, 1min);
  s.acquire(r2, h1, 1min);
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::protocol)}) == "close c1 not_opened");
  CHECK(s.step(connection_opened{c2}) == "grant r1 l1 c2 h1");
}

TEST_CASE("after an opening was given up, the next ones back off, longer each time") {
  story s{lumi()};
  for (std::chrono::milliseconds expected : {1000ms, 1600ms, 2560ms, 4096ms, 6554ms, 10486ms}) {
    auto c = connection_id{
        s.core.status(s.now).counters.removed[static_cast<int>(removal_reason::not_opened)] + 1};
    s.acquire(request_id{100 + c.value}, h1, 1min);
    REQUIRE(s.step(connection_failed{c, error_of(ssh_failure::descriptor_limit)}) ==
            "close " + to_string(c) + " not_opened, refuse r10" + std::to_string(c.value) + " local_failure");
    s.step(connection_closed{c});
    CHECK(s.acquire(request_id{200 + c.value}, h1, 1min) == "");
    REQUIRE(s.next() == "open " + to_string(connection_id{c.value + 1}));
    CHECK(s.took >= expected * 8 / 10);
    CHECK(s.took <= expected * 12 / 10);
    s.step(acquire_cancelled{request_id{200 + c.value}});
  }
  s.step(connection_opened{connection_id{7}});
  CHECK(s.status().backing_off.code == errc::none);
}

TEST_CASE("a log-in for want of anything to offer has a code of its own, and is no local failure") {
  for (auto [kind, code] : {std::pair{ssh_failure::no_credentials, errc::no_credentials},
                            std::pair{ssh_failure::denied, errc::auth_denied},
                            std::pair{ssh_failure::descriptor_limit, errc::local_failure}}) {
    story s{lumi()};
    s.acquire(r1, h1);
    CHECK(s.step(connection_failed{c1, error_of(kind)}) ==
          "close c1 not_opened, refuse r1 " + to_string(code));
    CHECK((s.status().latched.code != errc::none) == (kind == ssh_failure::denied));
  }
}

TEST_CASE("openings that fail together count as one failure") {
  auto settings = lumi(5);
  settings.connects_at_once = 5;
  story s{settings};
  for (std::uint64_t i = 1; i <= 5; ++i)
    s.acquire(request_id{i}, h1, 1min);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    s.step(connection_failed{connection_id{i}, error_of(ssh_failure::protocol)});
    s.step(connection_closed{connection_id{i}});
  }
  s.acquire(r6, h1, 1min);
  CHECK(s.next() == "open c6");
  CHECK(s.took <= 1200ms);
}

TEST_CASE("who asks while the pool backs off waits, and is told of it at the deadline") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_failed{c1, error_of(ssh_failure::no_credentials, "no key")});
  s.step(connection_closed{c1});
  CHECK(s.acquire(r2, h1, 500ms) == "");
  CHECK(s.wait(500ms) == "refuse r2 acquire_timeout");
  CHECK(s.refusal.find("next try in ") != std::string::npos);
  CHECK(s.refusal.find("no key") != std::string::npos);
}

TEST_CASE("a server that is down is not knocked at for nobody") {
  story s{lumi()};
  s.acquire(r1, h1, 500ms);
  s.step(connection_failed{c1, error_of(ssh_failure::refused)});
  CHECK(s.wait(10s) == "refuse r1 acquire_timeout, close c1 not_opened");
  s.step(connection_closed{c1});
  CHECK(s.wait(1h) == "");
  CHECK(s.core.next_due() == time_point::max());
}

TEST_CASE("impatient askers cause no more openings than patient ones") {
  story s{lumi(2)};
  for (std::uint64_t i = 0; i < 100; ++i) {
    s.acquire(request_id{100 + i}, h1, 100ms);
    s.wait(20ms);
  }
  CHECK(s.status().counters.openings == 2);
  s.step(connection_opened{c1});
  s.step(connection_opened{c2});
  CHECK(s.status().total == 2);
}

TEST_CASE("a denied log-in is not repeated, and latches the pool until it is reset") {
  story s{lumi()};
  s.acquire(r1, h1);
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::denied, "publickey denied")}) ==
        "close c1 not_opened, refuse r1 auth_denied");
  const std::string denied =
      "cannot log in to 'lumi': publickey denied; mend the credentials (user, key_files, or "
      "what the site has of your keys)";
  CHECK(s.refusal == denied);
  s.step(connection_closed{c1});
  CHECK(s.wait(1h) == "");
  s.acquire(r2, h1);
  CHECK(s.step(credentials_seen{"as they were"}) == "refuse r2 auth_denied");
  CHECK(s.refusal == "not tried again (that takes other files, new settings or a reset): " + denied);
  CHECK(s.status().latched.code == errc::auth_denied);
  CHECK(s.step(ordered<reset_pool>{r3}) == "acknowledge r3");
  CHECK(s.acquire(r4, h1) == "open c2");
}

TEST_CASE("a great many waiters that cannot be served are told so in portions, and nobody later with them") {
  constexpr auto portion = pool_core::ends_per_step;
  auto settings = lumi();
  settings.queue_depth = 10'000;
  story s{settings};
  for (std::uint64_t i = 0; i < 3 * portion; ++i)
    s.acquire(request_id{100 + i}, h1, 1h);
  for (int i = 0; i < 2; ++i) {
    s.step(connection_failed{c1, error_of(ssh_failure::timed_out)});
    s.wait(3s);
  }
  s.step(connection_failed{c1, error_of(ssh_failure::timed_out)});
  CHECK(s.status().waiters == portion);
  CHECK(s.core.next_due() <= s.now);
  s.acquire(r1, h2, 1h);
  s.step(time_passed{});
  CHECK(s.status().waiters == 1);
  CHECK(s.status().counters.refusals == 3 * portion);
  s.step(connection_closed{c1});
  CHECK(s.core.next_due() > s.now);
}

TEST_CASE("a latched pool still serves from the connections it has, and refuses when the last is gone") {
  story s{lumi(2)};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  CHECK(s.step(connection_failed{c2, error_of(ssh_failure::denied)}) == "close c2 not_opened");
  s.step(connection_closed{c2});
  CHECK(s.release(l1, h1) == "end l1 c1, grant r2 l2 c1 h2");
  CHECK(s.acquire(r3, h1) == "");
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::reset)}) == "notify h2 l2 connection_lost");
  CHECK(s.step(credentials_seen{}) == "refuse r3 auth_denied"); // which it waited for as well
}

TEST_CASE("when one log-in is denied, a try under way may end, but no other follows") {
  story s{lumi(3)};
  s.acquire(r1, h1, 1min);
  s.acquire(r2, h1, 1min);
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::denied)}) ==
        "close c1 not_opened, refuse r1 auth_denied, refuse r2 auth_denied");
  CHECK(s.step(connection_opened{c2}) == "");
  CHECK(s.acquire(r3, h1) == "grant r3 l1 c2 h1");
  CHECK(s.acquire(r4, h1, 1s) == "");
  CHECK(s.wait(1s) == "refuse r4 acquire_timeout");
  CHECK(s.status().counters.openings == 2);
}

TEST_CASE("an opening that waits for its next try ends with the latch") {
  story s{lumi(2)};
  s.acquire(r1, h1, 1min);
  s.acquire(r2, h1, 1min);
  s.step(connection_failed{c2, error_of(ssh_failure::timed_out)});
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::denied)}) ==
        "close c1 not_opened, close c2 not_opened, refuse r1 auth_denied, refuse r2 auth_denied");
}

TEST_CASE("connections in reserve are opened before anybody asks, and again after failures") {
  auto settings = lumi(5);
  settings.min_idle = 2;
  story s{settings};
  CHECK(s.core.next_due() <= s.now);
  CHECK(s.step(time_passed{}) == "open c1, open c2");
  CHECK(fail_all(s, c1) == "close c1 not_opened");
  s.step(connection_closed{c1});
  s.step(connection_opened{c2});
  CHECK(s.status().idle + s.status().opening == 2);
  CHECK(s.step(connection_opened{c3}) == "");
  s.wait(10s);
  s.step(ordered<probe_pool>{});
  s.step(probe_passed{p1, c2, 1ms}); // so that they have proved themselves
  s.step(probe_passed{p2, c3, 1ms});
  CHECK(s.acquire(r1, h1) == "grant r1 l1 c3 h1, open c4");
  CHECK(s.step(connection_lost{c2, error_of(ssh_failure::reset)}) == "open c5");
}

TEST_CASE("an opening whose actor ends without a word is given up") {
  story s{lumi()};
  s.acquire(r1, h1);
  CHECK(s.step(connection_lost{c1, error_of(ssh_failure::closed)}) == "refuse r1 connect_failed");
  CHECK(s.status().total == 0);
}

TEST_CASE("what keeps a log-in is not told as its jump host's doing, where it names that as the way") {
  auto settings = lumi(1);
  settings.jump = "gate";
  story s{settings};
  s.acquire(r1, h1, 3s);
  const std::string own = "me@lumi (through the jump host 'gate'): the server has said nothing since";
  s.step(connection_hindered{c1, own});
  CHECK(s.core.connections(s.now).at(0).hindered == own);
  s.wait(3s);
  CHECK_THAT(s.refusal, Contains("1 opening (try 1 of 3: " + own + ")"));
}
