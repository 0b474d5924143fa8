// What a configuration says of links between machines: who listens, by which files, and who may do what.
#include <catch2/catch.hpp>

#include "messages/ids.hpp"
#include "runtime/config/access.hpp"
#include "tests/runtime/parsed_config.hpp"

using namespace moorage;
using Catch::Contains;
using test::parsed;
using test::problems_of;
using enum access_right;

namespace {

constexpr const char* three =
    "certificate = \"node.pem\"\nkey = \"/etc/node.key\"\nauthority = \"../ca.pem\"\n";

access_rules rules_of(std::vector<access_entry> entries) {
  auto rules = access_rules::of(std::move(entries));
  REQUIRE(rules);
  return *rules;
}

} // namespace

TEST_CASE("a node's listening and its files are taken, the files from the configuration's folder") {
  auto taken = [](const std::string& text) {
    auto result = parse_config("[node]\n" + text + three, "/etc/moorage/m.toml");
    REQUIRE(result);
    return result.value;
  };
  auto one = taken("listen = \"0.0.0.0:4422\"\nrevoked = \"revoked.pem\"\n");
  CHECK(one.node_listen == std::vector<std::string>{"0.0.0.0:4422"});
  CHECK(one.node_tls ==
        node_files{"/etc/moorage/node.pem", "/etc/node.key", "/etc/ca.pem", "/etc/moorage/revoked.pem"});
  CHECK(taken("listen = [\"127.0.0.1:1\", \"[::1]:65535\"]\n").node_listen ==
        std::vector<std::string>{"127.0.0.1:1", "[::1]:65535"});
  auto none = taken("");
  CHECK(none.node_listen.empty());
  CHECK(none.node_tls.certificate == "/etc/moorage/node.pem");
  CHECK(parsed("").node_listen.empty());
  CHECK(parsed("").node_tls == node_files{});
}

TEST_CASE("a node of other machines' clients, and a client of such a node, need their files") {
  CHECK(problems_of("[node]\nlisten = \"[::]:4422\"\nkey = \"k\"\n") ==
        "m.toml:2:10: node.listen: certificate is missing beside it; allowed: a PEM file\n"
        "m.toml:2:10: node.listen: authority is missing beside it; allowed: a PEM file\n");
  CHECK(problems_of(std::string{"[node]\nlisten = \"h:1\"\nrevoked = 3\n"} + three) ==
        "m.toml:3:11: node.revoked: an integer is the wrong type; allowed: a file's name, absolute or "
        "beginning with ~/\n");
  CHECK(problems_of("[client]\ncertificate = \"c\"\nauthority = \"a\"\nnode = \"gw1:4422\"\n") ==
        "m.toml:4:8: client.node: key is missing beside it; allowed: a PEM file\n");
  CHECK(problems_of("[client]\nkey = \"\"\n") ==
        "m.toml:2:7: client.key: the name is empty; allowed: a PEM file\n");
  CHECK(problems_of("[client]\nrevoked = \"c\"\nnodes = \"h:1\"\n") ==
        "m.toml:2:1: client.revoked: there is no such setting; allowed: node, certificate, key, authority, "
        "socket_user\n"
        "m.toml:3:1: client.nodes: there is no such setting; did you mean node?\n");
  auto client = parsed(std::string{"[client]\nnode = \"gw1.example.org:4422\"\n"} + three);
  CHECK(client.client_node == "gw1.example.org:4422");
  CHECK(client.client_tls == node_files{"node.pem", "/etc/node.key", "../ca.pem", ""});
}

