// What an outsider may do: rights on clusters by patterns, and the session that asks for them first.
#include <catch2/catch.hpp>

#include <algorithm>

#include "actors/session/access.hpp"
#include "messages/settings_table.hpp"
#include "tests/actors/session_world.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;
using enum access_right;

namespace {

access_rights rights(std::vector<std::pair<access_right, std::string>> rules) {
  access_rights result;
  for (auto& [right, pattern] : rules)
    result.allow(right, std::move(pattern));
  return result;
}

cluster_settings named(const std::string& name) {
  auto result = plain_cluster(1);
  result.name = name;
  return result;
}

/// What an outsider heard to its latest message, whatever that was. Code none: nothing, or no refusal.
failure latest(const guest& host) {
  const auto& heard = *host.heard;
  if (!heard.runs.empty())
    return heard.runs.back().result.ended.cause;
  if (!heard.refusals.empty())
    return heard.refusals.back().reason;
  return heard.answers.empty() ? failure{} : heard.answers.back();
}

template <class Answer, class Message>
failure answer_to(guest& host, Message what) {
  host.ask<Answer>(std::move(what));
  REQUIRE(!host.heard->answers.empty());
  return host.heard->answers.back();
}

/// One message of each type that an outsider may say, about "alpha", of one that may do nothing.
template <class Message>
failure refusal_of() {
  virtual_world world{named("alpha")};
  guest host{world, {}, {}, access_rights{}};
  Message what;
  if constexpr (requires { what.cluster; })
    what.cluster = "alpha";
  else if constexpr (requires { what.from; })
    what.from.cluster = "alpha";
  else if constexpr (requires { what.settings; })
    what.settings = named("alpha");
  host.ask_anything(what);
  auto result = latest(host);
  CHECK(world.status().waiters == 0);
  CHECK(world.network->made == 0);
  CHECK((result.code == errc::not_permitted) == (refusal(access_rights{}, what).code == errc::not_permitted));
  return result;
}

} // namespace

TEST_CASE("a pattern fits whole names, and none that a configuration's cluster could not have") {
  struct row {
    std::string_view name, pattern;
    bool fits;
  };
  for (auto [name, pattern, fits] :
       {row{"lumi", "lumi", true},      row{"lumi", "lum", false},       row{"lumi", "umi", false},
        row{"lumi", "l?mi", true},      row{"lumi", "?lumi", false},     row{"lumi", "lu*", true},
        row{"lumi", "*mi", true},       row{"lumi", "l*i*", true},       row{"lumi", "*", true},
        row{"lumi", "**", true},        row{"lumi", "*x", false},        row{"lumi", "", false},
        row{"aab", "*ab", true},        row{"abab", "a*b?", false},      row{"me@lumi", "*", false},
        row{"lumi:22", "lumi*", false}, row{"[::1]", "*", false},        row{"lumi%1", "*", false},
        row{"a/b", "a*", false},        row{"me@lumi", "me@lumi", false}}) {
    INFO(name << " " << pattern);
    CHECK(rights({{use, std::string{pattern}}}).may(use, name) == fits);
  }
  // No pattern makes a comparison long.
  std::string stars, name(300, 'a');
  for (int i = 0; i < 100; ++i)
    stars += "a*";
  CHECK_FALSE(fits_pattern(name, stars + "b"));
}

TEST_CASE("rights are nothing at first, add up, and what is for every cluster needs the pattern * itself") {
  CHECK_FALSE(access_rights{}.may(use, "lumi"));
  CHECK_FALSE(access_rights{}.may_see("lumi"));
  auto all = access_rights::everything();
  for (auto right : {use, observe, admin})
    for (const auto* cluster : {"lumi", "me@host:22", every_pool, ""})
      CHECK(all.may(right, cluster));
  CHECK(all.may_name_files());
  auto some = rights({{admin, "lumi"}, {use, "test-*"}, {observe, "*"}});
  CHECK(some.may(admin, "lumi"));
  CHECK(some.may(observe, "lumi"));
  CHECK_FALSE(some.may(use, "lumi"));
  CHECK(some.may(use, "test-1"));
  CHECK_FALSE(some.may(admin, "test-1"));
  CHECK(some.may(observe, every_pool));
  CHECK(some.may(observe, ""));
  CHECK_FALSE(some.may(admin, every_pool));
  CHECK_FALSE(rights({{admin, "?*"}}).may(admin, every_pool));
  CHECK_FALSE(rights({{admin, "@all"}}).may(admin, every_pool));
  CHECK_FALSE(rights({{admin, "*"}, {use, "*"}}).may_name_files());
}

