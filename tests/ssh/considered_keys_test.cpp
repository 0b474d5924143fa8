// Which keys a log-in tells that it considered, in which order, what became of each and what to do.
#include <fstream>

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "runtime/ssh/login/considered_keys.hpp"
#include "tests/ssh/transport_driver.hpp"
#include "tests/support/agents.hpp"

namespace moorage::support {

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

/// "accepted", "denied: why; advice" and so on of what is from there; empty: it is not told of.
std::string account_of(const std::vector<key_considered>& keys, const std::string& from) {
  std::string text;
  for (const auto& each : keys)
    if (each.from == from)
      text += (text.empty() ? "" : " | ") + to_string(each.fate) + ": " + each.why + "; " + each.advice;
  return text;
}

std::size_t with_fate(const std::vector<key_considered>& keys, key_fate fate) {
  return static_cast<std::size_t>(
      std::count_if(keys.begin(), keys.end(), [&](const auto& each) { return each.fate == fate; }));
}

std::string made_key(const scratch_folder& folder, const std::string& name, const std::string& word = {}) {
  auto path = folder / name;
  REQUIRE(run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", word, "-f", path}}) == 0);
  return path;
}

void sign_certificate(const std::string& authority, const std::string& key, const std::string& names,
                      const std::string& validity) {
  REQUIRE(run_to_end({{"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", names, "-V", validity,
                       key + ".pub"}}) == 0);
}

std::string shown_as(const std::string& key) {
  return describe(load_key(key + ".pub", true, nullptr).public_key.get());
}

cluster_settings settings_by_agent(const test::world& around, const real_sshd& server) {
  auto settings = around.settings_for(server);
  settings.key_files = {};
  settings.agent = true;
  return settings;
}

} // namespace

TEST_CASE("each key file that a log-in considered is told, in order, with what became of it and what to do") {
  real_sshd server;
  scratch_folder folder;
  test::world around;
  auto missing = folder / "missing", open = made_key(folder, "open"),
       locked = made_key(folder, "locked", "word"), none = folder / "none",
       stranger = server.unauthorised_client_key(), later = made_key(folder, "later");
  ::chmod(open.c_str(), 0644);
  std::ofstream{none} << "no key\n";
  ::chmod(none.c_str(), 0600);
  auto settings = around.settings_for(server);
  settings.key_files = {missing, open, locked, none, stranger, server.client_key(), later};
  test::driven link{around, settings};
  REQUIRE(link.open());
  REQUIRE(link.keys.size() >= 7);
  CHECK(link.keys[0].key == shown_as(stranger));
  CHECK_THAT(account_of(link.keys, "file " + stranger),
             StartsWith("denied: ; see that its public part is known"));
  CHECK(link.keys[1] ==
        key_considered{
            "file " + server.client_key(), shown_as(server.client_key()), key_fate::accepted, {}, {}});
  CHECK_THAT(account_of(link.keys, "file " + missing),
             Contains("not_offered: does not exist") && Contains("take it out of key_files"));
  CHECK_THAT(account_of(link.keys, "file " + open),
             Contains("can be read by others") && Contains("; chmod 600 " + open));
  CHECK_THAT(account_of(link.keys, "file " + locked),
             Contains("locked by a passphrase") && Contains("ssh-add " + locked));
  CHECK_THAT(account_of(link.keys, "file " + none),
             Contains("holds no private key") && Contains("ssh-keygen"));
  CHECK_THAT(account_of(link.keys, "file " + later), StartsWith("not_offered: it was not needed"));
  CHECK_THAT(account_of(link.keys, "agent"), Contains("agent is false"));
}

TEST_CASE("what is not shown of an agent's keys is told: too many, or not among those that are named") {
  real_sshd server;
  std::vector<std::string> keys;
  for (int i = 0; i < 7; ++i)
    keys.push_back(server.unauthorised_client_key());
  support::ssh_agent agent{keys};
  test::world around;
  around.around.agent_socket = agent.socket();
  auto settings = settings_by_agent(around, server);
  auto from = "agent " + agent.socket();
  SECTION("too many") {
    test::driven link{around, settings};
    REQUIRE_FALSE(link.open());
    CHECK(with_fate(link.keys, key_fate::denied) == 5);
    CHECK(with_fate(link.keys, key_fate::not_offered) == 2);
    CHECK_THAT(account_of(link.keys, from),
               Contains("not_offered: servers cut off whoever tries many, so 5") &&
                   Contains("name the right one in key_files"));
  }
  SECTION("not named") {
    settings.key_files = {keys[3] + ".pub"};
    test::driven link{around, settings};
    REQUIRE_FALSE(link.open());
    CHECK(with_fate(link.keys, key_fate::denied) == 1);
    CHECK(with_fate(link.keys, key_fate::not_offered) == 6);
    CHECK_THAT(account_of(link.keys, from), Contains("not_offered: it is not among those that key_files"));
  }
  SECTION("of a kind that the settings leave out") {
    settings.pubkey_accepted_algorithms = "rsa-sha2-512";
    test::driven link{around, settings};
    REQUIRE_FALSE(link.open());
    CHECK(with_fate(link.keys, key_fate::not_offered) == 7);
    CHECK_THAT(account_of(link.keys, from), Contains("pubkey_accepted_algorithms does not have ssh-ed25519"));
  }
}

TEST_CASE("what is wrong with a certificate is told: its time, its key, its names") {
  real_sshd server;
  scratch_folder folder;
  test::world around;
  auto authority = server.add_client_key("authority");
  server.reconfigure({"TrustedUserCAKeys " + authority + ".pub", "AuthorizedKeysFile none"});
  auto ended = made_key(folder, "ended"), early = made_key(folder, "early"),
       other = made_key(folder, "other"), named = made_key(folder, "named"), good = made_key(folder, "good");
  sign_certificate(authority, ended, server.user(), "-2h:-1h");
  sign_certificate(authority, early, server.user(), "+1h:+2h");
  sign_certificate(authority, named, "somebody", "-1h:+2h");
  sign_certificate(authority, good, server.user(), "-1h:+2h");
  std::rename((named + "-cert.pub").c_str(), (other + "-cert.pub").c_str());
  sign_certificate(authority, named, "somebody", "-1h:+2h");
  auto settings = around.settings_for(server);
  settings.key_files = {ended, early, other, named};
  auto of = [](const std::string& key) { return "certificate " + key + "-cert.pub"; };
  SECTION("when none is taken") {
    test::driven link{around, settings};
    REQUIRE_FALSE(link.open());
    CHECK_THAT(account_of(link.keys, of(named)),
               Contains("denied: its certificate is for somebody, not for " + server.user()) &&
                   Contains("ask the site whether it trusts the authority"));
  }
  SECTION("when one is") {
    settings.key_files = {ended, early, other, good};
    test::driven link{around, settings};
    REQUIRE(link.open());
    CHECK(account_of(link.keys, of(good)) == "accepted: ; ");
    CHECK_THAT(account_of(link.keys, of(ended)),
               Contains("not_offered: has expired, on 20") && Contains("renew_command"));
    CHECK_THAT(account_of(link.keys, of(ended)), !Contains("ask for a new one"));
    CHECK_THAT(account_of(link.keys, of(early)),
               Contains("not_offered: is not valid yet") && Contains("clock"));
    CHECK_THAT(account_of(link.keys, of(other)), Contains("not_offered: certifies another key"));
  }
}

TEST_CASE("where no server is asked, since nothing can be shown, each key is told all the same") {
  real_sshd server;
  scratch_folder folder;
  test::world around;
  auto locked = made_key(folder, "locked", "word");
  auto settings = around.settings_for(server);
  settings.key_files = {locked};
  test::driven link{around, settings};
  REQUIRE_FALSE(link.open());
  CHECK(server.logins() == 0);
  CHECK_THAT(account_of(link.keys, "file " + locked),
             Contains("not_offered: is locked by a passphrase; ssh-add " + locked) && !Contains("secret"));
  CHECK_THAT(link.failed->text, Contains("is locked by a passphrase: ssh-add " + locked));
}

TEST_CASE("an agent that refuses to sign, or lists nothing, is told") {
  real_sshd server;
  test::world around;
  SECTION("refuses") {
    support::ssh_agent keys{{server.client_key()}};
    asking_agent agent{keys, asking_agent::manner::refuses};
    around.around.agent_socket = agent.socket();
    test::driven link{around, settings_by_agent(around, server)};
    REQUIRE_FALSE(link.open());
    CHECK_THAT(account_of(link.keys, "agent " + agent.socket()),
               StartsWith("not_signed: the agent refused to sign") && Contains("was denied") &&
                   Contains("; allow it when it asks, or unlock it by ssh-add -X"));
    CHECK_THAT(link.failed->text, Contains("was denied (a key of ssh-add -c)") && Contains("ssh-add -X"));
  }
  SECTION("empty") {
    support::ssh_agent agent;
    around.around.agent_socket = agent.socket();
    test::driven link{around, settings_by_agent(around, server)};
    REQUIRE_FALSE(link.open());
    CHECK_THAT(account_of(link.keys, "agent " + agent.socket()),
               StartsWith("not_offered: it holds no key; ssh-add") && Contains("ssh-add -X"));
    CHECK_THAT(link.failed->text, Contains("the agent at " + agent.socket() + " holds no key, or is locked"));
  }
}

TEST_CASE("of more keys than people read no more than their number is told, and nothing that misleads") {
  considered_keys all;
  for (int i = 0; i < 1'000; ++i)
    all.not_offered("file /a\nb", "key", "why\x1b[0m");
  auto told = all.told();
  REQUIRE(told.size() == considered_keys::told_max + 1);
  CHECK_THAT(told.back().why, StartsWith("960 more"));
  CHECK(told.front().from.find('\n') == std::string::npos);
  CHECK(told.front().why.find('\x1b') == std::string::npos);
  all.became(key_fate::accepted); // none is shown
  CHECK(all.told() == told);
}

} // namespace moorage::support
