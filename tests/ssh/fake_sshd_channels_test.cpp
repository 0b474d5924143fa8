// The second half of the fake sshd's promises: channels, commands, many connections.
#include "tests/ssh/fake_client.hpp"

#include <catch2/catch.hpp>
#include <memory>

using namespace moorage::support;
using namespace std::chrono_literals;

TEST_CASE("the fake sshd refuses, delays or ignores the opening of a channel, and the rest works on",
          "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  sshd.set([](auto& f) { f.channel_open = reply::refuse; });
  CHECK(client.open_channel() != "");
  sshd.set([](auto& f) { f.channel_open = reply::never; });
  CHECK(client.open_channel() != "");
  sshd.set([](auto& f) { f = {}, f.channel_open_delay = 50ms; });
  auto start = std::chrono::steady_clock::now();
  CHECK(client.open_channel() == "");
  CHECK(std::chrono::steady_clock::now() - start >= 50ms);
  auto c = sshd.counters();
  CHECK(c.channel_requests == 3);
  CHECK(c.channels_refused == 1);
  CHECK(c.channels_open == 1);
}

TEST_CASE("the fake sshd opens as many sessions as MaxSessions allows", "[fake]") {
  fake_faults faults;
  faults.sessions_max = 2;
  fake_sshd sshd{faults};
  plain_client client;
  REQUIRE(reach(client, sshd) == "");
  CHECK(client.open_channel() == "");
  CHECK(client.open_channel() == "");
  CHECK(client.open_channel() != "");
  CHECK(sshd.counters().channels_open_max == 2);
}

TEST_CASE("the fake sshd refuses, delays or ignores a command and its environment", "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  sshd.set([](auto& f) { f.exec = reply::refuse; });
  CHECK(client.run("true").error.find("exec") == 0);
  sshd.set([](auto& f) { f = {}, f.env_accepted = false; });
  CHECK(client.run("true", "", {{"A", "b"}}).error.find("env") == 0);
  CHECK(client.run("env A").out == "\n");
  sshd.set([](auto& f) { f = {}, f.exec_delay = 50ms; });
  auto start = std::chrono::steady_clock::now();
  CHECK(client.run("true").status == 0);
  CHECK(std::chrono::steady_clock::now() - start >= 50ms);
  sshd.set([](auto& f) { f = {}, f.exec = reply::never; });
  CHECK(client.run("true").error.find("exec") == 0);
  CHECK(sshd.counters().env_requests == 1);
}

TEST_CASE("the fake sshd ends a command in every order that is seen in the wild", "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  sshd.set([](auto& f) { f.end = ending::data_after_status; });
  auto late = client.run("echo first; exit 5");
  CHECK(late.out == "first\nafter status\n");
  CHECK(late.status == 5);
  sshd.set([](auto& f) { f.end = ending::no_status; });
  auto mute = client.run("echo out");
  CHECK(mute.closed);
  CHECK(mute.status == -1);
  sshd.set([](auto& f) { f.end = ending::by_signal; });
  CHECK(client.run("true").signal == "TERM");
  sshd.set([](auto& f) { f = {}, f.close_delay = 50ms; });
  auto start = std::chrono::steady_clock::now();
  CHECK(client.run("true").closed);
  CHECK(std::chrono::steady_clock::now() - start >= 50ms);
  sshd.set([](auto& f) { f = {}, f.end = ending::no_close; });
  auto open = client.run("echo bg");
  CHECK(open.out == "bg\n");
  CHECK(open.status == 0);
  CHECK_FALSE(open.closed);
}

TEST_CASE("noise on both streams arrives before the command's own output, and nothing deadlocks", "[fake]") {
  fake_faults faults;
  faults.noise_on_stderr = faults.noise_on_stdout = 2'000'000;
  fake_sshd sshd{faults};
  plain_client client;
  REQUIRE(reach(client, sshd) == "");
  auto result = client.run("echo mine");
  CHECK(result.err.size() == 2'000'000);
  CHECK(result.out.size() == 2'000'005);
  CHECK(result.out.substr(2'000'000) == "mine\n");
}

TEST_CASE("a command that never reads lets a client send one window and no more", "[fake]") {
  fake_faults faults;
  faults.consumes_input = false;
  fake_sshd sshd{faults};
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  auto sent = client.push("hang", 8 << 20);
  CHECK(sent > 0);
  CHECK(sent < 2 << 20);
  CHECK(sshd.counters().stdin_bytes == 0);
  CHECK(client.run("true").status == 0); // the others are not held up
}

TEST_CASE("a frozen fake sshd answers nobody until it is thawed", "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  sshd.freeze();
  CHECK(client.run("true").error != "");
  plain_client second{short_patience};
  CHECK(second.connect(sshd.host(), sshd.port()) != ""); // TCP connects, SSH does not
  CHECK(sshd.counters().connects == 1);
  sshd.thaw();
  plain_client third;
  CHECK(reach(third, sshd) == "");
  CHECK(third.run("true").status == 0);
}

