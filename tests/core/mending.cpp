// Promises: a latched pool sees that what was wrong has been mended, when somebody asks.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

/// Its log-in was denied, when its files were "as they were".
story denied(ssh_failure kind = ssh_failure::denied) {
  story s{lumi()};
  s.looks = true;
  s.acquire(r1, h1);
  auto what = kind == ssh_failure::denied ? "look" : "look host keys";
  CHECK(s.step(connection_failed{c1, error_of(kind)}) ==
        "close c1 not_opened, " + std::string{what} + ", refuse r1 " +
            (kind == ssh_failure::denied ? "auth_denied" : "host_key_changed"));
  s.step(connection_closed{c1});
  s.step(credentials_seen{"as they were"});
  return s;
}

} // namespace

TEST_CASE(
    "a latched pool is looked after when somebody asks, who waits for that, and serves once it is mended") {
  for (auto kind : {ssh_failure::denied, ssh_failure::host_key_changed}) {
    auto s = denied(kind);
    s.now += 10s;
    CHECK(s.acquire(r2, h2) == (kind == ssh_failure::denied ? "look" : "look host keys"));
    CHECK(s.status().waiters == 1);
    CHECK(s.step(credentials_seen{"otherwise"}) == "open c2");
    CHECK_THAT(s.announced.at(s.announced.size() - 2), Contains("changed since they were given up"));
    CHECK(s.step(connection_opened{c2}) == "grant r2 l1 c2 h2");
  }
}

TEST_CASE("who asks a latched pool is refused as soon as it is seen that nothing was mended") {
  auto s = denied();
  s.now += 10s;
  CHECK(s.acquire(r2, h2) == "look");
  CHECK(s.acquire(r3, h2) == ""); // waits for the same look
  CHECK(s.step(credentials_seen{"as they were"}) == "refuse r2 auth_denied, refuse r3 auth_denied");
  CHECK_THAT(s.refusal, Contains("not tried again"));
}

TEST_CASE("a latched pool is looked after every ten seconds at most, and for nobody not at all") {
  auto s = denied();
  CHECK(s.wait(1h) == "");
  CHECK(s.acquire(r2, h2) == "look");
  s.step(credentials_seen{"as they were"});
  s.now += 10s - 1ns;
  CHECK(s.acquire(r3, h2) == "refuse r3 auth_denied");
  s.now += 1ns;
  CHECK(s.acquire(r4, h2) == "look");
}

TEST_CASE("a look that hangs in the file system costs who asks two seconds") {
  auto s = denied();
  s.now += 10s;
  CHECK(s.acquire(r2, h2) == "look");
  CHECK(s.next() == "refuse r2 auth_denied");
  CHECK(s.took == 2s);
  CHECK(s.step(credentials_seen{"otherwise"}) == ""); // late, but true
  CHECK(s.acquire(r3, h2) == "open c2");
}

TEST_CASE("who will not wait is not kept by a look, nor is a pool mended by one that saw nothing") {
  auto s = denied();
  s.now += 10s;
  CHECK(s.acquire(r2, h2, 0s) == "look, refuse r2 auth_denied");
  CHECK(s.step(credentials_seen{""}) == "");
  CHECK(s.acquire(r3, h2) == "refuse r3 auth_denied");
}

TEST_CASE("what is seen of files once a pool was reset or is not latched changes nothing") {
  auto s = denied();
  s.step(ordered<reset_pool>{});
  CHECK(s.step(credentials_seen{"otherwise"}) == "");
  CHECK(s.acquire(r2, h2) == "open c2");
  CHECK(s.step(connection_failed{c2, error_of(ssh_failure::denied)}) ==
        "close c2 not_opened, look, refuse r2 auth_denied");
  CHECK(s.step(credentials_seen{"otherwise"}) == ""); // it is what later looks are compared with
  s.now += 10s;
  CHECK(s.acquire(r3, h2) == "look");
  CHECK(s.step(credentials_seen{"otherwise"}) == "refuse r3 auth_denied");
}

TEST_CASE("a latched pool that still has a connection is looked after as well") {
  story s{lumi(2)};
  s.looks = true;
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h1, 1h);
  CHECK(s.step(connection_failed{c2, error_of(ssh_failure::denied)}) == "close c2 not_opened, look");
  s.step(connection_closed{c2});
  s.step(credentials_seen{"as they were"});
  s.now += 4s;
  s.step(lease_confirmed{l1});
  s.now += 6s;
  CHECK(s.acquire(r3, h2, 1h) == "look");
  CHECK(s.step(credentials_seen{"otherwise"}) == "open c3");
}

TEST_CASE("where the first look saw nothing, what a later one sees is taken for new") {
  story s{lumi()};
  s.looks = true;
  s.acquire(r1, h1);
  s.step(connection_failed{c1, error_of(ssh_failure::denied)});
  s.step(connection_closed{c1});
  s.step(credentials_seen{""});
  s.now += 10s;
  CHECK(s.acquire(r2, h2) == "look");
  CHECK(s.step(credentials_seen{"something"}) == "open c2");
}
