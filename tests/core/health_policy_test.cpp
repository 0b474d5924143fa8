// Promises of a connection's health by itself: what counts as evidence, and what proves it.
#include <catch2/catch.hpp>

#include "actors/pool/policies/health.hpp"
#include "messages/durations.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// One connection's life; each event is answered with what is known afterwards.
struct life {
  health policy;
  time_point now{1h};
  time_point opened{1h};
  probe_method asked = probe_method::channel;
  std::uint64_t probes = 0;

  std::string known() const {
    std::string text = std::to_string(policy.failures()) + " failed";
    text += policy.doubted() ? ", doubted" : "";
    text += policy.in_question() ? ", asked under a lease" : "";
    if (auto due = policy.due(); due != time_point::max())
      text += ", answer by " + to_text(between(now, due));
    return text;
  }
  std::string probe(bool runs = false) {
    policy.probe_started(probe_id{++probes}, runs, now, 5s);
    return known();
  }
  std::string probe_passes() { return policy.probe_passed(3ms, asked), known(); }
  std::string probe_fails() { return policy.probe_failed(now), known(); }
  std::string falls_silent() { return policy.failed(now), known(); }
  std::string cut_short() { return policy.doubt() ? known() : "no news"; }
  std::string opens_a_channel() { return policy.answered(false, asked), known(); }
  std::string runs_a_command() { return policy.answered(true, asked), known(); }
  std::string after_a(std::chrono::nanoseconds time) { return now += time, known(); }
};

} // namespace

TEST_CASE("each failed probe adds one failure, and one that passes clears them") {
  life l;
  CHECK(l.known() == "0 failed");
  CHECK(l.probe() == "0 failed, answer by 6 s");
  CHECK(l.probe_fails() == "1 failed, asked under a lease");
  CHECK(l.probe() == "1 failed, asked under a lease, answer by 6 s");
  CHECK(l.probe_fails() == "2 failed, asked under a lease");
  CHECK(l.probe() == "2 failed, asked under a lease, answer by 6 s");
  CHECK(l.probe_passes() == "0 failed");
  CHECK(l.policy.last_rtt() == 3ms);
}

TEST_CASE("a probe is overdue a second after its time, and one that was dropped never is") {
  life l;
  l.probe();
  CHECK(l.after_a(5999ms) == "0 failed, answer by 1 ms");
  CHECK_FALSE(l.policy.probe_overdue(l.now));
  CHECK(l.after_a(1ms) == "0 failed, answer by 0 s");
  CHECK(l.policy.probe_overdue(l.now));
  CHECK(l.policy.probe_dropped());
  CHECK_FALSE(l.policy.probe_dropped());
  CHECK_FALSE(l.policy.probe_overdue(l.now));
  CHECK(l.known() == "0 failed");
}

TEST_CASE("what a user cut short is news once, and any answer or failure ends the doubt") {
  life l;
  CHECK(l.cut_short() == "0 failed, doubted, asked under a lease");
  CHECK(l.cut_short() == "no news");
  CHECK(l.opens_a_channel() == "0 failed");
  CHECK(l.cut_short() == "0 failed, doubted, asked under a lease");
  CHECK(l.falls_silent() == "1 failed, asked under a lease");
  CHECK(l.cut_short() == "1 failed, doubted, asked under a lease");
  CHECK(l.runs_a_command() == "0 failed");
}

TEST_CASE("where probes run commands, a channel that opens makes good a silence and no command") {
  life l;
  l.asked = probe_method::exec;
  l.probe(true);
  CHECK(l.probe_fails() == "1 failed");
  CHECK(l.falls_silent() == "2 failed, asked under a lease");
  CHECK(l.opens_a_channel() == "1 failed");
  l.probe(false);
  CHECK(l.probe_passes() == "1 failed");
  l.probe(true);
  CHECK(l.probe_passes() == "0 failed");
  l.probe(true);
  CHECK(l.probe_fails() == "1 failed");
  CHECK(l.runs_a_command() == "0 failed");

  l.probe(true);
  l.probe_fails();
  l.asked = probe_method::channel; // the settings changed
  CHECK(l.opens_a_channel() == "0 failed");
}

TEST_CASE("a silence counts unless a probe hears it too, or has counted it just now") {
  life l;
  CHECK(l.policy.silence_counts(l.now, 5s));
  l.probe();
  CHECK_FALSE(l.policy.silence_counts(l.now, 5s));
  l.probe_fails();
  CHECK_FALSE(l.policy.silence_counts(l.now, 5s));
  l.after_a(5s - 1ns);
  CHECK_FALSE(l.policy.silence_counts(l.now, 5s));
  l.after_a(1ns);
  CHECK(l.policy.silence_counts(l.now, 5s));
}

TEST_CASE("failures are forgotten on demand, and a probe in flight goes on") {
  life l;
  l.falls_silent();
  l.cut_short();
  l.probe(true);
  l.policy.forget_failures();
  CHECK(l.known() == "0 failed, answer by 6 s");
  CHECK(l.probe_fails() == "1 failed");
  l.policy.forget_failures();
  CHECK(l.known() == "0 failed");
}

TEST_CASE("a connection proves itself once, by being of use some time after it was opened") {
  life l;
  auto proves = [&] { return l.policy.proves(l.now, l.opened, 10s); };
  auto useless = [&](bool in_use) { return l.policy.useless(l.now, l.opened, 10s, in_use); };
  CHECK_FALSE(proves());
  CHECK(useless(false));
  CHECK(useless(true));
  l.after_a(10s - 1ns);
  CHECK_FALSE(proves());
  CHECK(useless(true));
  l.after_a(1ns);
  CHECK_FALSE(useless(true));
  CHECK(useless(false));
  CHECK(proves());
  CHECK_FALSE(proves());
  CHECK_FALSE(useless(false));
}

TEST_CASE("a connection that served a lease is not useless, however young") {
  life l;
  l.policy.served();
  CHECK_FALSE(l.policy.useless(l.now, l.opened, 10s, false));
  CHECK_FALSE(l.policy.proves(l.now, l.opened, 10s));
}
