// Promises: a latched pool sees that what was wrong has been mended, when somebody asks.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

const files_used as_they_were{"keys as they were", "host keys as they were"};

connection_failed failing(connection_id connection, ssh_failure kind = ssh_failure::denied,
                          files_used files = as_they_were) {
  return {connection, error_of(kind), {}, {}, std::move(files)};
}

std::string as_used(ssh_failure kind) {
  return kind == ssh_failure::denied ? as_they_were.credentials : as_they_were.host_keys;
}

/// Its log-in was denied, which read its files when they were as they were.
story denied(ssh_failure kind = ssh_failure::denied) {
  story s{lumi()};
  s.looks = true;
  s.acquire(r1, h1);
  CHECK(s.step(failing(c1, kind)) == std::string{"close c1 not_opened, refuse r1 "} +
                                         (kind == ssh_failure::denied ? "auth_denied" : "host_key_changed"));
  s.step(connection_closed{c1});
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
  CHECK(s.step(credentials_seen{as_they_were.credentials}) == "refuse r2 auth_denied, refuse r3 auth_denied");
  CHECK_THAT(s.refusal, Contains("not tried again"));
}

TEST_CASE("who asks at once after a denial has the pool look, and may have mended what was wrong") {
  auto s = denied();
  CHECK(s.acquire(r2, h2) == "look");
  CHECK(s.step(credentials_seen{"otherwise"}) == "open c2");
}

TEST_CASE("a latched pool is looked after every second at most, and for nobody not at all") {
  auto s = denied();
  CHECK(s.wait(1h) == "");
  CHECK(s.acquire(r2, h2) == "look");
  s.step(credentials_seen{as_they_were.credentials});
  s.now += 1s - 1ns;
  CHECK(s.acquire(r3, h2) == "refuse r3 auth_denied");
  s.now += 1ns;
  CHECK(s.acquire(r4, h2) == "look");
}

TEST_CASE("who asks while a slow look is under way waits for that look and has none of their own") {
  auto s = denied();
  CHECK(s.acquire(r2, h2) == "look");
  s.now += 1500ms;
  CHECK(s.acquire(r3, h2) == "");
  CHECK(s.next() == "refuse r2 auth_denied, refuse r3 auth_denied");
  CHECK(s.took == 500ms);
}

TEST_CASE("a look that hangs in the file system costs who asks two seconds") {
  auto s = denied();
  s.now += 10s;
  CHECK(s.acquire(r2, h2) == "look");
  CHECK(s.next() == "refuse r2 auth_denied");
  CHECK(s.took == 2s);
  CHECK(s.refusal.ends_with("ask again to see what it finds"));
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
  CHECK(s.step(failing(c2, ssh_failure::denied, {"otherwise", {}})) ==
        "close c2 not_opened, refuse r2 auth_denied");
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
  CHECK(s.step(failing(c2)) == "close c2 not_opened");
  s.step(connection_closed{c2});
  s.now += 4s;
  s.step(lease_confirmed{l1});
  s.now += 6s;
  CHECK(s.acquire(r3, h2, 1h) == "look");
  CHECK(s.step(credentials_seen{"otherwise"}) == "open c3");
}

TEST_CASE("what was mended while the log-in that is denied was still under way is not missed") {
  for (auto kind : {ssh_failure::denied, ssh_failure::host_key_changed}) {
    auto s = denied(kind);
    s.now += 10s;
    s.acquire(r2, h2);
    CHECK(s.step(credentials_seen{as_used(kind)}) ==
          std::string{"refuse r2 "} + (kind == ssh_failure::denied ? "auth_denied" : "host_key_changed"));
    s.now += 10s;
    s.acquire(r3, h2);
    CHECK(s.step(credentials_seen{"as mended before the latch"}) == "open c2");
  }
}

TEST_CASE("where it is unknown what a denied log-in saw, the first look stands for it") {
  auto s = denied();
  s.step(ordered<reset_pool>{});
  CHECK(s.acquire(r2, h2) == "open c2");
  s.step(failing(c2, ssh_failure::denied, {}));
  s.step(connection_closed{c2});
  for (const auto* seen : {"", "something", "something"}) {
    s.now += 10s;
    CHECK(s.acquire(r3, h2) == "look");
    CHECK(s.step(credentials_seen{seen}) == "refuse r3 auth_denied");
  }
  s.now += 10s;
  CHECK(s.acquire(r3, h2) == "look");
  CHECK(s.step(credentials_seen{"something else"}) == "open c3");
}

TEST_CASE("new settings lift the latch") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_failed{c1, error_of(ssh_failure::host_key_changed)});
  s.step(connection_closed{c1});
  CHECK(s.acquire(r2, h1) == ""); // waits for a look
  CHECK(s.step(credentials_seen{}) == "refuse r2 host_key_changed");
  auto settings = lumi();
  settings.known_hosts_files = {"/etc/ssh/other"};
  CHECK(s.step(settings_changed{r3, settings}) == "acknowledge r3");
  CHECK(s.acquire(r4, h1) == "open c2");
}
