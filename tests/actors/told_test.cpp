// What is told, and to whom: a server's words, the reasons of ends, in plain English and on one line.
#include <catch2/catch.hpp>

#include <algorithm>

#include "messages/exit_words.hpp"
#include "tests/actors/virtual_world.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;
using support::hostile_text;
using support::misleading_in_line;

namespace {

/// All that a pool tells while it lives.
struct listener {
  explicit listener(virtual_world& world) : world(world) {
    actor = world.system.spawn(
        [this](caf::event_based_actor*, int) -> caf::behavior {
          return {[this](const event_record& record) { events.push_back(record); }};
        },
        0);
    world.ask<done>(subscribe_for{{"", 1'000}, caf::actor_cast<caf::strong_actor_ptr>(actor)});
  }
  ~listener() {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    world.settle();
  }
  std::string text_of(event_kind what) const {
    for (const auto& event : events)
      if (event.what == what)
        return event.text;
    return "no such event";
  }

  virtual_world& world;
  caf::actor actor;
  std::vector<event_record> events;
};

} // namespace

TEST_CASE("what the server says in a log-in goes to the acquire that waited for it, once, and to the event") {
  virtual_world world{plain_cluster(1)};
  world.network->banner = "Maintenance at noon.\nSave your work.";
  world.network->open_takes = 1s;
  listener log{world};
  holder first{world}, second{world};
  first.acquire();
  second.acquire();
  world.pass(2s);
  REQUIRE(first.heard->grants.size() == 1);
  CHECK(first.heard->grants.at(0).banner == world.network->banner);
  CHECK(log.text_of(event_kind::opened) == "the server says: Maintenance at noon.\\x0aSave your work.");
  first.release();
  REQUIRE(second.heard->grants.size() == 1);
  CHECK(second.heard->grants.at(0).banner.empty()); // it did not cause the log-in
}

TEST_CASE("a long banner is told whole with the lease, and more than its beginning by the event") {
  virtual_world world{plain_cluster(1)};
  world.network->banner = std::string(100'000, 'x');
  listener log{world};
  holder user{world};
  user.acquire();
  REQUIRE(user.heard->grants.size() == 1);
  CHECK(user.heard->grants.at(0).banner == world.network->banner);
  CHECK(log.text_of(event_kind::opened) == banner_in_words(world.network->banner));
  CHECK(log.text_of(event_kind::opened).size() > 16'000);
}

TEST_CASE(
    "what people should know of a log-in goes to the acquire that waited for it, once, and to the event") {
  virtual_world world{plain_cluster(1)};
  world.network->warnings = {"the key was not written down" + hostile_text};
  world.network->open_takes = 1s;
  listener log{world};
  holder first{world}, second{world};
  first.acquire();
  second.acquire();
  SECTION("with the lease") {
    world.pass(2s);
    REQUIRE(first.heard->grants.size() == 1);
    REQUIRE(first.heard->grants.at(0).warnings.size() == 1);
    CHECK_THAT(first.heard->grants.at(0).warnings.at(0), Contains("the key was not written down"));
    CHECK(misleading_in_line(first.heard->grants.at(0).warnings.at(0)) == "");
    first.release();
    REQUIRE(second.heard->grants.size() == 1);
    CHECK(second.heard->grants.at(0).warnings.empty()); // it did not cause the log-in
  }
  SECTION("with the refusal") {
    world.network->open_fails = {ssh_stage::authenticate, ssh_failure::denied, "somebody said no"};
    world.pass(2s);
    REQUIRE(first.heard->refusals.size() == 1);
    CHECK_THAT(first.heard->refusals.at(0).text,
               Contains("somebody said no; besides, the key was not written down"));
  }
  CHECK_THAT(log.text_of(event_kind::warned), Contains("the key was not written down"));
}

TEST_CASE("an event's text stays within its line, whatever servers, askers and connections say") {
  virtual_world world{plain_cluster(1)};
  listener log{world};
  world.network->banner = hostile_text;
  holder host{world, hostile_text}, waiting{world, hostile_text};
  host.acquire();
  waiting.acquire(1s);
  world.pass(2s);
  host.release();
  world.network->broken = {0};
  world.pass(1min);
  world.network->open_fails = {ssh_stage::authenticate, ssh_failure::denied, hostile_text};
  host.acquire();
  world.pass(10s);
  using enum event_kind;
  for (auto what : {opened, granted, refused, lost, open_failed, latched})
    CHECK(log.text_of(what) != "no such event");
  for (const auto& event : log.events) {
    INFO(to_string(event.what));
    CHECK(misleading_in_line(event.text) == "");
    CHECK(misleading_in_line(event.error.text) == "");
    for (const auto& step : event.steps)
      CHECK(misleading_in_line(step.text) == "");
  }
}

TEST_CASE("an event of what failed says where and how for programs, so that none has to look into its text") {
  virtual_world world{plain_cluster(1)};
  listener log{world};
  holder host{world};
  host.acquire();
  world.pass(1s);
  world.network->broken = {0};
  world.pass(1min);
  world.network->open_fails = {ssh_stage::authenticate, ssh_failure::denied, "somebody said no"};
  host.acquire();
  world.pass(10s);
  std::map<event_kind, ssh_error> errors;
  for (const auto& event : log.events)
    if (event.error)
      errors.emplace(event.what, event.error);
  REQUIRE(errors.size() == 2);
  CHECK(errors[event_kind::open_failed] ==
        world.network->open_fails); // also where its text leaves the cause to the latch
  CHECK(errors[event_kind::lost].stage == ssh_stage::session);
}

TEST_CASE("work under a lease that has ended is refused with the reason of its end") {
  virtual_world world{plain_cluster(1)};
  holder host{world};
  host.acquire();
  SECTION("revoked") {
    world.ask<done>(revoke_lease{"alpha", host.heard->grants.at(0).lease});
    host.run("late");
    REQUIRE(host.heard->results.size() == 1);
    CHECK_THAT(host.heard->results.at(0).ended.cause.text, Contains("revoked by an administrator"));
  }
  SECTION("given back") {
    host.release();
    host.run("late");
    REQUIRE(host.heard->results.size() == 1);
    CHECK_THAT(host.heard->results.at(0).ended.cause.text, Contains("given back"));
  }
  SECTION("revoked in mid-command") {
    world.network->run_takes = 1h;
    host.run("long");
    world.ask<done>(revoke_lease{"alpha", host.heard->grants.at(0).lease});
    world.pass(10s);
    REQUIRE(host.heard->results.size() == 1);
    CHECK(host.heard->results.at(0).ended.cause.code == errc::lease_ended);
    CHECK_THAT(host.heard->results.at(0).ended.cause.text, Contains("revoked by an administrator"));
  }
}

TEST_CASE("the end of an actor is told in plain words") {
  for (auto reason :
       {caf::exit_reason::unhandled_exception, caf::exit_reason::unknown, caf::exit_reason::out_of_workers,
        caf::exit_reason::user_shutdown, caf::exit_reason::kill, caf::exit_reason::remote_link_unreachable,
        caf::exit_reason::unreachable}) {
    auto words = in_words(caf::make_error(reason));
    CHECK_THAT(words, !Contains("_") && !Contains("("));
    CHECK(words.size() > 8);
  }
  CHECK_THAT(in_words({}), !Contains("none"));
  CHECK(in_words(make_error(errc::internal, "an invariant did not hold")) == "an invariant did not hold");
  CHECK(in_words(make_error(errc::stopping, "")) == "it is stopping");
  CHECK(in_words(caf::error{std::uint8_t{250}, caf::atom("moorage")}).size() > 8);
  virtual_world world{plain_cluster(1)};
  listener log{world};
  holder host{world};
  host.acquire();
  caf::anon_send_exit(host.heard->grants.at(0).connection, caf::exit_reason::kill);
  world.settle();
  CHECK_THAT(log.text_of(event_kind::lost), Contains("its actor ended: it was killed"));
  caf::anon_send_exit(host.heard->grants.at(0).pool, caf::exit_reason::kill);
  world.settle();
  CHECK_THAT(log.text_of(event_kind::internal), Contains("it was killed") && !Contains("exit_reason"));
}

TEST_CASE("an event of a connection that leaves says why for programs, until it has gone") {
  auto cluster = plain_cluster(1);
  cluster.idle_timeout = 20s;
  virtual_world world{cluster};
  listener log{world};
  holder host{world};
  auto reason_of = [&log](event_kind what) {
    auto found = std::find_if(log.events.rbegin(), log.events.rend(),
                              [what](const auto& event) { return event.what == what; });
    return found == log.events.rend() ? removal_reason::none : found->removed;
  };
  host.acquire();
  host.release();
  world.pass(21s);
  CHECK(reason_of(event_kind::closing) == removal_reason::idle);
  CHECK(reason_of(event_kind::closed) == removal_reason::idle);
  host.acquire();
  world.ask<done>(evict_connection{"alpha", host.heard->grants.at(1).connection_number});
  CHECK(reason_of(event_kind::condemned) == removal_reason::evicted);
  world.network->broken = {1};
  world.pass(2min);
  CHECK(reason_of(event_kind::lost) == removal_reason::lost);
  CHECK(reason_of(event_kind::granted) == removal_reason::none);
}

TEST_CASE("an exit status is shown as the number that the server sent") {
  CHECK(to_string(outcome{outcome_kind::exited, -1, {}, {}}) == "exited 4294967295");
  CHECK(to_string(outcome{outcome_kind::exited, 255, {}, {}}) == "exited 255");
}

TEST_CASE("a pool keeps its latest errors, a bounded number of them, though nobody listens") {
  virtual_world world{plain_cluster(1)};
  CHECK(world.ask<error_list>(get_errors{"alpha"}).value().errors.empty());
  world.network->open_fails = {ssh_stage::connect, ssh_failure::refused,
                               "refused\n" + std::string(100'000, 'x')};
  holder host{world};
  host.acquire(1h);
  world.pass(20s);
  auto few = world.ask<error_list>(get_errors{"alpha"}).value().errors;
  REQUIRE(few.size() > 2);
  CHECK(few.front().what == event_kind::open_failed);
  CHECK(few.front().cluster == "alpha");
  CHECK(few.front().at <= few.back().at);
  CHECK(few.front().error.kind == ssh_failure::refused);
  for (const auto& each : few) {
    CHECK(event_rows[static_cast<std::size_t>(each.what)].matters >= severity::warning);
    CHECK(each.text.size() <= error_text_kept + 100);
    CHECK(each.error.text.size() <= error_text_kept + 100);
    CHECK(each.text.find('\n') == std::string::npos);
  }
  for (int i = 0; i < 60; ++i) {
    host.acquire(1h);
    world.pass(60s, 1s);
  }
  CHECK(world.ask<error_list>(get_errors{"alpha"}).value().errors.size() == errors_kept);
}

TEST_CASE("an opening that lasts says what it waits for, when that changes, and no more once it is open") {
  virtual_world world{plain_cluster(1)};
  world.network->open_takes = 10s;
  world.network->awaited = "the server has said nothing since";
  holder impatient{world}, patient{world};
  impatient.acquire(2s);
  patient.acquire(1min);
  auto told = [&] { return world.connections().at(0).hindered; };
  world.pass(450ms);
  CHECK(told() == "");
  world.pass(100ms);
  CHECK(told() == world.network->awaited);
  world.network->awaited = "waiting for the server's answer to a key";
  world.pass(500ms);
  CHECK(told() == world.network->awaited);
  world.pass(1s);
  REQUIRE(impatient.heard->refusals.size() == 1);
  CHECK_THAT(impatient.heard->refusals.at(0).text,
             Contains("1 opening (try 1 of 3: waiting for the server's answer to a key)"));
  world.pass(10s);
  REQUIRE(patient.heard->grants.size() == 1);
  CHECK(told() == "");
}

TEST_CASE("an opening that lasts says which steps it has made, and how long the one under way has taken") {
  virtual_world world{plain_cluster(1)};
  world.network->open_takes = 10s;
  world.network->steps = {{ssh_stage::prepare, 3ms, "1 key file"}, {ssh_stage::look_up, 500ms, ""}};
  holder patient{world};
  patient.acquire(1min);
  auto told = [&] { return world.connections().at(0).steps; };
  world.pass(450ms);
  CHECK(told().empty());
  world.pass(50ms + 2s); // and nothing is said of what it waits for
  auto steps = told();
  REQUIRE(steps.size() == 2);
  CHECK(steps.at(0) == world.network->steps.at(0));
  CHECK(steps.at(1).stage == ssh_stage::look_up);
  CHECK(steps.at(1).took >= 2400ms);
  CHECK(steps.at(1).took <= 2600ms);
  world.network->steps = {{ssh_stage::prepare, 3ms, "1 key file"},
                          {ssh_stage::look_up, 3s, "a\nb"},
                          {ssh_stage::connect, 0ms, ""}};
  world.pass(1s);
  REQUIRE(told().size() == 3);
  CHECK(told().at(1).text.find('\n') == std::string::npos);
  world.pass(10s);
  REQUIRE(patient.heard->grants.size() == 1);
  CHECK(told().empty());
}

TEST_CASE("an opening that takes no longer than openings do says nothing of what it waits for") {
  virtual_world world{plain_cluster(1)};
  world.network->open_takes = 400ms;
  world.network->awaited = "the server has said nothing since";
  holder user{world};
  user.acquire(200ms);
  world.pass(300ms);
  REQUIRE(user.heard->refusals.size() == 1);
  CHECK_THAT(user.heard->refusals.at(0).text, Contains("1 opening (try 1 of 3)"));
}
