// Promises: what an administrator orders of the process itself, as its host has a say in it.
#include <catch2/catch.hpp>

#include <future>
#include <memory>
#include <thread>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

TEST_CASE("a host says what a reload does, on a thread of its own, for one order at a time") {
  std::promise<void> begun, may_end;
  std::thread::id where;
  runtime* own = nullptr;
  runtime_options options;
  options.name = "portal";
  options.reload = [&](const std::string& by) -> result<std::string> {
    where = std::this_thread::get_id();
    CHECK(by == "portal");
    CHECK(own->register_cluster(unreachable("beta"))); // calls that wait are allowed there
    begun.set_value();
    may_end.get_future().wait(); // nobody else waits for it
    return failure{errc::invalid_settings, "line 7 is wrong"};
  };
  runtime rt{quiet_configuration({unreachable("alpha")}), options};
  own = &rt;
  auto first = rt.async().reload();
  begun.get_future().wait();
  CHECK(rt.pool("beta").has_value());
  auto second = rt.reload();
  REQUIRE_FALSE(second);
  CHECK(second.error().code == errc::too_many_requests);
  may_end.set_value();
  auto told = first.get();
  REQUIRE_FALSE(told);
  CHECK(told.error() == failure{errc::invalid_settings, "line 7 is wrong"});
  CHECK(where != std::this_thread::get_id());
}

TEST_CASE("a runtime's end does not wait for a reload that hangs, and who ordered it is told") {
  auto begun = std::make_shared<std::promise<void>>(), may_end = std::make_shared<std::promise<void>>();
  runtime_options options;
  options.reload = [begun, may_end](const std::string&) -> result<std::string> {
    begun->set_value();
    may_end->get_future().wait();
    return std::string{"late"};
  };
  auto rt = std::make_unique<runtime>(quiet_configuration({unreachable("alpha")}), options);
  auto ordered = rt->async().reload();
  begun->get_future().wait();
  rt = nullptr;
  auto told = ordered.get();
  REQUIRE_FALSE(told);
  CHECK(told.error().code == errc::stopping);
  may_end->set_value();
}

TEST_CASE("a host that reads no configuration says so to who orders a reload") {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  auto told = rt.reload();
  REQUIRE_FALSE(told);
  CHECK(told.error().code == errc::invalid_request);
  CHECK_THAT(told.error().text, Contains("its host gave it"));
}

TEST_CASE("a host is told that its pools were shut down, and by whom, when no connection is left") {
  support::real_sshd sshd;
  std::promise<std::string> told;
  runtime_options options;
  options.name = "portal";
  options.shut_down = [&told](const std::string& by) { told.set_value(by); };
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")}), options};
  auto lease = rt.acquire("alpha", 20s);
  auto ended = rt.async().shut_down(1h);
  CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == errc::drained);
  CHECK(lease.run("echo on").output == "on\n");
  lease = {};
  CHECK(ended.get().has_value());
  CHECK(told.get_future().get() == "portal");
  CHECK(sshd.wait_for_connections(0, 20s));
}
