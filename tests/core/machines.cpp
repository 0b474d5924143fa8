// Promises: a lease says on which machine it is; who asks for one machine has a connection there or none,
// holds up nobody, and is not starved: where the pool is full another machine's connection makes room in its
// turn; a machine that is down is no reason for others to wait.
#include <algorithm>

#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings of_two(std::uint32_t size, bool spread = false) {
  auto settings = lumi(size);
  settings.host.clear();
  settings.hosts = {"a", "b"};
  settings.spread = spread;
  settings.connects_at_once = 0;
  return settings;
}

std::string ask_for(story& s, request_id request, holder_id holder, const std::string& machine,
                    std::chrono::nanoseconds patience = 30s, bool wait_for_ready = false) {
  acquire_requested event{request, holder, s.now + patience, {}, wait_for_ready};
  event.machine = machine;
  return s.step(event);
}

connection_opened open_on(connection_id connection, const std::string& machine) {
  connection_opened event{connection};
  event.machine = machine;
  return event;
}

connection_failed is_down(connection_id connection, const std::string& machine,
                          ssh_failure kind = ssh_failure::refused) {
  connection_failed event{connection, error_of(kind, machine + " is down")};
  event.machines = {{machine, machine_finding::failed, machine + " is down"}};
  return event;
}

/// c1 is open and idle on a.
story with_one_on_a(cluster_settings settings) {
  story s{std::move(settings)};
  REQUIRE(s.acquire(r1, h1) == "open c1 first a");
  REQUIRE(s.step(open_on(c1, "a")) == "grant r1 l1 c1 h1 on a");
  REQUIRE(s.release(l1, h1) == "end l1 c1");
  return s;
}

} // namespace

TEST_CASE("a lease says on which machine it is, and who asks for that has it again") {
  auto s = with_one_on_a(of_two(2));
  CHECK(ask_for(s, r2, h1, "a") == "grant r2 l2 c1 h1 on a");
}

TEST_CASE("who asks for another machine has a connection opened there, and waits for that") {
  auto s = with_one_on_a(of_two(2));
  CHECK(ask_for(s, r2, h1, "b") == "open c2 on b");
  CHECK(s.step(open_on(c2, "b")) == "grant r2 l2 c2 h1 on b");
}

TEST_CASE("a machine that is none of the hosts is refused at once, with those that there are") {
  auto s = with_one_on_a(of_two(2));
  CHECK(ask_for(s, r2, h1, "c") == "refuse r2 unknown_machine");
  CHECK(s.refusal == "'lumi' has no machine 'c'; it has a, b");
}

TEST_CASE("by itself a pool stays on the machine that it uses, and with spread it uses all") {
  for (bool spread : {false, true}) {
    story s{of_two(4, spread)};
    CHECK(s.acquire(r1, h1) == "open c1 first a");
    CHECK(s.acquire(r2, h1) == (spread ? "open c2 first b" : "open c2 first a"));
    s.step(open_on(c1, "a"));
    s.step(open_on(c2, spread ? "b" : "a"));
    CHECK(s.acquire(r3, h1) == "open c3 first a");
    CHECK(s.acquire(r4, h1) == (spread ? "open c4 first b" : "open c4 first a"));
  }
}

TEST_CASE("who asks for a busy machine holds up nobody who takes another, and has the first slot there") {
  auto s = with_one_on_a(of_two(2));
  ask_for(s, r2, h1, "b");
  s.step(open_on(c2, "b"));                                   // l2
  CHECK(ask_for(s, r3, h2, "b", 1h) == "close c1 made_room"); // its turn: an idle one of a
  s.step(connection_closed{c1});
  CHECK(s.acquire(r4, h3, 1h) == "");
  CHECK(s.step(open_on(c3, "b")) == "grant r3 l3 c3 h2 on b");
  CHECK(ask_for(s, r5, h2, "b", 1h) == "");
  CHECK(s.release(l2, h1) == "end l2 c2, grant r4 l4 c2 h3 on b"); // h3 came before
  CHECK(s.release(l3, h2) == "end l3 c3, grant r5 l5 c3 h2 on b");
}