TEST_CASE("where a node listens, and where a client goes, is an address and a port") {
  for (const auto* wrong :
       {"\"4422\"", "\"host\"", "\":4422\"", "\"host:\"", "\"host:65536\"", "\"host:44 22\"", "\"::1:4422\"",
        "\"[::1]\"", "\"[host]:4422\"", "\"ho st:1\"", "\"\"", "\"a:+1\""}) {
    INFO(wrong);
    CHECK(problems_of(std::string{"[node]\n"} + three + "listen = " + wrong + "\n") ==
          "m.toml:5:10: node.listen: " + std::string{wrong} +
              " is not understood; allowed: \"ADDRESS:PORT\" or \"[ADDRESS]:PORT\", or a list of them\n");
    CHECK(problems_of(std::string{"[client]\n"} + three + "node = " + wrong + "\n") ==
          "m.toml:5:8: client.node: " + std::string{wrong} +
              " is not understood; allowed: \"HOST:PORT\" or \"[ADDRESS]:PORT\", or a name in [nodes]\n");
  }
  // Port 0 is any free one, which a client cannot mean.
  CHECK(problems_of(std::string{"[node]\n"} + three + "listen = \"[::]:0\"\n").empty());
  CHECK_THAT(problems_of(std::string{"[client]\n"} + three + "node = \"host:0\"\n"),
             Contains("is not understood"));
  CHECK_THAT(problems_of(std::string{"[node]\n"} + three + "listen = 4422\n"),
             Contains("5:10: node.listen: an integer is the wrong type"));
  CHECK_THAT(problems_of(std::string{"[node]\n"} + three + "listen = [\"h:1\", 4422, \"x\"]\n"),
             Contains("5:18: node.listen[1]: an integer") && Contains("5:24: node.listen[2]: \"x\" is not"));
  CHECK_THAT(problems_of(std::string{"[node]\n"} + three + "listen = []\n"), Contains("the list is empty"));
}

TEST_CASE("what clients may do is taken as it is written") {
  auto result = parsed("[[access]]\ncertificate = \"uri:spiffe://site/portal\"\nclusters = [\"lumi\", "
                       "\"test-*\"]\nallow = [\"use\", \"observe\"]\n"
                       "[[access]]\nallow = [\"admin\"]\nclusters = [\"*\"]\n"
                       "certificate = \"subject:CN=ops,O=Site\"\n");
  CHECK(result.access ==
        std::vector<access_entry>{{"uri:spiffe://site/portal", {"lumi", "test-*"}, {use, observe}},
                                  {"subject:CN=ops,O=Site", {"*"}, {admin}}});
  auto users = parsed("[client]\nsocket_user = \"moorage\"\n"
                      "[[access]]\nuser = \"SITE\\\\alice\"\nclusters = [\"lumi\"]\nallow = [\"use\"]\n"
                      "[[access]]\ngroup = \"domain users\"\nclusters = [\"*\"]\nallow = [\"observe\"]\n");
  CHECK(users.client_socket_user == "moorage");
  CHECK(users.access == std::vector<access_entry>{{"", {"lumi"}, {use}, "SITE\\alice", ""},
                                                  {"", {"*"}, {observe}, "", "domain users"}});
}

TEST_CASE("what is wrong with what clients may do is told with its place") {
  CHECK(
      problems_of("[[access]]\ncertificate = \"login2\"\nclusters = [\"me@host:22\", 3]\nallow = [\"all\"]\n"
                  "cluster = []\n") ==
      "m.toml:2:15: access[0].certificate: \"login2\" is not understood; allowed: \"uri:URI\", "
      "\"dns:NAME\" or \"subject:SUBJECT\" (as RFC 2253 writes it), of a client's certificate\n"
      "m.toml:3:13: access[0].clusters[0]: \"me@host:22\" is not understood; allowed: a list of clusters' "
      "names, of letters, digits, '-', '_' and '.', in which '*' stands for any text and '?' for one "
      "character\n"
      "m.toml:3:27: access[0].clusters[1]: an integer is the wrong type; allowed: a list of clusters' "
      "names, of letters, digits, '-', '_' and '.', in which '*' stands for any text and '?' for one "
      "character\n"
      "m.toml:4:10: access[0].allow[0]: \"all\" is not understood; allowed: a list of \"use\", \"observe\" "
      "and \"admin\"\n"
      "m.toml:5:1: access[0].cluster: there is no such setting; did you mean clusters?\n");
  auto missing = problems_of("[[access]]\ncertificate = \"dns:a\"\nclusters = [\"a\"]\nallow = [\"use\"]\n"
                             "[[access]]\nclusters = []\n");
  CHECK_THAT(
      missing,
      Contains("m.toml:5:1: access[1]: whom it is about is missing; allowed: certificate, user or group") &&
          Contains("access[1]: allow is missing") &&
          Contains("m.toml:6:12: access[1].clusters: the list is empty") && !Contains("access[0]"));
  CHECK_THAT(problems_of("[[access]]\nuser = \"a\"\ngroup = \"b\"\nclusters = [\"a\"]\nallow = [\"use\"]\n"),
             Contains("m.toml:1:1: access[0]: certificate, user and group are each of somebody else"));
  for (const auto* wrong : {"\"\"", "\"-1\"", "\"a:b\"", "3", "\"a\\nb\""}) {
    CHECK_THAT(problems_of("[[access]]\nuser = " + std::string{wrong} + "\n"),
               Contains("m.toml:2:8: access[0].user: "));
    CHECK_THAT(problems_of("[client]\nsocket_user = " + std::string{wrong} + "\n"),
               Contains("m.toml:2:15: client.socket_user: "));
  }
  for (const auto* wrong : {"access = 3\n", "[access]\n", "access = [3]\n"})
    CHECK_THAT(problems_of(wrong), Contains("is the wrong type; allowed:") && Contains("[[access]]"));
  for (const auto* wrong : {"\"uri:\"", "\"\"", "\"CN=x\"", "\"dns:a\\u0007\"", "[\"dns:a\"]"})
    CHECK_THAT(problems_of("[[access]]\ncertificate = " + std::string{wrong} + "\n"),
               Contains("m.toml:2:15: access[0].certificate: "));
}

