// Who may log in, and when: leave given by one actor, with every actor real and the network scripted.
#include <catch2/catch.hpp>

#include "actors/permits.hpp"
#include "tests/actors/virtual_world.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

using lines = std::vector<std::string>;

/// Permits to be given, and what the askers heard, in order: "a q1", or "b q1 later".
class permit_desk {
public:
  permit_desk(std::uint32_t at_once, bool replaces)
      : at(world.system.spawn(moorage::permits, at_once, std::uint64_t{1}, replaces)) {}
  ~permit_desk() {
    for (auto& [name, actor] : pools_)
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    caf::anon_send_exit(at, caf::exit_reason::kill);
    world.settle();
  }

  void ask(const std::string& name, std::uint64_t permit, bool held = false) {
    send(name, permit_request{permit_id{permit}, held, false, false, name, 22, 2, 10, 10s, 30s});
  }
  void give_back(const std::string& name, std::uint64_t permit, permit_use use) {
    send(name, return_permit{permit_id{permit}, use, 1s});
  }
  void kill(const std::string& name) {
    caf::anon_send_exit(pools_.at(name), caf::exit_reason::kill);
    pools_.erase(name);
    world.settle();
  }

  virtual_world world{plain_cluster()};
  permits_actor at;
  lines heard;

private:
  template <class T>
  void send(const std::string& name, T what) {
    auto& actor = pools_[name];
    if (!actor)
      actor = world.system.spawn(
          [this](caf::event_based_actor*, std::string own) -> caf::behavior {
            return {[this, own](const permit_given& e) { heard.push_back(own + " " + to_string(e.permit)); },
                    [this, own](const permit_delayed& e) {
                      heard.push_back(own + " " + to_string(e.permit) + " later");
                    }};
          },
          name);
    caf::send_as(actor, at, std::move(what));
    world.settle();
  }

  std::map<std::string, caf::actor> pools_;
};

/// Who gives permits in this world, found where the next message for it waits; messages before that are read.
permits_actor next_permit_giver(virtual_world& world) {
  for (auto& jobs = world.sched.jobs; !jobs.empty(); world.one_message())
    if (auto* actor = dynamic_cast<caf::local_actor*>(jobs.front());
        actor != nullptr && std::string{actor->name()} == permits_actor_state::name)
      return caf::actor_cast<permits_actor>(actor->ctrl());
  return {};
}

/// A first lease is granted; then a bug ends who gave leave for its log-in.
void lose_permit_giver(virtual_world& world, holder& host) {
  caf::anon_send(world.manager, host.request(1h));
  auto giver = next_permit_giver(world);
  REQUIRE(giver);
  world.settle();
  REQUIRE(host.heard->grants.size() == 1);
  caf::anon_send_exit(giver, caf::exit_reason::kill);
  world.settle();
  REQUIRE(world.bugs.size() == 1);
}

} // namespace

TEST_CASE("who waits for leave is told so, and given it when another's log-in has ended") {
  permit_desk desk{1, false};
  desk.ask("a", 1);
  desk.ask("b", 1);
  CHECK(desk.heard == lines{"a q1", "b q1 later"});
  desk.give_back("a", 1, permit_use::let_in);
  CHECK(desk.heard.back() == "b q1");
}

TEST_CASE("leave ends with the pool that had it") {
  permit_desk desk{1, false};
  desk.ask("a", 1);
  desk.ask("b", 1);
  desk.kill("a");
  CHECK(desk.heard == lines{"a q1", "b q1 later", "b q1"});
}

TEST_CASE("who gives leave wakes up by itself when a host's budget has grown") {
  permit_desk desk{0, false};
  for (std::uint64_t permit = 1; permit <= 2; ++permit) {
    desk.ask("a", permit);
    desk.give_back("a", permit, permit_use::let_in);
  }
  desk.ask("a", 3);
  CHECK(desk.heard.back() == "a q3 later");
  desk.world.pass(6s - 10ms);
  CHECK(desk.heard.back() == "a q3 later");
  desk.world.pass(20ms);
  CHECK(desk.heard.back() == "a q3");
}

TEST_CASE("who takes the place of another that gave leave counts what is in use, and begins with no budget") {
  permit_desk desk{2, true};
  desk.ask("a", 1, true);
  CHECK(desk.heard.empty()); // it has it
  desk.ask("b", 1);
  CHECK(desk.heard == lines{"b q1 later"}); // nobody knows what was taken before
  desk.world.pass(7s);
  CHECK(desk.heard == lines{"b q1 later", "b q1"});
  desk.ask("c", 1);
  desk.world.pass(7s);
  CHECK(desk.heard.back() == "c q1 later"); // two are in use
  desk.give_back("a", 1, permit_use::let_in);
  CHECK(desk.heard.back() == "c q1");
}

TEST_CASE(
    "when a bug ends who gives leave to log in, log-ins go on with a fresh one, and the bug is reported") {
  virtual_world world{plain_cluster(2)};
  holder host{world};
  lose_permit_giver(world, host);
  host.acquire(); // which nobody hears of that could give leave
  CHECK(host.heard->grants.size() == 1);
  CHECK_THAT(world.bugs[0],
             Catch::Contains("leave to log in") && Catch::Contains("a fresh one takes its place"));
  world.pass(1100ms);
  CHECK(host.heard->grants.size() == 2);
}

TEST_CASE("a manager that ends while who gives leave is being replaced leaves nobody waiting") {
  virtual_world world{plain_cluster(2)};
  holder host{world};
  lose_permit_giver(world, host);
  host.acquire(1h);
  SECTION("that stops") {
    CHECK(world.ask<done>(stop_all{}));
    REQUIRE(host.heard->refusals.size() == 1);
    CHECK(host.heard->refusals[0].code == errc::stopping);
  }
  SECTION("that is killed") {
    caf::anon_send_exit(world.manager, caf::exit_reason::kill);
    world.settle();
  }
  CHECK(world.system.registry().running() == 1); // the holder
}

TEST_CASE("a log-in under way while who gives leave is replaced counts with the fresh one") {
  auto settings = plain_cluster(2);
  settings.log_ins_per_minute = 10;
  settings.penalty_max = 5s; // one at a time
  virtual_world world{settings};
  world.network->open_takes = 4s;
  holder host{world};
  host.acquire(1h);
  REQUIRE(world.network->made == 1);
  caf::anon_send(world.manager, host.request(1h));
  auto first = next_permit_giver(world); // by the pool's second question
  REQUIRE(first);
  caf::anon_send_exit(first, caf::exit_reason::kill);
  world.pass(3s); // the fresh one is there after one
  CHECK(world.network->made == 1);
  CHECK_THAT(world.status().log_ins_wait, Catch::Contains("alpha.example.org:22"));
  world.pass(30s);
  CHECK(host.heard->grants.size() == 2);
}
