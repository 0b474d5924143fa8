// Messages that an actor's protocol does not have. A typed sender cannot send them; a peer on a link can.
#include <iostream>
#include <sstream>

#include <catch2/catch.hpp>

#include "actors/manager/event_account.hpp"
#include "actors/session/session.hpp"
#include "actors/turns.hpp"
#include "tests/actors/client_world.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("what no actor expects is dropped without a word, whatever is in it") {
  std::ostringstream said;
  auto* before = std::cout.rdbuf(said.rdbuf()); // where CAF would print it
  {
    virtual_world world{plain_cluster(1)};
    holder host{world};
    host.acquire();
    REQUIRE(host.heard->grants.size() == 1);
    const auto& grant = host.heard->grants.front();
    for (auto each : {caf::actor_cast<caf::actor>(world.manager), caf::actor_cast<caf::actor>(grant.pool),
                      caf::actor_cast<caf::actor>(grant.connection)})
      caf::anon_send(each, support::hostile_text);
    world.settle();
    CHECK(world.status().leased == 1);
  } // which waits for what prints
  std::cout.rdbuf(before);
  CHECK(said.str() == "");
}

TEST_CASE("a stranger's messages are not answered, but a request that is not understood is") {
  client_world world{plain_cluster(1)};
  world.ask();
  holder host{world};
  auto account = world.system.spawn(event_account, caf::strong_actor_ptr{}, std::uint32_t{1});
  auto giver = world.system.spawn(turns, std::size_t{1}, std::size_t{1});
  auto door = world.system.spawn(session, world.manager, caf::strong_actor_ptr{}, session_bounds{},
                                 std::string{}, access_rights::everything());
  host.acquire();
  world.settle();
  world.held.clear();
  world.settle();
  REQUIRE(host.heard->grants.size() == 1);
  const auto& grant = host.heard->grants.front();
  std::size_t answers = 0;
  auto stranger = world.system.spawn([&answers](caf::event_based_actor* self) -> caf::behavior {
    self->set_error_handler([&answers](caf::error&) { ++answers; });
    self->set_default_handler(
        [&answers](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
          ++answers;
          return caf::delegated<caf::message>{};
        });
    return {[](int) {}};
  });
  for (const auto& each :
       {caf::actor_cast<caf::actor>(world.manager), caf::actor_cast<caf::actor>(grant.pool),
        caf::actor_cast<caf::actor>(grant.connection), caf::actor_cast<caf::actor>(account),
        caf::actor_cast<caf::actor>(giver), caf::actor_cast<caf::actor>(door), world.client}) {
    caf::send_as(stranger, each, support::hostile_text, std::uint64_t{1});
    world.settle();
    CHECK(answers == 0);
    caf::scoped_actor self{world.system};
    auto asked = self->request(each, caf::infinite, support::hostile_text, std::uint64_t{1});
    world.settle();
    auto refused = false;
    asked.receive([] {},
                  [&refused](const caf::error& why) { refused = why == caf::sec::unexpected_message; });
    CHECK(refused);
  }
  for (const auto& each : {stranger, caf::actor_cast<caf::actor>(account), caf::actor_cast<caf::actor>(giver),
                           caf::actor_cast<caf::actor>(door)})
    caf::anon_send_exit(each, caf::exit_reason::kill);
  world.settle();
}