TEST_CASE("a certificate has the rights of each entry that names it, and of no other") {
  auto rules = rules_of({{"uri:spiffe://site/portal", {"lumi", "test-*"}, {use, observe}},
                         {"dns:login2.example.org", {"mahti"}, {use}},
                         {"subject:CN=ops,O=Site", {"*"}, {admin}}});
  using names = certificate_names;
  auto portal = rules.rights_of(names{"CN=portal", {"spiffe://site/portal"}, {"LOGIN2.example.org"}});
  CHECK(portal.may(use, "test-7"));
  CHECK(portal.may(observe, "lumi"));
  CHECK(portal.may(use, "mahti"));
  CHECK_FALSE(portal.may(observe, "mahti"));
  CHECK_FALSE(portal.may(admin, "lumi"));
  auto ops = rules.rights_of(names{"CN=ops,O=Site", {}, {}});
  CHECK(ops.may(admin, every_pool));
  CHECK_FALSE(ops.may_name_files());
  // One kind of name is not another, nor are its capitals, nor what is within it.
  CHECK(rules.rights_of(names{"login2.example.org", {"login2.example.org"}, {"spiffe://site/portal"}}) ==
        access_rights{});
  CHECK(rules.rights_of(names{"CN=OPS,O=Site",
                              {"SPIFFE://site/portal", "spiffe://site/portal/x"},
                              {"a.login2.example.org", "login2.example.org."}}) == access_rights{});
  // A certificate without a name is nobody's.
  auto nameless = rules_of({{"subject:", {"*"}, {use}}, {"", {"*"}, {use}}, {"", {"*"}, {use}, "1001"}});
  CHECK(nameless.rights_of(names{"", {""}, {""}}) == access_rights{});
  CHECK(rules_of({}).rights_of(names{"CN=ops", {}, {}}) == access_rights{});
}

TEST_CASE(
    "a user of this machine has the rights of each entry that names the user or a group of the process") {
  auto rules = rules_of({{"", {"lumi"}, {use}, "1001"},
                         {"", {"lumi"}, {observe}, "", "2001"},
                         {"", {"*"}, {admin}, "root"},
                         {"dns:1001", {"*"}, {admin}}});
  CHECK(rules.admits_users());
  auto both = rules.rights_of(machine_user{1001, {100, 2001}});
  CHECK(both.may(use, "lumi"));
  CHECK(both.may(observe, "lumi"));
  CHECK_FALSE(both.may(admin, "lumi"));
  CHECK_FALSE(both.may_name_files());
  auto member = rules.rights_of(machine_user{1002, {2001}});
  CHECK(member.may(observe, "lumi"));
  CHECK_FALSE(member.may(use, "lumi"));
  // A group's number is no user's, and none is nobody.
  CHECK(rules.rights_of(machine_user{2001, {1001}}) == access_rights{});
  CHECK(rules.rights_of(machine_user{}) == access_rights{});
  CHECK(rules.rights_of(machine_user{0, {}}).may(admin, every_pool));
  CHECK_FALSE(rules_of({{"dns:a", {"*"}, {use}}}).admits_users());
  auto unknown = access_rules::of({{"dns:a", {"*"}, {use}}, {"", {"*"}, {use}, "", "no such group"}});
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == errc::invalid_settings);
  CHECK_THAT(unknown.error().text,
             Contains("access[1].group = \"no such group\": this machine knows no such group"));
  for (const auto* number : {"4294967295", "-1", "1001x", ""})
    CHECK_FALSE(access_rules::of({{"", {"*"}, {use}, number, "4294967296"}}));
}

