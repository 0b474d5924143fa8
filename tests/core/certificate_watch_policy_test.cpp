// Promises of what a pool does about the end of the certificate that its log-ins use: when people are told.
#include <catch2/catch.hpp>

#include <chrono>
#include <string>

#include "actors/pool/policies/certificate_watch.hpp"
#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

struct paper {
  certificate_watch policy;
  time_point now{100h};

  void used(std::chrono::nanoseconds left, std::chrono::nanoseconds life = 24h,
            const std::string& until = "noon") {
    policy.used(now, {"/home/jane/id-cert.pub", "jane", until, left, life});
  }
  /// Until people are told.
  std::string told_in(std::chrono::nanoseconds lead = 1h) const {
    auto when = policy.warn_at(lead);
    return when == time_point::max() ? "never" : when < now ? "at once" : to_text(when - now);
  }
};

} // namespace

TEST_CASE("people are told of a certificate's end a set time before it") {
  paper p;
  CHECK(p.told_in() == "never");
  p.used(5h);
  CHECK(p.told_in() == "4 h");
  CHECK(p.told_in(2h) == "3 h");
  CHECK(p.told_in(0h) == "never");
  CHECK(p.policy.in_words(p.now) == "the certificate /home/jane/id-cert.pub for jane ends on noon");
  p.used(30min);
  CHECK(p.told_in() == "at once");
  p.used(0h);
  CHECK(p.policy.in_words(p.now) == "the certificate /home/jane/id-cert.pub for jane has ended on noon");
}

TEST_CASE("one that lives for less than that is not told of before half of its life is over") {
  paper p;
  p.used(30min, 30min);
  CHECK(p.told_in() == "15 min");
}

TEST_CASE("a certificate is told of once, however often it is used, and its successor anew") {
  paper p;
  p.used(30min);
  p.policy.warned();
  CHECK(p.told_in() == "never");
  p.used(29min);
  CHECK(p.told_in() == "never");
  p.used(5h, 24h, "midnight");
  CHECK(p.told_in() == "4 h");
}

TEST_CASE("a log-in without a certificate, or by one without an end, has nothing to tell of") {
  paper p;
  p.used(5h);
  p.policy.used(p.now, {});
  CHECK(p.told_in() == "never");
  CHECK_FALSE(p.policy.ends());
  p.used(std::chrono::nanoseconds::max(), std::chrono::nanoseconds::max());
  CHECK(p.told_in() == "never");
}

TEST_CASE("certificates that log-ins use in turn are each told of once") {
  certificate_watch policy;
  auto of = [](const std::string& name) {
    return certificate_used{name, "me", "soon", std::chrono::minutes{5}, std::chrono::hours{2}};
  };
  time_point now{std::chrono::hours{1}};
  auto due = [&] { return policy.warn_at(1h) <= now; };
  for (const char* each : {"a", "b"}) {
    policy.used(now, of(each));
    CHECK(due());
    policy.warned();
  }
  policy.used(now, {}); // by a password
  for (const char* each : {"a", "b", "a"}) {
    policy.used(now, of(each));
    CHECK_FALSE(due());
  }
}

TEST_CASE("a certificate's time goes on while the machine sleeps") {
  paper p;
  p.used(5h);
  p.policy.slept(3h);
  CHECK(p.told_in() == "60 min");
  CHECK(p.policy.left(p.now) == 2h);
  p.policy.slept(1000h);
  CHECK(p.policy.left(p.now) == 0h);
}
