// The link filter alone: what passes, and what ends a link, whatever the pieces it comes in.
#include "messages/type_ids.hpp"
#include "runtime/node/link_filter.hpp"
#include "tests/node/filtered.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace node_tests;
using Catch::Contains;
using moorage::link_filter;

namespace {

verdict from_client(const std::string& bytes) {
  return filtered(link_filter::peer::client, bytes);
}

/// Why `frame` ends the link of a client that has greeted. Empty: it passed whole.
std::string refusal_of(const std::string& frame) {
  auto greeting = client_greeting(peer);
  auto result = from_client(greeting + frame);
  CHECK(result.passed == (result.refusal.empty() ? greeting + frame : greeting));
  return result.refusal;
}

std::string atom(caf::atom_value value) {
  return number(static_cast<std::uint64_t>(value), 8);
}

std::string heartbeat_frame() {
  return header(frame_kind::heartbeat, 0);
}

/// Everything that two ends of a link say to each other.
std::string ordinary_talk() {
  return client_greeting(peer) + client_greeting(peer) + heartbeat_frame() +
         frame(frame_kind::monitor_message, node(peer) + node(us), 0, 0, 7) + direct(message("@<>", "")) +
         direct(message("@<>+@atom+@str", atom(caf::atom("say")) + text("hello"))) +
         direct(message("@<>+moorage::acquire", std::string(100'000, 'x'))) +
         direct(message("@<>+@error", error_value(message("@<>+@str", text("why"))))) +
         direct(message("@<>+bool+double", std::string(9, '\1'))) +
         frame(frame_kind::down_message, node(peer) + node(us) + error_value(message("@<>", "")), 0, 9);
}

} // namespace

TEST_CASE("what the two ends of a link say passes as it came, whatever the pieces") {
  auto piece = GENERATE(1, 2, 31, 32, 33, 64, 4096, 1 << 20);
  auto talk = ordinary_talk();
  auto result = filtered(link_filter::peer::client, talk, static_cast<std::size_t>(piece));
  CHECK(result.refusal.empty());
  CHECK(result.passed == talk);
  auto other = server_greeting(peer) + heartbeat_frame() + direct(message("@<>+@str", text("hello")));
  CHECK(filtered(link_filter::peer::server, other, static_cast<std::size_t>(piece)).passed == other);
}

TEST_CASE("a verdict does not depend on the pieces, and nothing passes after it") {
  auto wrong = header(frame_kind::server_handshake, 0);
  for (auto piece : std::vector<std::size_t>{1, 7, 32, 100, 100'000}) {
    auto result = filtered(link_filter::peer::client, ordinary_talk() + wrong + ordinary_talk(), piece);
    CHECK(result.passed == ordinary_talk());
    CHECK(result.refusal == "greeted as if it were the other end");
  }
}

TEST_CASE("a header alone passes only as a heartbeat, and that only after the greeting") {
  for (int kind = 0; kind < 256; ++kind) {
    CAPTURE(kind);
    auto alone = header(static_cast<frame_kind>(kind), 0, 3, 0, 7);
    CHECK(!from_client(alone).refusal.empty());
    CHECK(!filtered(link_filter::peer::server, alone).refusal.empty());
    CHECK(refusal_of(alone).empty() == (kind == static_cast<int>(frame_kind::heartbeat)));
    CHECK(filtered(link_filter::peer::server, server_greeting(peer) + alone).refusal.empty() ==
          (kind == static_cast<int>(frame_kind::heartbeat)));
  }
}

TEST_CASE("until it has greeted a peer may announce a few KiB, and then as much as a message may have") {
  for (auto from : {link_filter::peer::client, link_filter::peer::server}) {
    auto kind =
        from == link_filter::peer::client ? frame_kind::client_handshake : frame_kind::server_handshake;
    CHECK(filtered(from, header(kind, link_filter::handshake_max, 3)).refusal.empty());
    CHECK_THAT(filtered(from, header(kind, link_filter::handshake_max + 1, 3)).refusal,
               Contains("announced 8193 bytes where at most 8192 are taken"));
    CHECK(!filtered(from, header(kind, 255u << 20, 3)).refusal.empty());
    CHECK(!filtered(from, header(frame_kind::direct_message, 100, 0, 9, 7)).refusal.empty());
  }
  auto greeting = client_greeting(peer);
  CHECK(from_client(greeting + header(frame_kind::direct_message, message_max, 0, 9, 7)).refusal.empty());
  CHECK(
      !from_client(greeting + header(frame_kind::direct_message, message_max + 1, 0, 9, 7)).refusal.empty());
  CHECK(!from_client(greeting + header(frame_kind::client_handshake, message_max)).refusal.empty());
}

TEST_CASE("a peer is one process, and not we") {
  CHECK_THAT(from_client(client_greeting(us)).refusal, Contains("our identity"));
  CHECK_THAT(refusal_of(client_greeting(peer + 1)), Contains("somebody else"));
  auto greeting = client_greeting(peer);
  CHECK(from_client(greeting + greeting).refusal.empty());
  CHECK_THAT(from_client(greeting + greeting + greeting).refusal, Contains("over and over"));
  CHECK(!refusal_of(server_greeting(peer)).empty());
  CHECK_THAT(from_client(frame(frame_kind::client_handshake, std::string(8, '\0'))).refusal,
             Contains("did not say who it is"));
  CHECK(!from_client(frame(frame_kind::client_handshake, node(peer) + "more")).refusal.empty());
  CHECK(!filtered(link_filter::peer::server, server_greeting(peer) + server_greeting(peer)).refusal.empty());
  CHECK(!filtered(link_filter::peer::server, client_greeting(peer)).refusal.empty());
  // A system may connect to itself: CAF ends that by itself.
  CHECK(filtered(link_filter::peer::server, server_greeting(us)).refusal.empty());
}

TEST_CASE("nobody speaks for another process, or to one") {
  auto ends = error_value(message("@<>", ""));
  for (auto [source, target] : {std::pair{peer + 1, us}, {us, us}, {peer, peer + 1}, {peer, peer}}) {
    CHECK_THAT(refusal_of(frame(frame_kind::monitor_message, node(source) + node(target), 0, 0, 7)),
               Contains("another process"));
    CHECK_THAT(refusal_of(frame(frame_kind::down_message, node(source) + node(target) + ends, 0, 9)),
               Contains("another process"));
  }
  CHECK_THAT(
      refusal_of(frame(frame_kind::routed_message, node(peer) + node(us) + message("@<>", ""), 0, 9, 7)),
      Contains("does not pass on"));
  CHECK(!refusal_of(frame(frame_kind::monitor_message, node(peer), 0, 0, 7)).empty());
  CHECK(!refusal_of(frame(frame_kind::monitor_message, node(peer) + node(us) + "more", 0, 0, 7)).empty());
}

TEST_CASE("a link's messages are for the actor that it was given, and for no other") {
  link_filter filter{link_filter::peer::client, node(us), message_max};
  filter.only_for(7);
  std::vector<char> out;
  auto hello = message("@<>+moorage::acquire", "");
  REQUIRE(filter.take(client_greeting(peer) + direct(hello), out));
  REQUIRE(filter.take(frame(frame_kind::monitor_message, node(peer) + node(us), 0, 0, 7), out));
  for (const auto& other : {frame(frame_kind::direct_message, sequence_size(0) + hello, 0, 9, 8),
                            frame(frame_kind::direct_message, sequence_size(0) + hello, 0, 9, 0),
                            frame(frame_kind::monitor_message, node(peer) + node(us), 0, 0, 8)}) {
    auto again = filter;
    auto before = out.size();
    CHECK_FALSE(again.take(other, out));
    CHECK_THAT(again.refusal(), Contains("was not given"));
    CHECK(out.size() == before);
  }
}

TEST_CASE("nothing that names an actor passes, nor the order to end or to link one") {
  auto handle = number(7, 8) + node(us);
  for (auto type :
       {"@actor", "@actorvec", "@addr", "@addrvec", "@strong_actor_ptr", "@weak_actor_ptr", "@exit", "@down"})
    for (auto from : {link_filter::peer::client, link_filter::peer::server}) {
      auto greeting = from == link_filter::peer::client ? client_greeting(peer) : server_greeting(peer);
      auto result = filtered(from, greeting + direct(message(std::string{"@<>+"} + type, handle)));
      CHECK_THAT(result.refusal, Contains(type));
      CHECK(result.passed == greeting);
    }
  for (auto order : {caf::atom("link"), caf::atom("unlink"), caf::atom("ours")})
    CHECK_THAT(refusal_of(direct(message("@<>+@atom+@strong_actor_ptr", atom(order) + handle))),
               Contains("@strong_actor_ptr"));
}

TEST_CASE("from a client comes what outsiders say, from a server what they hear, and never what is ours") {
  auto passes = [](link_filter::peer from, const std::string& type) {
    auto greeting = from == link_filter::peer::client ? client_greeting(peer) : server_greeting(peer);
    return filtered(from, greeting + direct(message("@<>+" + type, "x"))).refusal.empty();
  };
  auto check = [&](const std::string& type, bool said, bool heard) {
    INFO(type);
    CHECK(passes(link_filter::peer::client, "moorage::" + type) == said);
    CHECK(passes(link_filter::peer::server, "moorage::" + type) == heard);
  };
#define MOORAGE_CHECK(type) check(#type, true, false);
  MOORAGE_SAID_BY_OUTSIDERS(MOORAGE_CHECK)
#undef MOORAGE_CHECK
#define MOORAGE_CHECK(type) check(#type, false, true);
  MOORAGE_HEARD_BY_OUTSIDERS(MOORAGE_CHECK)
#undef MOORAGE_CHECK
#define MOORAGE_CHECK(type) check(#type, false, false);
  MOORAGE_INTERNAL_MESSAGES(MOORAGE_CHECK)
#undef MOORAGE_CHECK
  check("nonsense", false, false);
}

TEST_CASE(
    "what is sent to an actor of CAF's by its name is dropped, whatever it holds, and the link goes on") {
  auto named = direct(message("@<>+@atom+@strong_actor_ptr", std::string(20'000, 'x')));
  named[3] = 1; // the flag that says so
  auto greeting = client_greeting(peer);
  for (auto piece : {1, 33, 100'000}) {
    auto result = filtered(link_filter::peer::client, greeting + named + heartbeat_frame() + named,
                           static_cast<std::size_t>(piece));
    CHECK(result.refusal.empty());
    CHECK(result.passed == greeting + heartbeat_frame());
  }
}

TEST_CASE("no message holds a message, no error an error, and nothing that sets aside what it announces") {
  for (auto type : {"@message", "@charbuf", "@config_value", "@group", "@open_stream_msg", "@new_data_msg",
                    "@receive_buffer", "@nonsense", "moorage::local_call", "moorage::carry_for",
                    "moorage::carry_connection"}) {
    CAPTURE(type);
    CHECK_THAT(refusal_of(direct(message(std::string{"@<>+"} + type, "abc"))), Contains(type));
    CHECK_THAT(refusal_of(direct(message(std::string{"@<>+@str+"} + type, text("a") + "abc"))),
               Contains(type));
    CHECK_THAT(
        refusal_of(direct(message("@<>+@error", error_value(message(std::string{"@<>+"} + type, "abc"))))),
        Contains(type));
  }
  auto nested = nested_errors(20'000);
  CHECK_THAT(refusal_of(direct(nested)), Contains("@error"));
  CHECK_THAT(refusal_of(frame(frame_kind::down_message, node(peer) + node(us) + error_value(nested), 0, 9)),
             Contains("@error"));
  CHECK(!refusal_of(direct(message("@<>+@str+@error", text("a") + error_value(message("@<>", ""))))).empty());
}

TEST_CASE("what does not say of what types it is does not pass") {
  for (auto& payload :
       {std::string(1, '\0'), std::string{"\1abcdefgh"}, number(0, 1) + number(5, 2) + text("@<>"),
        number(0, 1) + message("nonsense", ""), number(0, 1) + message("@<>x", ""),
        number(0, 3) + "\xff\xff\xff\xff\xff\xff\xff\xff", number(0, 3) + "\xff\xff\xff\xff\x0f",
        number(0, 1) + message("@<>+" + std::string(10'000, 'x'), "")})
    CHECK(!refusal_of(frame(frame_kind::direct_message, payload, 0, 9, 7)).empty());
}

TEST_CASE("a filter is a value: a copy goes its own way") {
  link_filter one{link_filter::peer::client, node(us), message_max};
  std::vector<char> out;
  auto greeting = client_greeting(peer);
  REQUIRE(one.take(greeting.substr(0, 40), out));
  auto two = one;
  CHECK(two.take(greeting.substr(40), out));
  CHECK(two.greeted());
  CHECK(!one.greeted());
  CHECK(!one.take(std::string(100, 'x'), out));
  CHECK(two.take(heartbeat_frame(), out));
}
