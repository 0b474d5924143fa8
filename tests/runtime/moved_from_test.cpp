// What was moved from answers politely.
#include <catch2/catch.hpp>

#include <caf/all.hpp>

#include "runtime/actors.hpp"
#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("every member of a runtime that was moved from says so") {
  runtime rt{quiet_configuration()};
  auto other = std::move(rt);
  auto wrong = [](const failure& reason) {
    return reason.code == errc::invalid_request && reason.text.find("moved from") != std::string::npos;
  };
  lease none;
  CHECK(wrong(rt.try_acquire("alpha").error()));
  CHECK_THROWS_AS(rt.acquire("alpha", 1s), error);
  CHECK(wrong(rt.async().acquire("alpha").get().error()));
  CHECK(wrong(rt.run("alpha", "true").ended.cause));
  CHECK(wrong(rt.async().pools().get().error()));
  failure told;
  rt.async().acquire("alpha", 1s).then([&told](result<lease> answer) { told = answer.error(); });
  CHECK(wrong(told));
  CHECK(wrong(rt.register_cluster({}).error()));
  CHECK(wrong(rt.remove_cluster("alpha").error()));
  CHECK(wrong(rt.clusters().error()));
  CHECK(wrong(rt.pools().error()));
  CHECK(wrong(rt.pool("alpha").error()));
  CHECK(wrong(rt.connections("alpha").error()));
  CHECK(wrong(rt.leases("alpha").error()));
  CHECK(wrong(rt.waiters("alpha").error()));
  CHECK(wrong(rt.pause("alpha").error()));
  CHECK(wrong(rt.resume("alpha").error()));
  CHECK(wrong(rt.probe("alpha").error()));
  CHECK(wrong(rt.evict("alpha", connection_id{1}).error()));
  CHECK(wrong(rt.revoke("alpha", lease_id{1}).error()));
  CHECK(wrong(rt.resize("alpha", 1).error()));
  CHECK(wrong(rt.reset("alpha").error()));
  CHECK(wrong(rt.disconnect("alpha").error()));
  CHECK(wrong(rt.subscribe("alpha", [](const event_record&) {}).error()));
  CHECK(wrong(rt.round_trip(none).error()));
  CHECK(wrong(rt.probe(none).error()));
  CHECK(wrong(rt.serve().error()));
  CHECK(rt.wait_for_loss(0ms));
  CHECK_THROWS_AS(rt.secrets(), error);
  CHECK_THROWS_AS(session_of(rt, nullptr), error);
  CHECK_THROWS_AS(system_of(rt), error);
  rt.stop();
  CHECK(other.clusters().value().empty());
  rt = std::move(other);
  CHECK(rt.clusters().value().empty());
}

TEST_CASE("a runtime that has stopped has no session and no actor system to give") {
  runtime rt{quiet_configuration()};
  rt.stop();
  CHECK_THROWS_AS(session_of(rt, nullptr), error);
  CHECK_THROWS_AS(system_of(rt), error);
  CHECK(rt.clusters().error().code == errc::stopping);
  CHECK_FALSE(bool{rt.serve()});
}

TEST_CASE("a lease, a stream and a subscription that were moved from are empty, and say so") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto first = rt.acquire("alpha", 20s);
  auto output = first.open("cat");
  auto watching = rt.subscribe("alpha", [](const event_record&) {}).value();
  auto second = std::move(first);
  auto kept = std::move(output);
  auto still = std::move(watching);
  CHECK_FALSE(bool{first});
  CHECK(first.run("true").ended.cause.code == errc::unknown_lease);
  CHECK(first.async().run("true").get().ended.cause.code == errc::unknown_lease);
  errc told = errc::none;
  first.async().run("true").then([&told](exec_result finished) {
    told = finished.ended.cause.code;
    throw 42;
  });
  CHECK(told == errc::unknown_lease);
  CHECK(first.stream("true", [](output_kind, std::string_view) { return true; }).cause.code ==
        errc::unknown_lease);
  CHECK(first.open("true").ended().cause.code == errc::unknown_lease);
  CHECK(first.release().error().code == errc::already_released);
  CHECK(rt.round_trip(first).error().code == errc::unknown_lease);
  CHECK(rt.probe(first).error().code == errc::unknown_lease);
  stream::chunk chunk;
  CHECK_FALSE(output.read(chunk));
  CHECK_FALSE(output.write("x"));
  output.end_input();
  output.cancel();
  output.cancel(1ms);
  CHECK(output.ended().kind == outcome_kind::never_sent);
  watching = {};
  kept.end_input();
  CHECK(kept.ended().succeeded());
  CHECK(second.run("true").ended.succeeded());
}
