// Which of an agent's many keys are offered, and what is said to the one whose right key was not.
#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/login/offers.hpp"
#include "runtime/ssh/wire.hpp"
#include "tests/ssh/visitor.hpp"
#include "tests/support/agents.hpp"

namespace moorage::support {

namespace {

using Catch::Matchers::Contains;

/// A certificate's beginning, which is all that is read of it here.
std::string certificate(const std::string& principal, std::uint64_t until) {
  std::string blob, names;
  auto number = [&blob](std::uint64_t value) {
    append_number(blob, static_cast<std::uint32_t>(value >> 32));
    append_number(blob, static_cast<std::uint32_t>(value));
  };
  append_string(blob, "ssh-ed25519-cert-v01@openssh.com");
  append_string(blob, "nonce");
  append_string(blob, "key of " + principal);
  number(7); // serial
  append_number(blob, 1);
  append_string(blob, "id");
  if (!principal.empty())
    append_string(names, principal);
  append_string(blob, names);
  number(0);
  number(until);
  return blob;
}

std::string order(const std::vector<agent_key>& keys) {
  std::string text;
  for (const auto& key : keys)
    text += (text.empty() ? "" : " ") + key.comment;
  return text;
}

} // namespace

TEST_CASE("of an agent's keys the likeliest are tried first, and an old certificate last") {
  credentials with;
  key_file usual;
  usual.listed = false;
  usual.blob = "usual key";
  with.files.push_back(std::move(usual));
  const std::uint64_t never = ~std::uint64_t{0};
  auto keys = most_likely_first({{certificate("me", 1), "old"},
                                 {"a key", "a"},
                                 {certificate("root", never), "root's"},
                                 {"usual key", "usual"},
                                 {"b key", "b"},
                                 {certificate("me", never), "mine"},
                                 {certificate("", never), "anybody's"}},
                                with, "me");
  CHECK(order(keys) == "mine anybody's usual a root's b old");
}

TEST_CASE("of several certificates of one key the one that lasts longest is tried first") {
  auto of_key = [](const std::string& key, std::uint64_t until) {
    auto blob = certificate("me", until);
    auto at = blob.find("key of me");
    return blob.replace(at, 9, (key + "         ").substr(0, 9));
  };
  const std::uint64_t now = static_cast<std::uint64_t>(std::time(nullptr));
  credentials with;
  auto keys = most_likely_first({{of_key("a", now + 100), "old a"},
                                 {of_key("b", now + 50), "b"},
                                 {of_key("a", now + 9'000), "new a"},
                                 {of_key("a", now + 500), "middle a"}},
                                with, "me");
  CHECK(order(keys) == "new a b middle a old a");
}

TEST_CASE("five keys are tried at most, and who has more is told how to choose") {
  real_sshd server;
  std::vector<std::string> keys;
  for (int i = 0; i < 7; ++i)
    keys.push_back(server.unauthorised_client_key());
  keys.push_back(server.client_key());
  support::ssh_agent agent{keys};
  visitor alice{server};
  alice.around.agent_socket = agent.socket();
  SECTION("of an agent's") {
    auto result = alice.log_in();
    REQUIRE(result.state == authenticator::state::failed);
    CHECK(result.error.kind == ssh_failure::denied);
    CHECK_THAT(result.error.text,
               Contains("3 keys more were not offered") && Contains("key_files") && Contains("IdentityFile"));
    CHECK(server.log_count("Failed publickey") == 5);
  }
  SECTION("the one that is named is tried") {
    alice.settings.key_files = {server.client_key() + ".pub"};
    CHECK(alice.log_in().state == authenticator::state::logged_in);
  }
  SECTION("and as many as are named") {
    for (const auto& key : keys)
      alice.settings.key_files.push_back(key + ".pub");
    server.reconfigure({"MaxAuthTries 20"});
    CHECK(alice.log_in().state == authenticator::state::logged_in);
  }
}

} // namespace moorage::support
