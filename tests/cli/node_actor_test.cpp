// Actors of a process that goes to a node.
#include <catch2/catch.hpp>

#include <caf/all.hpp>
#include <chrono>
#include <future>
#include <utility>

#include "runtime/actors.hpp"
#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;

TEST_CASE("an actor of a process on a link works through the session that the link was given, and what it "
          "held goes back "
          "when it ends") {
  home_with_cluster home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  std::promise<moorage::exec_result> told;
  std::promise<bool> same;
  moorage::system_of(rt).spawn(
      [&](caf::event_based_actor* self, int) -> caf::behavior {
        auto session = moorage::session_of(rt, self);
        self->set_default_handler(caf::drop);
        self->send(session, moorage::acquire{"here", 1, 20s, "actor"});
        return {
            [self, session, &same](const moorage::lease_grant& grant) {
              same.set_value(self->current_sender() == caf::actor_cast<caf::strong_actor_ptr>(session));
              moorage::run_command order{grant.cluster, grant.lease, 1, {}};
              order.what.command = "echo by link";
              self->send(session, std::move(order));
            },
            [self, &told](moorage::run_ended& end) {
              told.set_value(std::move(end.result));
              self->quit(); // and keeps the lease
            },
        };
      },
      0);
  CHECK(same.get_future().get());
  CHECK(told.get_future().get().output == "by link\n");
  auto deadline = std::chrono::steady_clock::now() + 20s;
  // What comes back from one who has gone is asked first.
  auto back = [&rt] { return rt.leases("here").value().empty() && rt.pool("here").value().idle == 1; };
  while (!back() && std::chrono::steady_clock::now() < deadline) {
  }
  CHECK(back());
}

TEST_CASE("an actor of a process on a link has a command run by one message, and nothing is left") {
  home_with_cluster home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto rt = moorage::runtime::connect(home.folder / "moorage/node.sock");
  std::promise<moorage::exec_result> told;
  moorage::system_of(rt).spawn(
      [&](caf::event_based_actor* self, int) -> caf::behavior {
        self->send(moorage::session_of(rt, self),
                   moorage::run_once{.from = {.cluster = "here", .call = 7},
                                     .what = {.command = "echo at once; exit 3"}});
        return {[self, &told](moorage::run_ended& end) {
          if (end.call == 7)
            told.set_value(std::move(end.result));
          self->quit();
        }};
      },
      0);
  auto result = told.get_future().get();
  CHECK(result.output == "at once\n");
  CHECK(to_string(result.ended) == "exited 3");
  CHECK(rt.leases("here").value().empty());
  CHECK(rt.pool("here").value().idle == 1);
}