TEST_CASE("a half-open connection shows neither data nor end, and new ones work", "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  sshd.go_half_open();
  CHECK_FALSE(client.wait_for_end());
  CHECK(client.run("true").error != "");
  CHECK(client.connected());
  plain_client fresh;
  CHECK(reach(fresh, sshd) == "");
  CHECK(fresh.run("true").status == 0);
  client.drop();
  CHECK(sshd.wait_until([](const auto& c) { return c.open == 1; })); // it sees the client go
}

TEST_CASE("every present connection can be reset, closed or sent a DISCONNECT", "[fake]") {
  fake_sshd sshd;
  for (auto act : {&fake_sshd::reset_all, &fake_sshd::close_all, &fake_sshd::disconnect_all}) {
    plain_client client;
    REQUIRE(reach(client, sshd) == "");
    (sshd.*act)();
    CHECK(client.wait_for_end());
  }
  CHECK(sshd.counters().broken == 3);
  CHECK(sshd.counters().open == 0);
}

TEST_CASE("a keep-alive is answered, or counted and left unanswered", "[fake]") {
  fake_sshd sshd;
  plain_client client{short_patience};
  REQUIRE(reach(client, sshd) == "");
  CHECK(client.keepalive_answered());
  sshd.set([](auto& f) { f.keepalives_answered = false; });
  auto before = sshd.counters().keepalives;
  CHECK(before > 0);
  CHECK_FALSE(client.keepalive_answered());
  CHECK(sshd.wait_until([&](const auto& c) { return c.keepalives > before; }));
}

TEST_CASE("the wire can cut every write into single bytes, and take its time", "[fake]") {
  fake_sshd sshd;
  plain_client client;
  sshd.set([](auto& f) { f.one_byte_writes = true; });
  REQUIRE(reach(client, sshd) == "");
  CHECK(client.run("flood 20000").out.size() == 20'000);
  sshd.set([](auto& f) { f = {}, f.latency = 20ms; });
  plain_client far;
  REQUIRE(reach(far, sshd) == "");
  auto start = std::chrono::steady_clock::now();
  CHECK(far.run("true").status == 0);
  CHECK(std::chrono::steady_clock::now() - start >= 80ms); // two round trips
  CHECK(far.run("flood 3000000").out.size() == 3'000'000);
  far.disconnect();
  client.drop();
  CHECK(sshd.wait_until([](const auto& c) { return c.open == 0 && c.goodbyes == 1 && c.hang_ups == 1; }));
}

TEST_CASE("the next N connections take faults of their own and keep them", "[fake]") {
  fake_sshd sshd;
  fake_faults reset;
  reset.break_at = phase::authentication;
  sshd.next(2, reset);
  plain_client client;
  CHECK(reach(client, sshd) != "");
  CHECK(reach(client, sshd) != "");
  CHECK(reach(client, sshd) == "");
  CHECK(sshd.connect_times().size() == 3);
}

TEST_CASE("a changed host key is what the next connection sees", "[fake]") {
  fake_sshd sshd;
  auto before = sshd.host_key();
  sshd.change_host_key();
  CHECK(sshd.host_key() != before);
  plain_client client;
  REQUIRE(client.connect(sshd.host(), sshd.port()) == "");
  CHECK(client.host_key() == sshd.host_key());
  CHECK(sshd.host_key_fingerprint().find("SHA256:") == 0);
}

TEST_CASE("connections that have not logged in are dropped beyond MaxStartups", "[fake]") {
  fake_faults faults;
  faults.startups_max = 2;
  fake_sshd sshd{faults};
  plain_client first, second, third;
  CHECK(first.connect(sshd.host(), sshd.port()) == "");
  CHECK(second.connect(sshd.host(), sshd.port()) == "");
  CHECK(third.connect(sshd.host(), sshd.port()) != "");
  CHECK(first.login_with_new_key() == "");
  CHECK(third.connect(sshd.host(), sshd.port()) == "");
}

TEST_CASE("a client that closes one connection before it opens the next never counts as two", "[fake]") {
  fake_sshd sshd;
  for (int i = 0; i < 200; ++i) {
    plain_client client;
    REQUIRE(reach(client, sshd) == "");
    i % 2 ? client.disconnect() : client.drop();
  }
  CHECK(sshd.counters().connects == 200);
  CHECK(sshd.counters().open_max == 1);
}

TEST_CASE("the fake sshd's books add up over a hundred connections", "[fake]") {
  fake_sshd sshd;
  std::vector<std::unique_ptr<plain_client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<plain_client>());
    REQUIRE(reach(*clients.back(), sshd) == "");
    REQUIRE(clients.back()->run("true").status == 0);
  }
  auto c = sshd.counters();
  CHECK(c.open == 100);
  CHECK(c.open_max == 100);
  CHECK(c.handshakes == 100);
  CHECK(c.execs == 100);
  CHECK(sshd.wait_until([](const auto& now) { return now.channels_open == 0; }));
  for (std::size_t i = 0; i < clients.size(); ++i)
    i % 2 ? clients[i]->disconnect() : clients[i]->drop();
  CHECK(sshd.wait_until(
      [](const auto& now) { return now.open == 0 && now.goodbyes == 50 && now.hang_ups == 50; }));
}
