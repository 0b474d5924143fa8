// Promises: what fails on the way to all of a cluster's machines is none of theirs; why one of them is not
// trusted is told as it was.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("a failure that is no machine's, as a jump host's, backs the pool off and is told to who asks") {
  auto settings = lumi(3);
  settings.host.clear();
  settings.hosts = {"a", "b"};
  settings.connects_at_once = 0;
  story s{settings};
  auto ask_for_b = [&s](request_id request, holder_id holder, bool wait_for_ready) {
    acquire_requested event{request, holder, s.now + 1h, {}, wait_for_ready};
    event.machine = "b";
    return s.step(event);
  };
  const auto failed = error_of(ssh_failure::protocol, "the jump host 'gate': x");
  CHECK(ask_for_b(r2, h2, true) == "open c1 on b");
  CHECK(ask_for_b(r3, h1, false) == "open c2 on b");
  s.step(acquire_cancelled{r3});
  CHECK(s.step(connection_failed{c2, failed}) == "close c2 not_opened");
  s.step(connection_closed{c2});
  CHECK(s.status().backing_off.code == errc::connect_failed);
  CHECK(ask_for_b(r4, h1, false) == "");
  CHECK(s.step(connection_failed{c1, failed}) ==
        "close c1 not_opened, refuse r2 connect_failed, refuse r4 connect_failed");
  s.step(connection_closed{c1});
  CHECK(ask_for_b(r5, h1, true) == ""); // backs off: no knocking without end
  CHECK(s.status().machines[1].failures == 0);
}

TEST_CASE("a jump host's failure backs the pool off also where the machine behind it has failed before") {
  auto settings = lumi(3);
  settings.host.clear();
  settings.hosts = {"a", "b"};
  settings.connect_tries = 1;
  story s{settings};
  auto ask_for_b = [&s](request_id request, bool wait_for_ready) {
    acquire_requested event{request, h1, s.now + 1h, {}, wait_for_ready};
    event.machine = "b";
    return s.step(event);
  };
  CHECK(ask_for_b(r1, false) == "open c1 on b");
  connection_failed down{c1, error_of(ssh_failure::refused, "b is down")};
  down.machines = {{"b", machine_finding::failed, "b is down"}};
  CHECK(s.step(down) == "close c1 not_opened, refuse r1 connect_failed");
  s.step(connection_closed{c1});
  CHECK(s.status().backing_off.code == errc::none); // a may be well
  CHECK(ask_for_b(r2, true) == "");
  CHECK(s.next() == "open c2 on b");
  CHECK(s.step(connection_failed{c2, error_of(ssh_failure::unreachable, "the jump host 'gate': x")}) ==
        "close c2 not_opened");
  s.step(connection_closed{c2});
  CHECK(s.status().backing_off.code == errc::connect_failed);
  CHECK(s.acquire(r3, h2) == ""); // and for whoever takes any machine
  CHECK(s.status().machines[1].failures == 1);
}

TEST_CASE("who asks for a machine that is not trusted is told why, whatever the reason was") {
  auto code = GENERATE(errc::host_key_unknown, errc::host_key_changed, errc::host_key_revoked);
  auto settings = lumi(3);
  settings.host.clear();
  settings.hosts = {"a", "b"};
  story s{settings};
  s.acquire(r1, h1);
  connection_opened opened{c1};
  opened.machine = "a";
  opened.machines = {{"b", machine_finding::refused, "b's key is not to be trusted", code}};
  s.step(opened);
  acquire_requested event{r2, h2, s.now, {}};
  event.machine = "b";
  CHECK(s.step(event) == "refuse r2 " + to_string(code));
  CHECK(s.refusal.ends_with("or the pool is reset: b's key is not to be trusted"));
}

TEST_CASE("what a jump host is refused for has its own code behind it, and latches nothing there") {
  auto settings = lumi(2);
  settings.jump = "gate";
  for (auto [kind, code] : {std::pair{ssh_failure::denied, "auth_denied"},
                            std::pair{ssh_failure::no_credentials, "no_credentials"},
                            std::pair{ssh_failure::host_key_changed, "host_key_changed"},
                            std::pair{ssh_failure::closed, "exec_refused"}, // it forbids forwarding
                            std::pair{ssh_failure::unreachable, "connect_failed"}}) {
    INFO(code);
    settings.connect_tries = 1;
    story s{settings};
    s.acquire(r1, h1, 1min);
    CHECK(s.step(connection_failed{c1, {ssh_stage::connect, kind, "the jump host 'gate': x"}}) ==
          std::string{"close c1 not_opened, refuse r1 "} + code);
    s.step(connection_closed{c1});
    CHECK(s.status().latched.code == errc::none);
    CHECK(to_string(s.status().backing_off.code) == code);
    s.acquire(r2, h1, 1min);
    CHECK_THAT(s.wait(5s), Catch::Contains("open c2")); // to be told so anew, or let in
  }
}

TEST_CASE("who waits for what hangs reads each cause once, however often it was tried, and by a jump host") {
  const std::string cause = "nothing was said";
  for (const char* jump : {"", "gate"}) {
    INFO("by '" << jump << "'");
    auto settings = lumi(1);
    settings.jump = jump;
    story s{settings};
    s.acquire(r1, h1, 1min);
    auto behind = settings.jump.empty() ? "" : "the jump host 'gate': it carries nothing yet, after 9 s: ";
    auto kind = settings.jump.empty() ? ssh_failure::timed_out : ssh_failure::unreachable;
    s.step(connection_failed{c1, {ssh_stage::connect, kind, behind + ("not open within 10s: " + cause)}});
    CHECK_THAT(s.core.explain(s.now).opening.text, Catch::Contains(cause)); // nothing newer is known
    CHECK_THAT(s.wait(3s), Catch::Contains("open c1 try 2"));
    s.step(connection_hindered{c1, "me@gate: " + cause, !settings.jump.empty()});
    s.wait(57s);
    INFO(s.refusal);
    auto first = s.refusal.find(cause);
    REQUIRE(first != std::string::npos);
    CHECK(s.refusal.find(cause, first + 1) == std::string::npos);
  }
}
