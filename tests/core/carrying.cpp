// Promises: connections of other clusters are carried beside leases and take no slot of theirs; as many as
// carried_max by one connection; a connection that carries is neither idle nor closed for its age; they end
// with it, and are refused as an acquire is.
#include <map>
#include <set>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

acquire_requested to_carry(request_id request, holder_id holder, time_point deadline) {
  acquire_requested event{request, holder, deadline, "a connection of inner"};
  event.carries = true;
  return event;
}

std::string carry(story& s, request_id request, holder_id holder, std::chrono::nanoseconds patience = 30s) {
  return s.step(to_carry(request, holder, s.now + patience));
}

/// c1 is open, and carries the first.
story carrying_one(cluster_settings settings = lumi(2)) {
  story s{std::move(settings)};
  REQUIRE(carry(s, r1, h1) == "open c1");
  REQUIRE(s.step(connection_opened{c1}) == "carry r1 c1");
  return s;
}

} // namespace

TEST_CASE("twenty that come at once to an empty pool are carried by one connection, which costs one log-in") {
  auto settings = lumi(5);
  settings.connects_at_once = 5;
  story s{settings};
  CHECK(carry(s, request_id{1}, h1) == "open c1");
  for (std::uint64_t i = 2; i <= 20; ++i)
    CHECK(carry(s, request_id{i}, holder_id{i}) == "");
  s.step(connection_opened{c1});
  CHECK(s.core.connections(s.now).front().carried == 20);
  CHECK(s.status().counters.openings == 1);
  CHECK(s.status().waiters == 0);
}

TEST_CASE("what is carried takes no slot, and leases take no room of what is carried") {
  auto settings = lumi(1);
  settings.channels_per_connection = 1;
  auto s = carrying_one(settings);
  CHECK(s.acquire(r2, h2) == "grant r2 l1 c1 h2");
  CHECK(s.acquire(r3, h3) == "");
  CHECK(carry(s, r4, h1) == "carry r4 c1");
  CHECK(s.release(l1, h2) == "end l1 c1, grant r3 l2 c1 h3");
}

TEST_CASE("one connection carries as many as carried_max, then another is opened, and then they wait") {
  auto settings = lumi(2);
  settings.carried_max = 2;
  auto s = carrying_one(settings);
  CHECK(carry(s, r2, h1) == "carry r2 c1");
  CHECK(carry(s, r3, h2) == "open c2");
  CHECK(s.step(connection_opened{c2}) == "carry r3 c2");
  CHECK(carry(s, r4, h2) == "carry r4 c2");
  CHECK(carry(s, r5, h3, 5s) == "");
  CHECK(s.step(carriage_ended{c1, r2}) == "carry r5 c1");
  CHECK(carry(s, request_id{6}, h3, 5s) == "");
  CHECK(s.wait(5s) == "refuse r6 acquire_timeout");
  CHECK(s.refusal.starts_with("it carries nothing yet, after 5 s: each of its connections carries"));
}

TEST_CASE("a connection that carries is not idle, and is closed neither for its idleness nor for its age") {
  auto settings = lumi(1);
  settings.idle_timeout = 10s;
  settings.connection_lifetime = 60s;
  settings.probe_interval = 0s;
  auto s = carrying_one(settings);
  CHECK(s.status().leased == 1);
  CHECK(s.wait(2h) == "");
  CHECK(s.status().leased == 1);
  // Its time has come when it carries nothing any more.
  CHECK(s.step(carriage_ended{c1, r1}) + s.wait(10s) == "close c1 lifetime");
}