TEST_CASE("an outsider without rights is refused all that it may say, but about what is its own") {
  std::vector<std::string> unrefused;
#define MOORAGE_SAY(type)                                                                                    \
  if (auto heard = refusal_of<type>(); heard.code != errc::not_permitted)                                    \
    unrefused.emplace_back(#type);                                                                           \
  else                                                                                                       \
    CHECK_THAT(heard.text, Contains("[[access]]"));
  MOORAGE_SAID_BY_OUTSIDERS(MOORAGE_SAY)
#undef MOORAGE_SAY
  CHECK(unrefused == std::vector<std::string>{"cancel_acquire", "release_lease", "run_command", "open_stream",
                                              "open_last_stream", "cancel_command", "grant_stream_credit",
                                              "took_stream_output", "send_stream_input", "end_stream_input",
                                              "probe_lease", "list_clusters", "get_pools",
                                              "grant_event_credit"});
}

TEST_CASE("who may use a cluster has leases and commands there, and does not see what others do") {
  virtual_world world{named("alpha")};
  world.ask<done>(register_cluster{named("beta")});
  guest host{world, {}, {}, rights({{use, "al*"}})};
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  host.run(1, "hello");
  REQUIRE(host.heard->runs.size() == 1);
  CHECK(host.heard->runs.at(0).result.output == "hello");
  CHECK(answer_to<pool_status>(host, get_pool{"alpha"}).code == errc::none);
  auto refused = answer_to<lease_list>(host, get_leases{"alpha"});
  CHECK(refused.code == errc::not_permitted);
  CHECK_THAT(refused.text, Contains("'observe' on cluster 'alpha'"));
  CHECK(answer_to<done>(host, subscribe{"alpha", 1}).code == errc::not_permitted);
  CHECK(answer_to<done>(host, pause_pool{"alpha"}).code == errc::not_permitted);
  CHECK(answer_to<pool_status>(host, get_pool{"beta"}).code == errc::not_permitted);
  host.tell(acquire{"beta", 2});
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).call == 2);
  CHECK(host.heard->refusals.at(0).cluster == "beta");
  CHECK(host.heard->refusals.at(0).reason.code == errc::not_permitted);
  run_once once;
  once.from = {"beta", 3};
  host.tell(once);
  REQUIRE(host.heard->runs.size() == 2);
  CHECK(host.heard->runs.at(1).call == 3);
  CHECK(host.heard->runs.at(1).result.ended.kind == outcome_kind::never_sent);
  CHECK(host.heard->runs.at(1).result.ended.cause.code == errc::not_permitted);
}

TEST_CASE("variables that settings give are told to those who may do anything, and set by others' sessions") {
  auto cluster = named("alpha");
  cluster.set_env = "TOKEN=secret";
  cluster.send_env = "LC_*";
  virtual_world world{cluster};
  guest owner{world}, host{world, {}, {}, rights({{use, "*"}, {observe, "*"}, {admin, "*"}})};
  owner.acquire();
  REQUIRE(owner.heard->grants.size() == 1);
  CHECK(owner.heard->grants[0].set_env == "TOKEN=secret");
  CHECK(owner.heard->grants[0].send_env == "LC_*");
  owner.release();
  host.acquire();
  REQUIRE(host.heard->grants.size() == 1);
  CHECK(host.heard->grants[0].set_env.empty());
  CHECK(host.heard->grants[0].send_env.empty());
  host.run(1, "hello");
  REQUIRE(host.heard->runs.size() == 1);
}

