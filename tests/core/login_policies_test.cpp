// Promises of what is kept by host and port, each by itself: the budget of log-ins, the server's penalties,
// the cool-down.
#include <catch2/catch.hpp>

#include <chrono>

#include "actors/manager/policies/cool_down.hpp"
#include "actors/manager/policies/login_budget.hpp"
#include "actors/manager/policies/login_penalties.hpp"
#include "actors/pool/seeded_random.hpp"
#include "messages/errors.hpp"
#include "messages/permits.hpp"
#include "messages/ssh_error.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

/// Log-ins that a budget lets begin in that time, by one who never tires.
int log_ins_within(login_budget& budget, time_point& now, std::chrono::nanoseconds time) {
  int begun = 0;
  for (auto until = now + time; now < until; now += 100ms)
    for (; budget.may_begin_at() <= now; ++begun)
      budget.take(now);
  return begun;
}

} // namespace

TEST_CASE(
    "a budget allows its burst at once, then one in each sixth second, and saves no more than the burst") {
  login_budget budget;
  budget.set(time_point{1h}, 10, 5);
  time_point now{1h};
  CHECK(log_ins_within(budget, now, 1s) == 5);
  CHECK(log_ins_within(budget, now, 1min) == 10);
  now += 1h;
  CHECK(budget.full(now));
  CHECK(log_ins_within(budget, now, 1s) == 5);
}

TEST_CASE("a log-in that cost the site nothing is given back, and one of no budget counts all the same") {
  login_budget budget;
  budget.set(time_point{1h}, 10, 2);
  time_point now{1h};
  budget.take(now);
  budget.take(now);
  CHECK(budget.may_begin_at() == now + 6s);
  budget.give_back();
  CHECK(budget.may_begin_at() <= now);
  for (int i = 0; i < 4; ++i)
    budget.take(now); // whoever is not held to it
  CHECK(budget.may_begin_at() == now + 6s);
}

TEST_CASE("a burst that has become smaller keeps nobody waiting for what a larger one took") {
  login_budget budget;
  time_point now{1h};
  budget.set(now, 10, 100);
  CHECK(log_ins_within(budget, now, 1s) == 100);
  budget.set(now, 10, 5);
  CHECK(log_ins_within(budget, now, 1min) == 10);
  budget.set(now, 10, 100); // nor does it give back what was taken then
  CHECK(log_ins_within(budget, now, 1s) <= 10);
}

TEST_CASE("when a budget changes, what was taken stays taken") {
  login_budget budget;
  time_point now{1h};
  budget.set(now, 60, 2);
  budget.take(now);
  budget.take(now);
  CHECK(budget.may_begin_at() == now + 1s);
  budget.set(now, 6, 2);
  CHECK(budget.may_begin_at() == now + 10s);
}

TEST_CASE("a budget whose past nobody knows begins as if it was used up") {
  login_budget budget;
  budget.set(time_point{1h}, 10, 3);
  time_point now{1h};
  budget.begin_empty(now);
  CHECK(budget.may_begin_at() == now + 6s);
  CHECK_FALSE(budget.full(now + 17s));
  CHECK(budget.full(now + 18s));
}

TEST_CASE("failed log-ins cost what OpenSSH counts, and what was let in or not reached costs nothing") {
  CHECK(login_penalties::cost(permit_use::denied, 1s) == 5s);
  CHECK(login_penalties::cost(permit_use::denied_too_often, 1s) == 5s);
  CHECK(login_penalties::cost(permit_use::cut_short, 1s) == 1s);
  CHECK(login_penalties::cost(permit_use::cut_short, 30s) == 1s);
  CHECK(login_penalties::cost(permit_use::cut_short, 60s) == 10s);
  for (auto use : {permit_use::unused, permit_use::unreached, permit_use::let_in, permit_use::turned_away})
    CHECK(login_penalties::cost(use, 1s) == 0s);
}