TEST_CASE("who waits to be carried is told of the person that the jump waits for, and has its time kept") {
  story s{lumi(1)};
  REQUIRE(carry(s, r1, h1) == "open c1"); // for 30 s
  s.wait(10s);
  CHECK(s.step(connection_waits{c1, "a touch (the key)", 40s}) ==
        "tell_of_wait r1 a touch (the key) at the jump host 'lumi'");
  // Who comes now is told as well.
  CHECK(carry(s, r2, h2) == "tell_of_wait r2 a touch (the key) at the jump host 'lumi'");
  CHECK(s.wait(39s) == "");
  SECTION("which runs on when it has come") {
    CHECK(s.step(connection_waits{c1, ""}) == "tell_of_wait r1, tell_of_wait r2");
    CHECK(s.wait(19s) == "");
    CHECK(s.wait(1s) == "refuse r1 acquire_timeout");
    CHECK(s.wait(10s) == "refuse r2 acquire_timeout");
  }
  SECTION("or when its own time is over, whatever became of it") {
    CHECK(s.wait(20s) == "");
    CHECK(s.wait(1s) == "refuse r1 acquire_timeout");
  }
  SECTION("or is carried once the connection is open") {
    CHECK(s.step(connection_opened{c1}) == "tell_of_wait r1, carry r1 c1, tell_of_wait r2, carry r2 c1");
  }
  SECTION("or is told of the end of that with the try's") {
    CHECK(s.step(connection_failed{c1, error_of(ssh_failure::timed_out)}) ==
          "tell_of_wait r1, tell_of_wait r2");
  }
}

TEST_CASE("who waits to be carried is told why its jump is not there, and who comes later as well") {
  story s{lumi(1)};
  s.hindrances = true;
  REQUIRE(carry(s, r1, h1) == "open c1, tell_of_hindrance r1 its log-in is not done (try 1 of 3)");
  CHECK(s.step(time_passed{}) == ""); // once
  CHECK(s.step(connection_failed{c1, error_of(ssh_failure::timed_out, "no answer")}) ==
        "tell_of_hindrance r1 failed: its log-in is not done (try 1 of 3, last failure: no answer)");
  CHECK(carry(s, r2, h2) ==
        "tell_of_hindrance r2 failed: its log-in is not done (try 1 of 3, last failure: no answer)");
  CHECK(s.wait(2s) ==
        "open c1 try 2, tell_of_hindrance r1 failed: its log-in is not done (try 2 of 3, last failure: no "
        "answer), "
        "tell_of_hindrance r2 failed: its log-in is not done (try 2 of 3, last failure: no answer)");
  SECTION("and that it is, when it is carried") {
    CHECK(s.step(connection_opened{c1}) ==
          "tell_of_hindrance r1, carry r1 c1, tell_of_hindrance r2, carry r2 c1");
    CHECK(carry(s, r3, h3) == "carry r3 c1");
  }
  SECTION("or that it is paused") {
    CHECK_THAT(s.step(ordered<pause_pool>{r5}), Contains("tell_of_hindrance r1 its pool is paused by "));
  }
  SECTION("or that what it logs in with was denied, when it is refused") {
    s.step(connection_failed{c1, error_of(ssh_failure::denied, "no key was taken")});
    CHECK_THAT(s.refusal, Contains("cannot log in to 'lumi'") && Contains("no key was taken"));
  }
}

