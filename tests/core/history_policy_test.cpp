// Promises of a connection's history by itself: its worth, when it is slow, and when it flaps.
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "actors/pool/policies/history.hpp"
#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// One connection's record; each event is answered with what it is worth afterwards.
struct record {
  history policy;
  time_point now{1h};
  std::uint32_t failures_max = 3;

  std::string worth() const {
    auto text = std::to_string(policy.score());
    text += policy.slow() ? ", slow" : "";
    return text + (policy.flapping(failures_max) ? ", flapping" : "");
  }
  std::string heard(evidence_kind of, std::chrono::nanoseconds rtt = {}, bool ran = false) {
    return policy.add(now, of, true, rtt, ran), worth();
  }
  std::string silent(evidence_kind of = evidence_kind::probe) { return policy.add(now, of, false), worth(); }
  std::string checks(const std::string& all) {
    for (auto each : all)
      each == '+' ? heard(evidence_kind::probe) : silent();
    return worth();
  }
};

} // namespace

TEST_CASE(
    "each failure costs a fifth of a connection's worth, and each answer gives a fifth of the rest back") {
  record r;
  CHECK(r.worth() == "100");
  CHECK(r.silent() == "80");
  CHECK(r.silent() == "64");
  CHECK(r.heard(evidence_kind::command) == "71");
  CHECK(r.heard(evidence_kind::keep_alive) == "77");
  CHECK(r.policy.demerits() == 0);
}

TEST_CASE("what does well has one place in the order of granting, whatever it answers") {
  record r;
  CHECK(r.policy.demerits() == 0);
  r.silent();
  CHECK(r.policy.demerits() == 0);
  r.silent();
  CHECK(r.policy.demerits() == 1);
  r.checks("---");
  CHECK(r.policy.demerits() == 2);
  r.checks("---");
  CHECK(r.policy.demerits() == 3);
}

TEST_CASE("one that fails every second check flaps within ten, and one that fails now and then does not") {
  record r;
  CHECK(r.checks("-+-+-+-+") == "63");
  CHECK(r.checks("-") == "50, flapping");
  record rare;
  CHECK(rare.checks("-+++-+++-+++-+++-+++").find("flapping") == std::string::npos);
}

TEST_CASE(
    "whoever allows more failures in a row than there are checks to look at hears nothing of flapping") {
  record r;
  r.failures_max = 7;
  CHECK(r.checks("------").find("flapping") == std::string::npos);
  CHECK(r.checks("-").find("flapping") != std::string::npos);
  r.failures_max = 11;
  CHECK(r.checks("----------").find("flapping") == std::string::npos);
}

TEST_CASE(
    "a silence is a check that failed, and what users are answered is one that passed, once an interval") {
  record r;
  auto users_are_answered = [&r] { r.policy.answered(r.now, 60s), r.heard(evidence_kind::command); };
  for (int i = 0; i < 4; ++i)
    r.silent(evidence_kind::channel), users_are_answered();
  for (int i = 0; i < 20; ++i)
    users_are_answered();
  CHECK(r.policy.checks_failed() == 4);
  for (int i = 0; i < 10; ++i)
    r.now += 60s, users_are_answered();
  CHECK(r.policy.checks_failed() == 0);
}

TEST_CASE("a stall now and then among many answers is no flapping, however many there are") {
  record r;
  for (int stall = 0; stall < 20; ++stall) {
    CHECK(r.silent(evidence_kind::channel).find("flapping") == std::string::npos);
    for (int minute = 0; minute < 3; ++minute)
      r.now += 60s, r.policy.answered(r.now, 60s);
  }
}

TEST_CASE("a round trip far above its usual makes a connection slow until the next that is not") {
  record r;
  for (int i = 0; i < 3; ++i)
    CHECK(r.heard(evidence_kind::probe, 10ms) == "100");
  CHECK(r.policy.usual_rtt() == 10ms);
  CHECK(r.heard(evidence_kind::probe, 105ms) == "100"); // ten times, but what is that
  CHECK(r.heard(evidence_kind::keep_alive, 400ms) == "50, slow");
  CHECK(r.heard(evidence_kind::command) == "50, slow"); // nobody measured it
  CHECK(r.heard(evidence_kind::probe, 20ms) == "100");
}

TEST_CASE("what is slow from the first is not slow, and what stays slow is usual after a while") {
  record r;
  CHECK(r.heard(evidence_kind::probe, 2s) == "100");
  CHECK(r.heard(evidence_kind::probe, 9s) == "100"); // the usual is not known yet
  record other;
  for (int i = 0; i < 3; ++i)
    other.heard(evidence_kind::probe, 10ms);
  int slow = 0;
  while (other.heard(evidence_kind::probe, 500ms).find("slow") != std::string::npos)
    ++slow;
  CHECK(slow == 2);
}

TEST_CASE("a command's round trip is compared with commands', a channel's with channels'") {
  record r;
  for (int i = 0; i < 3; ++i)
    r.heard(evidence_kind::probe, 10ms);
  CHECK(r.heard(evidence_kind::probe, 2s, true) == "100");
  CHECK(r.policy.usual_rtt() == 2s);
}

TEST_CASE("the last twenty outcomes are kept with their times, the oldest first") {
  record r;
  for (int i = 0; i < 25; ++i) {
    r.heard(evidence_kind::keep_alive, std::chrono::milliseconds{i + 1});
    r.now += 1s;
  }
  r.silent(evidence_kind::stream);
  auto all = r.policy.outcomes(r.now + 1min);
  REQUIRE(all.size() == 20);
  CHECK(all.front().of == evidence_kind::keep_alive);
  CHECK(all.front().rtt == 7ms);
  CHECK(all.front().ago == 79s);
  CHECK(all.back().of == evidence_kind::stream);
  CHECK_FALSE(all.back().answered);
  CHECK(all.back().ago == 1min);
}

TEST_CASE("a fresh start makes a connection worth as much as any, and keeps what happened") {
  record r;
  for (int i = 0; i < 3; ++i)
    r.heard(evidence_kind::probe, 10ms);
  r.heard(evidence_kind::probe, 1s);
  r.checks("-----");
  r.policy.forget();
  CHECK(r.worth() == "100");
  CHECK(r.policy.outcomes(r.now).size() == 9);
}