TEST_CASE("what a log-in that failed has cost is told by its kind, or by how far it came") {
  auto use = [](ssh_stage stage, ssh_failure kind) { return use_of({stage, kind, "x"}); };
  CHECK(use(ssh_stage::connect, ssh_failure::refused) == permit_use::unreached);
  CHECK(use(ssh_stage::connect, ssh_failure::timed_out) == permit_use::unreached);
  CHECK(use(ssh_stage::key_exchange, ssh_failure::reset) == permit_use::cut_short);
  CHECK(use(ssh_stage::key_exchange, ssh_failure::host_key_changed) == permit_use::cut_short); // by us
  CHECK(use(ssh_stage::key_exchange, ssh_failure::turned_away) == permit_use::turned_away);
  CHECK(use(ssh_stage::authenticate, ssh_failure::denied) == permit_use::denied);
  CHECK(use(ssh_stage::connect, ssh_failure::denied) == permit_use::unreached); // at a jump host on the way
  CHECK(use(ssh_stage::authenticate, ssh_failure::denied_too_often) == permit_use::denied_too_often);
}

TEST_CASE("who is turned away may try again in time, and who was denied too often was denied") {
  CHECK(is_transient(ssh_failure::turned_away));
  CHECK_FALSE(is_latching(ssh_failure::turned_away));
  CHECK(refusal_for(ssh_failure::turned_away) == errc::connect_failed);
  CHECK_FALSE(is_transient(ssh_failure::denied_too_often));
  CHECK(is_latching(ssh_failure::denied_too_often));
  CHECK(refusal_for(ssh_failure::denied_too_often) == errc::auth_denied);
}

TEST_CASE("no log-in begins that could take the account beyond its limit, those under way reckoned with") {
  login_penalties account;
  time_point now{1h};
  auto next = [&] { return account.may_begin_at(5s, 10s); };
  CHECK(next() <= now);
  account.began(5s);
  CHECK(next() <= now);
  account.began(5s);
  CHECK(next() == time_point::max()); // both may be denied
  account.ended(now, 5s, 0s);
  CHECK(next() <= now);
  account.began(5s);
  account.ended(now, 5s, 5s);
  account.ended(now, 5s, 5s);
  CHECK(account.account(now) == 10s);
  CHECK(next() == now + 5s);
  now += 10s;
  CHECK(account.account(now) == 0s);
}

TEST_CASE("no log-in costs more than it was reckoned with, whatever becomes of it") {
  for (std::chrono::seconds timeout : {1s, 15s, 30s, 59s, 60s, 120s, 600s})
    for (auto use : {permit_use::unused, permit_use::unreached, permit_use::let_in, permit_use::cut_short,
                     permit_use::denied, permit_use::denied_too_often, permit_use::turned_away})
      CHECK(login_penalties::cost(use, timeout) <= login_penalties::worst(timeout));
}

TEST_CASE("a limit below the price of one failure lets one log-in begin at a time, on a clear account") {
  login_penalties account;
  time_point now{1h};
  account.began(5s);
  CHECK(account.may_begin_at(5s, 1s) == time_point::max());
  account.ended(now, 5s, 5s);
  CHECK(account.may_begin_at(5s, 1s) == now + 5s);
}

TEST_CASE("each sign of a ban doubles the cool-down, to five minutes, and one that is let in ends "
          "the series") {
  cool_down cooling;
  seeded_random random{1};
  time_point now{1h};
  auto about = [&](std::chrono::nanoseconds expected) {
    auto length = between(now, cooling.may_begin_at());
    return length >= expected * 8 / 10 && length <= expected * 12 / 10;
  };
  for (auto expected : {3s, 6s, 12s, 24s, 48s, 96s, 192s, 300s, 300s}) {
    cooling.turned_away(now, now, random);
    CHECK(about(expected));
    now = cooling.may_begin_at();
  }
  cooling.let_in(now);
  cooling.turned_away(now, now, random);
  CHECK(about(3s));
}

TEST_CASE("log-ins that were turned away together are one sign, and one that began before it says nothing") {
  cool_down cooling;
  seeded_random random{1};
  time_point began{1h};
  auto now = began + 1s;
  cooling.turned_away(now, began, random);
  auto until = cooling.may_begin_at();
  cooling.turned_away(now + 1s, began, random);
  CHECK(cooling.may_begin_at() == until);
  cooling.let_in(began);
  now = until;
  cooling.turned_away(now, now, random);
  CHECK(between(now, cooling.may_begin_at()) >= 4800ms);
}