TEST_CASE("what hinders a jump is told, cut and harmless, to who waits for what is behind it") {
  auto settings = lumi(1);
  settings.jump = "gate";
  story s{settings};
  s.acquire(r1, h1, 3s);
  s.hindrances = true;
  carry(s, r2, h2);
  const std::string why = "its log-in is not done (try 1 of 3, last failure: log-in\\x1b denied)";
  CHECK(s.step(connection_hindered{c1, "its log-in is not done (try 1 of 3, last failure: log-in\x1b denied)",
                                   true}) ==
        "tell_of_hindrance r2 failed: its log-in is not done (try 1 of 3, by the jump host 'gate': " + why +
            ")");
  SECTION("as an administrator is") {
    CHECK_THAT(s.core.explain(s.now).opening.text, Contains("by the jump host 'gate': " + why));
    CHECK_THAT(s.core.explain(s.now).waiters.front().text, Contains("by the jump host 'gate': " + why));
  }
  SECTION("at its deadline") {
    CHECK(s.wait(3s) == "refuse r1 acquire_timeout");
    CHECK_THAT(s.refusal, Contains("1 opening (try 1 of 3, by the jump host 'gate': " + why + ")"));
  }
  SECTION("if that is patient, as a failure") {
    s.step(acquire_requested{r3, h3, s.now + 3s, {}, true});
    CHECK(s.wait(3s) == "refuse r1 acquire_timeout, refuse r3 connect_failed");
    CHECK_THAT(s.refusal, Contains("cannot connect to 'lumi': the jump host 'gate': " + why));
  }
  SECTION("in no more than some 2,000 bytes") {
    s.step(connection_hindered{c1, std::string(100'000, 'x')});
    s.wait(3s);
    CHECK(s.refusal.size() < 3000);
  }
  SECTION("until it has said that nothing does") {
    s.step(connection_hindered{c1, ""});
    s.wait(3s);
    CHECK_THAT(s.refusal, Contains("(try 1 of 3, by the jump host 'gate')"));
  }
  SECTION("until the try has failed, which says more") {
    s.step(connection_failed{c1, error_of(ssh_failure::unreachable, "the jump host 'gate': " + why)});
    s.wait(3s);
    CHECK(s.refusal.find(why) == s.refusal.rfind(why));
    CHECK_THAT(s.refusal, Contains(why));
  }
  CHECK(s.step(connection_hindered{c2, "nobody"}) == "");
}

TEST_CASE("a jump that has not failed is no failure of what is behind it") {
  auto settings = lumi(1);
  settings.jump = "gate";
  story s{settings};
  s.hindrances = true;
  s.step(acquire_requested{r1, h1, s.now + 3s, {}, true});
  const std::string why = "its pool is paused by alice";
  s.step(connection_hindered{c1, why});
  CHECK(carry(s, r2, h2) ==
        "tell_of_hindrance r2 its log-in is not done (try 1 of 3, by the jump host 'gate': " + why + ")");
  SECTION("so who waits until it is ready waited in vain") {
    CHECK(s.wait(3s) == "refuse r1 acquire_timeout");
    CHECK_THAT(s.refusal, Contains("by the jump host 'gate': " + why));
  }
  SECTION("until it has, though nothing else is said") {
    CHECK_THAT(s.step(connection_hindered{c1, why, true}), StartsWith("tell_of_hindrance r2 failed: its"));
    CHECK(s.wait(3s) == "refuse r1 connect_failed");
  }
  SECTION("nor while it is paused, whatever failed before") {
    s.step(connection_failed{c1, error_of(ssh_failure::timed_out, "no answer")});
    CHECK_THAT(s.step(ordered<pause_pool>{r5}), Contains("tell_of_hindrance r2 its pool is paused by "));
    CHECK_THAT(s.step(ordered<resume_pool>{r6}), Contains("tell_of_hindrance r2 failed: its log-in"));
  }
}

TEST_CASE("what a jump host's server says at length is passed on cut") {
  story s{lumi(1)};
  s.hindrances = true;
  carry(s, r1, h1);
  auto letter = GENERATE('x', '\x1b');
  auto told = s.step(connection_failed{c1, error_of(ssh_failure::timed_out, std::string(100'000, letter))});
  CHECK_THAT(told, StartsWith("tell_of_hindrance r1 failed: its log-in is not done (try 1 of 3, last"));
  CHECK(told.size() < 2100);
}

TEST_CASE("a permit that is delayed is told where nothing else is, and not with each that is given") {
  story s{lumi(1)};
  s.hindrances = true;
  s.permitted = false;
  REQUIRE(carry(s, r1, h1) == "ask q1");
  CHECK(s.step(permit_delayed{permit_id{1}, s.now + 9s, "the site has its fill"}) ==
        "tell_of_hindrance r1 the site has its fill");
  CHECK(s.step(permit_given{permit_id{1}}) ==
        "open c1, tell_of_hindrance r1 its log-in is not done (try 1 of 3)");
  s.step(connection_failed{c1, error_of(ssh_failure::timed_out, "no answer")});
  CHECK(s.wait(2s) == "ask q2");
  CHECK(s.step(permit_delayed{permit_id{2}, s.now + 9s, "the site has its fill"}) == "");
}

TEST_CASE("a thousand that wait behind a jump are told in portions, and none that has gone") {
  constexpr std::uint64_t many = 1000;
  story s{lumi(1)};
  std::map<request_id, std::string> told;
  std::set<request_id> gone;
  std::size_t in_step = 0;
  auto step = [&](const pool_event& event) {
    in_step = 0;
    for (const auto& effect : s.core.step(s.now, event)) {
      if (const auto* e = std::get_if<tell_of_hindrance>(&effect)) {
        CHECK(gone.count(e->request) == 0);
        told[e->request] = e->why;
        ++in_step;
      } else if (const auto* carried = std::get_if<begin_carriage>(&effect)) {
        CHECK(told[carried->request].empty());
        gone.insert(carried->request);
      }
    }
  };
  auto all_know = [&](const std::string& what) {
    for (int steps = 0; s.core.next_due() <= s.now; ++steps) {
      step(time_passed{});
      CHECK(in_step <= pool_core::ends_per_step);
      REQUIRE(steps < 20);
    }
    for (std::uint64_t i = 1; i <= many; ++i)
      if (gone.count(request_id{i}) == 0)
        CHECK_THAT(told[request_id{i}], Contains(what));
  };
  for (std::uint64_t i = 1; i <= many; ++i)
    step(to_carry(request_id{i}, holder_id{i}, s.now + 30s));
  step(permit_given{permit_id{1}});
  all_know("(try 1 of 3)");
  step(connection_failed{c1, error_of(ssh_failure::timed_out, "no answer")});
  CHECK(in_step == pool_core::ends_per_step);
  for (auto leaving : {request_id{1}, request_id{500}, request_id{many}}) {
    gone.insert(leaving);
    step(acquire_cancelled{leaving});
  }
  SECTION("in the end all") {
    all_know("no answer");
  }
  SECTION("and what has changed meanwhile as it is then") {
    step(ordered<pause_pool>{r5});
    CHECK(in_step == pool_core::ends_per_step);
    all_know("its pool is paused by ");
  }
  SECTION("or are carried") {
    s.now += 2s;
    step(time_passed{});
    step(permit_given{permit_id{2}});
    step(connection_opened{c1});
    CHECK(gone.size() == 3 + s.core.settings().carried_max);
    all_know("as many as its carried_max allows");
  }
  s.core.verify();
}

TEST_CASE("the person that a jump's own jump waits for is told by that one's name") {
  story s{lumi(1)};
  REQUIRE(carry(s, r1, h1) == "open c1");
  CHECK(s.step(connection_waits{c1, "a touch (the key) at the jump host 'gate'", 40s}) ==
        "tell_of_wait r1 a touch (the key) at the jump host 'gate'");
}

TEST_CASE("what ends twice, or was never carried, ends nothing") {
  auto s = carrying_one();
  REQUIRE(carry(s, r2, h1) == "carry r2 c1");
  CHECK(s.step(carriage_ended{c1, r3}) == "");
  CHECK(s.step(carriage_ended{c2, r1}) == "");
  CHECK(s.step(carriage_ended{c1, r1}) == "");
  CHECK(s.step(carriage_ended{c1, r1}) == "");
  CHECK(s.status().leased == 1);
  CHECK(s.step(carriage_ended{c1, r2}) == "");
  CHECK(s.status().idle == 1);
}

TEST_CASE("a condemned connection carries on what it has, takes no more, and closes with the last") {
  auto s = carrying_one();
  CHECK(s.step(ordered<reconnect_pool>{r5, {{}, 0s}}).find("close") == std::string::npos);
  s.next();
  CHECK(s.core.connections(s.now).front().condemned);
  CHECK(carry(s, r2, h2) == "open c2");
  CHECK(s.step(carriage_ended{c1, r1}) == "close c1 reconnected");
}

TEST_CASE("who wanted to be carried and is gone, or withdraws, is not carried any more") {
  story s{lumi(1)};
  carry(s, r1, h1);
  carry(s, r2, h2);
  carry(s, r3, h2);
  CHECK(s.step(holder_lost{h2}) == "refuse r2 cancelled, refuse r3 cancelled");
  CHECK(s.step(acquire_cancelled{r1}) == "refuse r1 cancelled");
  CHECK(s.step(connection_opened{c1}) == "");
  CHECK(s.status().idle == 1);
}

TEST_CASE("what cannot be carried is refused as an acquire is") {
  SECTION("when the pool has given up") {
    story s{lumi(1)};
    carry(s, r1, h1);
    auto said =
        s.step(connection_failed{c1, {ssh_stage::authenticate, ssh_failure::denied, "no key was taken"}});
    CHECK(said.find("refuse r1 auth_denied") != std::string::npos);
    CHECK(carry(s, r2, h1) == ""); // waits for a look at what was denied, as who acquires does
    CHECK(s.step(credentials_seen{}) == "refuse r2 auth_denied");
  }
  SECTION("when it is suspended or drained") {
    auto s = carrying_one();
    s.step(ordered<suspend_pool>{r5});
    CHECK(carry(s, r2, h1) == "refuse r2 suspended");
  }
  SECTION("when it ends") {
    story s{lumi(1)};
    carry(s, r1, h1);
    CHECK(s.step(stop_requested{r5}).find("refuse r1 stopping") != std::string::npos);
  }
  SECTION("when the queue is full") {
    auto settings = lumi(1);
    settings.queue_depth = 1;
    story s{settings};
    carry(s, r1, h1);
    CHECK(carry(s, r2, h1) == "refuse r2 queue_full");
  }
}

TEST_CASE("what is carried ends with its connection, and with a disconnect") {
  SECTION("that is lost") {
    auto s = carrying_one();
    s.step(connection_lost{c1, {ssh_stage::session, ssh_failure::reset, "reset by peer"}});
    CHECK(s.status().total == 0);
  }
  SECTION("that an administrator closes") {
    auto s = carrying_one();
    CHECK(s.step(ordered<disconnect_pool>{r5}) == "close c1 disconnected");
    CHECK(s.step(connection_closed{c1}) == "acknowledge r5");
  }
}

TEST_CASE("a drain lets what is carried go on until its deadline, and then closes what carries it") {
  auto s = carrying_one();
  CHECK(s.step(ordered<drain_pool>{r5, {{}, 10s}}) == "");
  CHECK(carry(s, r2, h1) == "refuse r2 drained");
  CHECK(s.wait(9s) == "");
  CHECK(s.wait(1s) == "close c1 drained");
  CHECK(s.step(connection_closed{c1}) == "acknowledge r5");
}

TEST_CASE("permits that were asked for already are asked for again for who waits to be carried") {
  auto settings = lumi(1);
  settings.min_idle = 1;
  story s{settings};
  pool_core core{settings, 1};
  auto now = s.now;
  auto asks = [&](const pool_event& event) {
    std::size_t count = 0;
    for (const auto& effect : core.step(now, event))
      count += std::holds_alternative<request_permit>(effect);
    return count;
  };
  CHECK(asks(time_passed{}) == 1);
  CHECK(!core.is_to_carry());
  CHECK(asks(to_carry(r1, h1, now + 30s)) == 1);
  CHECK(core.is_to_carry());
  CHECK(asks(to_carry(r2, h1, now + 30s)) == 0);
}