TEST_CASE("of a full pool the connection with the fewest leases makes room when it is the turn of who asks") {
  auto settings = of_two(1);
  settings.channels_per_connection = 2;
  auto s = with_one_on_a(settings);
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  CHECK(ask_for(s, r3, h2, "b", 1h) == "");
  // It takes no new lease while h2 waits, though there is a slot.
  CHECK(s.acquire(r4, h3, 1h) == "");
  CHECK(s.release(l2, h1) == "end l2 c1, close c1 made_room");
  CHECK(s.step(connection_closed{c1}) == "open c2 on b");
  CHECK(s.step(open_on(c2, "b")) == "grant r3 l3 c2 h2 on b, grant r4 l4 c2 h3 on b");
}

TEST_CASE("what was held back for somebody is granted again once nobody waits so") {
  auto settings = of_two(1);
  settings.channels_per_connection = 2;
  auto s = with_one_on_a(settings);
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  s.step(lease_confirmed{l2});
  CHECK(ask_for(s, r3, h2, "b", 10s) == "");
  CHECK(s.acquire(r4, h3, 1h) == "");
  CHECK(s.wait(10s) == "refuse r3 acquire_timeout, grant r4 l3 c1 h3 on a");
  CHECK(s.refusal.starts_with("no lease for 'lumi' on b after 10 s"));
}

TEST_CASE("what is held back for another machine carries nobody either") {
  auto settings = of_two(1);
  settings.channels_per_connection = 2;
  auto s = with_one_on_a(settings);
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  CHECK(ask_for(s, r3, h2, "b", 1h) == "");
  acquire_requested to_carry{r4, h3, s.now + 1h, {}};
  to_carry.carries = true;
  CHECK(s.step(to_carry) == ""); // or it would stay for as long as that lasts
  CHECK(s.release(l2, h1) == "end l2 c1, close c1 made_room");
  CHECK(s.step(connection_closed{c1}) == "open c2 on b");
  CHECK(s.step(open_on(c2, "b")) == "carry r4 c2, grant r3 l3 c2 h2 on b");
}

TEST_CASE("those who come first are served before room is made") {
  auto s = with_one_on_a(of_two(1));
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  CHECK(s.acquire(r3, h3, 1h) == "");
  CHECK(ask_for(s, r4, h2, "b", 1h) == "");
  CHECK(s.release(l2, h1) == "end l2 c1, grant r3 l3 c1 h3 on a");
  CHECK(s.acquire(r5, h1, 1h) == "");
  CHECK(s.release(l3, h3) == "end l3 c1, close c1 made_room");
}

TEST_CASE("a machine that is down is told to who asks for it, and no reason for others to wait") {
  auto s = with_one_on_a(of_two(3));
  CHECK(ask_for(s, r2, h2, "b") == "open c2 on b");
  CHECK(s.step(is_down(c2, "b")) == "");
  s.now += 1200ms;
  CHECK(s.step(time_passed{}) == "open c2 try 2 on b");
  CHECK(s.step(is_down(c2, "b")) == "");
  s.now += 2400ms;
  CHECK(s.step(time_passed{}) == "open c2 try 3 on b");
  CHECK(s.step(is_down(c2, "b")) == "close c2 not_opened, refuse r2 connect_failed");
  CHECK(s.refusal.find("b is down") != std::string::npos);
  s.step(connection_closed{c2});
  CHECK(s.status().backing_off.code == errc::none);
  CHECK(s.acquire(r3, h1) == "grant r3 l2 c1 h1 on a");
  CHECK(s.acquire(r4, h1) == "open c3 first a");
}

