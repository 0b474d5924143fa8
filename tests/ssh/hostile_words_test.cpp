// Wherever a server may put words, it puts hostile ones: nothing of them reaches a reader raw.
#include <catch2/catch.hpp>

#include "tests/ssh/hostile_driver.hpp"
#include "tests/support/hostile.hpp"
#include "tests/support/raw_peer.hpp"
#include "tests/support/scripted_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using support::hostile_text;
using support::misleading;
using support::misleading_in_line;
using support::scripted_peer;
using support::scripted_sshd;

namespace {

// Numbers of messages (RFC 4250, section 4.1.2).
const std::string disconnect_message(1, 1), open_failure(1, 92);

std::string disconnect() {
  return disconnect_message + support::number(11) + support::text(hostile_text) + support::text("");
}

/// Serves commands, each of which is ended by a signal of this name.
void serve_signals(scripted_peer& peer, const std::string& name) {
  peer.welcome();
  peer.serve_ends(support::text("exit-signal") + support::flag(false) + support::text(name) +
                  support::flag(false) + support::text(hostile_text) + support::text(""));
}

std::string text_of_failure(const scripted_sshd& server) {
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  CHECK(!link.open());
  REQUIRE(link.failed);
  return link.failed->text;
}

} // namespace

TEST_CASE("a signal's name that is no plain word is called unknown", "[transport]") {
  struct told {
    std::string name;
    std::string shown;
  };
  for (const auto& each :
       {told{"TERM", "TERM"}, told{"sig@example.org", "sig@example.org"}, told{hostile_text, "unknown"},
        told{std::string(30'000, 'K'), "unknown"}, told{"", "unknown"}}) {
    scripted_sshd server{[&](scripted_peer& peer) { serve_signals(peer, each.name); }};
    world around;
    driven link{around, hostile_settings(around, server.host(), server.port())};
    REQUIRE(link.open());
    auto ended = link.run("anything").ended;
    CHECK(ended.kind == outcome_kind::signalled);
    CHECK(ended.signal == each.shown);
    CHECK(misleading_in_line(to_string(ended)) == "");
  }
}

TEST_CASE("the words of a channel's refusal stay within their line", "[transport]") {
  scripted_sshd server{[](scripted_peer& peer) {
    peer.welcome();
    for (;;)
      peer.send(open_failure + support::number(peer.await_open()) + support::number(1) +
                support::text(hostile_text) + support::text(""));
  }};
  world around;
  driven link{around, hostile_settings(around, server.host(), server.port())};
  REQUIRE(link.open());
  auto cause = link.run("anything").ended.cause.text;
  INFO(cause);
  CHECK(cause.find("evil\\x1b[2J") != std::string::npos);
  CHECK(misleading_in_line(cause) == "");
}

TEST_CASE("the words with which a server hangs up are harmless at every stage", "[transport]") {
  SECTION("in the key exchange") {
    scripted_sshd server{[](scripted_peer& peer) {
      peer.greet();
      peer.send(disconnect());
      peer.flush();
      peer.receive();
    }};
    CHECK(misleading_in_line(text_of_failure(server)) == "");
  }
  SECTION("in the log-in") {
    scripted_sshd server{[](scripted_peer& peer) {
      peer.greet();
      peer.exchange_keys();
      peer.receive();
      peer.send(disconnect());
      peer.flush();
      peer.receive();
    }};
    auto text = text_of_failure(server);
    INFO(text);
    CHECK(text.find("evil") != std::string::npos);
    CHECK(misleading_in_line(text) == "");
  }
  SECTION("in mid-command") {
    scripted_sshd server{[](scripted_peer& peer) {
      peer.welcome();
      while (!peer.serve_one(peer.receive(), 1 << 20, 32'768)) {
      }
      peer.send(disconnect());
      peer.flush();
      peer.receive();
    }};
    world around;
    driven link{around, hostile_settings(around, server.host(), server.port())};
    REQUIRE(link.open());
    auto ended = link.run("anything").ended;
    INFO(ended.cause.text);
    CHECK(ended.kind == outcome_kind::maybe_ran);
    CHECK(ended.cause.text.find("evil") != std::string::npos);
    CHECK(misleading_in_line(to_string(ended)) == "");
  }
}

TEST_CASE("what is said instead of SSH, or before it, is harmless", "[transport]") {
  for (const std::string ending : {"", "\r\n", "\r\nSSH-2.0-\x1b[2J\xff half"}) {
    support::raw_peer peer{hostile_text + ending};
    world around;
    auto settings = hostile_settings(around, peer.host(), peer.port());
    settings.connect_timeout = 500ms;
    driven link{around, settings};
    CHECK(!link.open());
    REQUIRE(link.failed);
    INFO(link.failed->text);
    CHECK(misleading_in_line(link.failed->text) == "");
  }
}

TEST_CASE("a hostile question is harmless when it is told", "[transport]") {
  support::fake_faults faults;
  faults.publickey = false;
  faults.keyboard_interactive = true;
  faults.auth_chain = {"keyboard-interactive"};
  faults.prompts = {hostile_text, "and again: "};
  support::fake_sshd server{faults};
  world around;
  around.secrets->put("pw", secret{"open sesame"});
  auto settings = around.settings_for(server);
  settings.password_secret = "pw";
  driven link{around, settings};
  CHECK(!link.open());
  REQUIRE(link.failed);
  INFO(link.failed->text);
  CHECK(link.failed->text.find("evil\\x1b[2J") != std::string::npos);
  CHECK(misleading(link.failed->text) == "");
}