TEST_CASE("lists hold the clusters that may be seen, and no refusal names the others") {
  virtual_world world{named("alpha")};
  for (const auto* name : {"beta", "gamma", "me@alpha:22"})
    REQUIRE(world.ask<done>(register_cluster{named(name)}));
  guest host{world, {}, {}, rights({{use, "al*"}, {observe, "gam*"}, {use, "me*"}})};
  CHECK(host.clusters() == std::vector<std::string>{"alpha", "gamma"});
  CHECK(host.pools() == std::vector<std::string>{"alpha", "gamma"});
  guest owner{world};
  CHECK(owner.clusters().size() == 4);
  CHECK(owner.pools().size() == 4);
  auto unknown = answer_to<pool_status>(host, get_pool{"alpine"});
  CHECK(unknown.code == errc::unknown_cluster);
  CHECK_THAT(unknown.text, !Contains("beta"));
  host.tell(acquire{"alpine", 1});
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).reason.code == errc::unknown_cluster);
  CHECK_THAT(host.heard->refusals.at(0).reason.text, !Contains("beta"));
  CHECK_THAT(answer_to<pool_status>(owner, get_pool{"alpine"}).text, Contains("beta"));
}

TEST_CASE("a destination is used by the node's own user alone, whatever the patterns of others") {
  virtual_world world{named("me@alpha:22")};
  guest host{world, {}, {}, rights({{use, "*"}, {admin, "*"}})};
  host.tell(acquire{"me@alpha:22", 1});
  REQUIRE(host.heard->refusals.size() == 1);
  CHECK(host.heard->refusals.at(0).reason.code == errc::not_permitted);
  CHECK(answer_to<done>(host, register_cluster{named("you@beta")}).code == errc::not_permitted);
  CHECK(answer_to<done>(host, pause_pool{"me@alpha:22"}).code == errc::not_permitted);
  CHECK_THAT(host.heard->answers.back().text, Contains("is a destination"));
  guest owner{world};
  owner.tell(acquire{"me@alpha:22", 1});
  CHECK(owner.heard->grants.size() == 1);
}

TEST_CASE("what is for every pool is ordered and heard by who has the right on * itself") {
  virtual_world world{named("alpha")};
  guest some{world, {}, {}, rights({{admin, "a*"}})}, all{world, {}, {}, rights({{admin, "*"}})};
  CHECK(answer_to<done>(some, pause_pool{"alpha"}).code == errc::none);
  CHECK(answer_to<done>(some, subscribe{"alpha", 1}).code == errc::none);
  CHECK_THAT(answer_to<done>(some, pause_pool{every_pool}).text, Contains("every cluster"));
  CHECK(answer_to<done>(some, subscribe{"", 1}).code == errc::not_permitted);
  CHECK(answer_to<done>(some, shut_down_pools{}).code == errc::not_permitted);
  CHECK(answer_to<done>(all, resume_pool{every_pool, true}).code == errc::none);
  CHECK(answer_to<done>(all, subscribe{"", 1}).code == errc::none);
}

TEST_CASE("an admin sets what is the cluster's, and nothing that is the node's owner's") {
  virtual_world world{named("alpha")};
  guest host{world, {}, {}, rights({{admin, "al*"}})}, owner{world};
  CHECK(answer_to<done>(host, set_setting{"alpha", "pool_size", "3"}).code == errc::none);
  std::vector<std::string> owners;
  for (const auto& field : cluster_fields())
    if (answer_to<done>(host, set_setting{"alpha", std::string{field.name}, ""}).code == errc::not_permitted)
      owners.emplace_back(field.name);
  for (const auto& field : cluster_fields())
    CHECK((field.owners || (field.type != setting_type::file && field.type != setting_type::file_list)));
  CHECK(owners == std::vector<std::string>{"ssh_config", "key_files", "agent_socket", "password_secret",
                                           "passphrase_secret", "known_hosts_files", "strict_host_keys",
                                           "host_key_alias", "proxy_command", "renew_command",
                                           "probe_command", "set_env", "send_env"});
  // A registration names them all, also where they are back at their defaults.
  CHECK(answer_to<done>(host, register_cluster{named("alpha")}).code == errc::not_permitted);
  CHECK(host.clusters() == std::vector<std::string>{"alpha"});
  CHECK(answer_to<done>(owner, set_setting{"alpha", "key_files", "/tmp/key"}).code == errc::none);
}