TEST_CASE("who rides out an outage of one machine has it tried again within 12.5 s, and is served when it is "
          "back") {
  auto s = with_one_on_a(of_two(3));
  CHECK(ask_for(s, r2, h2, "b", 10min, true) == "open c2 on b");
  for (int tries = 2; tries <= 3; ++tries) {
    CHECK(s.step(is_down(c2, "b")) == "");
    CHECK(s.next() == "open c2 try " + std::to_string(tries) + " on b");
  }
  CHECK(s.step(is_down(c2, "b")) == "close c2 not_opened");
  s.step(connection_closed{c2});
  CHECK(s.next() == "open c3 on b");
  CHECK(s.took <= 12'500ms);
  CHECK(s.step(open_on(c3, "b")) == "grant r2 l2 c3 h2 on b");
}

TEST_CASE("a machine whose host key is not trusted latches no pool that has another") {
  auto s = with_one_on_a(of_two(3));
  CHECK(ask_for(s, r2, h2, "b") == "open c2 on b");
  connection_failed changed{c2, error_of(ssh_failure::host_key_changed, "b shows another key")};
  changed.machines = {{"b", machine_finding::refused, "b shows another key"}};
  changed.files.host_keys = "as they were";
  CHECK(s.step(changed) == "close c2 not_opened, refuse r2 host_key_changed");
  s.step(connection_closed{c2});
  CHECK(s.status().latched.code == errc::none);
  CHECK(ask_for(s, r3, h2, "b") == ""); // waits for a look
  CHECK(s.step(credentials_seen{"as they were", true}) == "refuse r3 host_key_changed");
  CHECK(s.acquire(r4, h1) == "grant r4 l2 c1 h1 on a");
  s.step(ordered<reset_pool>{r5, {}});
  CHECK(ask_for(s, r6, h2, "b") == "open c3 on b");
}

TEST_CASE("a latched pool keeps nobody waiting for a machine that it has no connection on") {
  auto s = with_one_on_a(of_two(3));
  CHECK(ask_for(s, r2, h2, "b", 1h, true) == "open c2 on b");
  connection_failed denied{c2, error_of(ssh_failure::denied)};
  CHECK(s.step(denied) == "close c2 not_opened, refuse r2 auth_denied");
  CHECK(s.acquire(r3, h1) == "grant r3 l2 c1 h1 on a");
}

TEST_CASE("while a pool is on trial it is the turn of those who take any machine") {
  story s{of_two(3)};
  CHECK(s.acquire(r1, h1, 1h) == "open c1 first a");
  CHECK(s.step(is_down(c1, "a", ssh_failure::protocol)) == "close c1 not_opened, refuse r1 connect_failed");
  s.step(connection_closed{c1});
  CHECK(ask_for(s, r2, h2, "a", 1h, true) == "");
  CHECK(s.step(acquire_requested{r3, h1, s.now + 1h, {}, true}) == "");
  CHECK(s.next().starts_with("open c2 first b"));
  CHECK(s.step(open_on(c2, "b")) == "grant r3 l1 c2 h1 on b");
}

TEST_CASE("machines are told by the status, with their health, host key and last use") {
  auto s = with_one_on_a(of_two(3));
  auto event = open_on(c2, "b");
  event.host_key = "ssh-ed25519 SHA256:b";
  ask_for(s, r2, h2, "b");
  s.step(event);
  auto machines = s.status().machines;
  REQUIRE(machines.size() == 2);
  CHECK(machines[0].machine == "a");
  CHECK(machines[1].connections == 1);
  CHECK(machines[1].host_key == "ssh-ed25519 SHA256:b");
  CHECK(machines[1].last_use == 0s);
  CHECK(s.core.connections(s.now).back().machine == "b");
}

TEST_CASE("a machine that is none is refused, and closes nobody's connection nor holds others up") {
  story s{lumi(1)};
  s.acquire(r1, h1);
  auto opened = open_on(c1, "192.0.2.1");
  opened.machines = {{"192.0.2.1", machine_finding::listed, {}}};
  REQUIRE(s.step(opened) == "grant r1 l1 c1 h1 on 192.0.2.1");
  REQUIRE(s.release(l1, h1) == "end l1 c1");
  CHECK(ask_for(s, r2, h2, "login2") == "refuse r2 unknown_machine"); // a name server tells of addresses
  CHECK(ask_for(s, r3, h2, "192.0.2.9") == "");
  CHECK(s.acquire(r4, h3) == "grant r4 l2 c1 h3 on 192.0.2.1");
  CHECK(s.wait(30s).find("refuse r3 acquire_timeout") != std::string::npos);
}

TEST_CASE("one that is not known, and cannot be reached, backs off no pool") {
  auto settings = lumi(2);
  settings.connects_at_once = 0;
  story s{settings};
  s.acquire(r1, h1);
  auto opened = open_on(c1, "192.0.2.1");
  opened.machines = {{"192.0.2.1", machine_finding::listed, {}}};
  s.step(opened);
  CHECK(ask_for(s, r2, h2, "192.0.2.9") == "open c2 on 192.0.2.9");
  CHECK(s.step(connection_failed{c2, error_of(ssh_failure::protocol)}) ==
        "close c2 not_opened, refuse r2 connect_failed");
  s.step(connection_closed{c2});
  CHECK(s.acquire(r3, h3) == "open c3 first 192.0.2.1"); // at once
}

TEST_CASE("who waits for a machine keeps their tries, whoever else gives up") {
  auto s = with_one_on_a(of_two(4));
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  CHECK(s.acquire(r3, h3, 1h) == "open c2 first a");
  CHECK(ask_for(s, r4, h2, "b", 1h, true) == "open c3 on b");
  CHECK(s.step(is_down(c3, "b")) == "");
  CHECK(s.step(acquire_cancelled{r3}) == "refuse r3 cancelled"); // c2 is on its way for nobody
  CHECK(s.next() == "open c3 try 2 on b");
  CHECK(s.step(is_down(c2, "a")) == "");
  CHECK(s.next() == "close c2 not_opened"); // though c3 is the newer one
  CHECK(s.step(open_on(c3, "b")) == "grant r4 l3 c3 h2 on b");
}

TEST_CASE("what is opened for nobody any more holds up nobody who asks for another machine") {
  auto s = with_one_on_a(of_two(4));
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  CHECK(ask_for(s, r3, h3, "a", 1h) == "open c2 on a");
  CHECK(s.step(acquire_cancelled{r3}) == "refuse r3 cancelled");
  CHECK(ask_for(s, r4, h2, "b", 1h) == "open c3 on b");
  CHECK(s.acquire(r5, h3, 1h) == ""); // c2 is as good as any
  CHECK(s.step(open_on(c2, "a")) == "grant r5 l3 c2 h3 on a");
}

TEST_CASE("that one of a name's 64 machines failed is known however many others it has") {
  story s{lumi(2)};
  s.acquire(r1, h1);
  connection_failed event{c1, error_of(ssh_failure::refused)};
  for (std::size_t i = 1; i <= machines_max; ++i)
    event.machines.push_back({"192.0.2." + std::to_string(i), machine_finding::listed, {}});
  event.machines.push_back({"192.0.2.1", machine_finding::failed, "it is down"});
  s.step(event);
  auto machines = s.status().machines;
  REQUIRE(machines.size() == machines_max);
  CHECK(machines[0].failures == 1);
  CHECK(machines[0].trouble == "it is down");
  CHECK(s.next() == "open c1 try 2 first 192.0.2.2");
}

TEST_CASE("no more than 64 machines that are not known are waited for, and those that are known besides") {
  auto settings = lumi(1);
  settings.connects_at_once = 0;
  story s{settings};
  s.acquire(r1, h1);
  auto opened = open_on(c1, "192.0.2.1");
  opened.machines = {{"192.0.2.1", machine_finding::listed, {}}, {"192.0.2.2", machine_finding::listed, {}}};
  REQUIRE(s.step(opened) == "grant r1 l1 c1 h1 on 192.0.2.1");
  for (std::size_t i = 1; i <= machines_max; ++i)
    REQUIRE(ask_for(s, request_id{1'000 + i}, h2, "198.51.100." + std::to_string(i), 1h) == "");
  CHECK(ask_for(s, r2, h2, "203.0.113.1", 1h) == "refuse r2 queue_full");
  CHECK(s.refusal.find("64 other machines are waited for already") != std::string::npos);
  CHECK(ask_for(s, r3, h2, "198.51.100.7", 1h) == "");
  CHECK(ask_for(s, r4, h2, "192.0.2.2", 1h) == "");
  CHECK(s.acquire(r5, h2, 1h) == "");
}

TEST_CASE("a refusal of many who ask for one machine is carried out, whoever else is refused meanwhile") {
  auto settings = of_two(2);
  settings.hosts.push_back("c");
  settings.queue_depth = 10'000;
  story s{settings};
  for (std::uint64_t i = 1; i <= 600; ++i) {
    ask_for(s, request_id{2 * i}, h1, "b", 1h);
    ask_for(s, request_id{2 * i + 1}, h2, "c", 1h);
  }
  s.step(is_down(c1, "b", ssh_failure::protocol));
  s.step(is_down(c2, "c", ssh_failure::protocol));
  CHECK(s.status().waiters > 0); // in portions
  s.wait(1s);
  CHECK(s.status().waiters == 0);
}

namespace {

/// c1 is idle on a; the log-in that met b's host key has seen the files as they were.
story with_b_distrusted() {
  auto s = with_one_on_a(of_two(3));
  s.looks = true;
  CHECK(ask_for(s, r2, h2, "b") == "open c2 on b");
  connection_failed changed{c2, error_of(ssh_failure::host_key_changed, "b shows another key")};
  changed.machines = {{"b", machine_finding::refused, "b shows another key"}};
  changed.files.host_keys = "as they were";
  CHECK(s.step(changed) == "close c2 not_opened, refuse r2 host_key_changed");
  s.step(connection_closed{c2});
  return s;
}

} // namespace

TEST_CASE(
    "a machine whose host key was not trusted is looked after when somebody asks, as a latched pool is") {
  auto s = with_b_distrusted();
  CHECK(s.wait(10s) == ""); // for nobody not at all
  CHECK(ask_for(s, r3, h2, "b") == "look host keys of machines");
  CHECK(ask_for(s, r4, h1, "b") == ""); // waits for the same look
  CHECK(ask_for(s, r5, h1, "b", 0s) == "refuse r5 host_key_changed");
  CHECK(s.step(credentials_seen{"as they were", true}) ==
        "refuse r3 host_key_changed, refuse r4 host_key_changed");
  CHECK(ask_for(s, r6, h2, "b") == "refuse r6 host_key_changed"); // within the second
  s.now += 1s;
  CHECK(ask_for(s, r7, h2, "b") == "look host keys of machines");
  CHECK(s.step(credentials_seen{"otherwise"}) == ""); // another look's
  CHECK(s.step(credentials_seen{"otherwise", true}) == "open c3 on b");
  CHECK(s.step(open_on(c3, "b")) == "grant r7 l2 c3 h2 on b");
}

TEST_CASE("a look for a machine that hangs in the file system costs who asks two seconds") {
  auto s = with_b_distrusted();
  CHECK(ask_for(s, r3, h2, "b") == "look host keys of machines");
  CHECK(s.next() == "refuse r3 host_key_changed");
  CHECK(s.took == 2s);
}

TEST_CASE("a latch that ends since a file of host keys changed leaves no machine distrusted") {
  auto settings = of_two(2);
  settings.hosts = {"a"};
  story s{settings};
  s.looks = true;
  s.acquire(r1, h1);
  connection_failed changed{c1, error_of(ssh_failure::host_key_changed, "a shows another key")};
  changed.machines = {{"a", machine_finding::refused, "a shows another key"}};
  changed.files.host_keys = "as they were";
  CHECK(s.step(changed) == "close c1 not_opened, refuse r1 host_key_changed");
  s.step(connection_closed{c1});
  CHECK(ask_for(s, r2, h2, "a") == "look host keys");
  CHECK(s.step(credentials_seen{"otherwise"}) == "open c2 on a");
}

TEST_CASE(
    "who waits for a machine is told at once when another's opening finds that it is not to be trusted") {
  auto settings = of_two(2);
  settings.spread = true;
  auto s = with_one_on_a(settings);
  REQUIRE(s.acquire(r2, h1) == "grant r2 l2 c1 h1 on a");
  CHECK(s.acquire(r3, h3, 1h) == "open c2 first b");
  CHECK(ask_for(s, r4, h2, "b", 1h, true) == ""); // the pool is full
  auto opened = open_on(c2, "a");
  opened.machines = {{"b", machine_finding::refused, "b shows another key"}};
  opened.files.host_keys = "as they were";
  CHECK(s.step(opened) == "grant r3 l3 c2 h3 on a, refuse r4 host_key_changed");
  CHECK(s.refusal.find("b shows another key") != std::string::npos);
}