TEST_CASE("the nodes of a site are named, with the one that this is and the clusters' own") {
  auto taken = parsed("[nodes]\ngw1 = \"gw1.example.org:4422\"\ngw2 = \"[2001:db8::2]:1\"\n"
                      "[node]\nname = \"gw2\"\n[defaults]\nnode = \"gw1\"\n"
                      "[clusters.lumi]\nhost = \"h\"\nnode = \"gw2\"\n[clusters.puhti]\nhost = \"h\"\n");
  CHECK(taken.nodes == std::vector<std::pair<std::string, std::string>>{{"gw1", "gw1.example.org:4422"},
                                                                        {"gw2", "[2001:db8::2]:1"}});
  CHECK(taken.node_name == "gw2");
  CHECK(taken.find("lumi")->settings.node == "gw2");
  CHECK(taken.find("puhti")->settings.node == "gw1");
  CHECK(parsed("").nodes.empty());
}

TEST_CASE("a node's name that [nodes] does not have is refused where it stands, with those that it has") {
  CHECK(problems_of("[nodes]\ngw1 = \"gw1:1\"\ngw2 = \"gw2:1\"\n[node]\nname = \"gw3\"\n") ==
        "m.toml:5:8: node.name: \"gw3\" is none of [nodes]; allowed: gw1, gw2\n");
  CHECK(problems_of("[clusters.lumi]\nhost = \"h\"\nnode = \"gw1\"\n") ==
        "m.toml:3:8: clusters.lumi.node: \"gw1\" is none of [nodes]; allowed: none, since [nodes] is not "
        "there\n");
  CHECK(problems_of("[nodes]\ngw1 = \"gw1\"\n") ==
        "m.toml:2:7: nodes.gw1: \"gw1\" is not understood; allowed: \"HOST:PORT\" or \"[ADDRESS]:PORT\"\n");
  CHECK(problems_of("[nodes]\n\"gw 1\" = \"gw1:1\"\n") ==
        "m.toml:2:1: nodes.gw 1: a node's name is at most 64 letters, digits, '-', '_' and '.'\n");
  CHECK(
      problems_of("[nodes]\ngw1 = \"gw1:1\"\n[client]\nnode = \"gw2\"\ncertificate = \"c\"\nkey = \"k\"\n"
                  "authority = \"a\"\n") ==
      "m.toml:4:8: client.node: \"gw2\" is not understood; allowed: \"HOST:PORT\" or \"[ADDRESS]:PORT\", or "
      "a name in [nodes] (gw1)\n");
}

TEST_CASE("a jump that is no cluster, or leads in a circle, is refused where it stands") {
  CHECK(problems_of("[clusters.gate]\nhost = \"g\"\n[clusters.lumi]\nhost = \"h\"\njump = \"gate\"\n") == "");
  CHECK(problems_of("[clusters.lumi]\nhost = \"h\"\njump = \"gate\"\n") ==
        "m.toml:3:8: clusters.lumi.jump: \"gate\" is none of [clusters]; allowed: the name of one, which may "
        "be a "
        "Host of ssh's (ssh_host)\n");
  CHECK(problems_of("[clusters.lumi]\nhost = \"h\"\njump = \"lumi\"\n") ==
        "m.toml:3:8: clusters.lumi.jump: 'lumi' cannot be its own jump\n");
  CHECK_THAT(
      problems_of("[clusters.a]\nhost = \"h\"\njump = \"b\"\n[clusters.b]\nhost = \"h\"\njump = \"a\"\n"),
      Contains("m.toml:3:8: clusters.a.jump: it goes in a circle: 'a' by 'b' by 'a'"));
  CHECK_THAT(problems_of("[clusters.a]\nhost = \"h\"\njump = \"b\"\nproxy_command = \"c\"\n"),
             Contains("jump: a connection goes by a jump or by a proxy_command, not by both"));
}
