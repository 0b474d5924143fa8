// What a ProxyJump of OpenSSH's configuration makes of clusters: which pool leads to which, and by whose
// settings. The real ssh reads the files.
#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>

#include "runtime/config.hpp"
#include "tests/runtime/parsed_config.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

struct jumping_files {
  explicit jumping_files(const std::string& text) { std::ofstream{file()} << text; }

  std::string file() const { return folder / "config"; }
  configuration from(const std::string& tables = {}) const {
    return parsed("[defaults]\nssh_config = \"" + file() + "\"\n" + tables);
  }
  cluster_config host(const std::string& name, const std::string& tables = {}) const {
    cluster_config result;
    auto wrong = find_cluster(from(tables), name, result);
    INFO(wrong.text);
    REQUIRE(wrong.code == errc::none);
    return result;
  }
  std::string refusal(const std::string& name) const {
    cluster_config result;
    return find_cluster(from(), name, result).text;
  }

  support::scratch_folder folder;
};

} // namespace

TEST_CASE("a ProxyJump by a Host is a jump by the cluster that the Host is") {
  jumping_files files{"Host far\n  HostName far.example\n  ProxyJump gate\n"
                      "Host near\n  HostName near.example\n  ProxyJump none\n"
                      "Host gate\n  HostName gate.example\n  User me\n  Port 2222\n"};
  auto far = files.host("far");
  CHECK(far.settings.jump == "gate");
  CHECK(far.settings.host == "far.example");
  CHECK(far.settings.proxy_command == "");
  CHECK(describe_origin({}, far, far.origin_of("jump")) == "ssh -G far");
  REQUIRE(far.jumps.size() == 1);
  // What a command that names it would use, and so the same pool.
  CHECK(far.jumps[0].settings == files.host("gate").settings);
  CHECK(files.host("near").settings.jump == "");
}

TEST_CASE("a hop's user and port come before its Host's, and its name is its own") {
  jumping_files files{"Host far\n  ProxyJump you@gate:22\n"
                      "Host further\n  ProxyJump you@gate:22\n"
                      "Host other\n  ProxyJump gate:22\n"
                      "Host gate\n  HostName gate.example\n  User me\n  Port 2222\n  IdentityAgent /agent\n"};
  auto far = files.host("far");
  REQUIRE(far.jumps.size() == 1);
  const auto& gate = far.jumps[0].settings;
  CHECK(gate.host == "gate.example");
  CHECK(gate.user == "you");
  CHECK(gate.port == 22);
  CHECK(gate.agent_socket == "/agent");
  // A destination of that text would not go by the Host, and is another pool.
  CHECK_THAT(gate.name, StartsWith("you@gate:22-"));
  CHECK(far.settings.jump == gate.name);
  CHECK(files.host("further").settings.jump == gate.name);
  auto other = files.host("other").jumps.at(0).settings;
  CHECK(other.user == "me");
  CHECK(other.name != gate.name);
}

TEST_CASE("several hops are jumps by one another, whatever the Hosts of all but the first say") {
  jumping_files files{"Host far\n  ProxyJump a,me@b,c\n"
                      "Host a\n  ProxyJump outer\n"
                      "Host b\n  ProxyJump nowhere\n  HostName b.example\n"
                      "Host c\n  ProxyCommand nc %h %p\n"
                      "Host outer\n  User of-outer\n"};
  auto far = files.host("far");
  REQUIRE(far.jumps.size() == 4);
  CHECK(far.settings.jump == far.jumps[0].settings.name);
  CHECK(far.jumps[0].settings.host == "c");
  CHECK(far.jumps[0].settings.proxy_command == "");
  CHECK(far.jumps[0].settings.jump == far.jumps[1].settings.name);
  CHECK(far.jumps[1].settings.host == "b.example");
  CHECK(far.jumps[1].settings.user == "me");
  CHECK(far.jumps[1].settings.jump == "a");
  CHECK(far.jumps[2].settings.name == "a");
  CHECK(far.jumps[2].settings.jump == "outer");
  CHECK(far.jumps[3].settings.user == "of-outer");
  // The same, one by another.
  std::vector<cluster_config> way;
  REQUIRE(find_jumps(files.from(), far, way).code == errc::none);
  REQUIRE(way.size() == 4);
  CHECK(way[3].settings.name == "outer");
}

TEST_CASE("what ssh expands in a ProxyJump is expanded, and addresses of IPv6 are hops") {
  jumping_files files{"Host far\n  HostName far.example\n  User u\n  Port 24\n  ProxyJump %r@gate-of-%h:22\n"
                      "Host six\n  ProxyJump x@[::1]:33\n"
                      "Host four\n  ProxyJump 127.0.0.1:55\n"
                      "Host uri\n  ProxyJump ssh://y@gate:44\n"};
  auto gate = files.host("far").jumps.at(0).settings;
  CHECK(gate.user == "u");
  CHECK(gate.host == "gate-of-far.example");
  CHECK(gate.port == 22);
  auto six = files.host("six").jumps.at(0).settings;
  CHECK(six.user == "x");
  CHECK(six.host == "::1");
  CHECK(six.port == 33);
  CHECK(files.host("four").jumps.at(0).settings.host == "127.0.0.1");
  CHECK(files.host("uri").jumps.at(0).settings.port == 44);
}

TEST_CASE("a table is the jump where it means the same machine and user, and only there") {
  jumping_files files{"Host far\n  ProxyJump gate\n"
                      "Host far-as-me\n  ProxyJump me@gate\n"
                      "Host gate\n  HostName gate.example\n"};
  const std::string table = "[clusters.door]\nssh_host = \"gate\"\npool_size = 2\n";
  auto far = files.host("far", table);
  CHECK(far.settings.jump == "door");
  CHECK(far.jumps.empty());
  std::vector<cluster_config> way;
  REQUIRE(find_jumps(files.from(table), far, way).code == errc::none);
  CHECK(way.at(0).settings.pool_size == 2);
  // Another user's log-in is none of ours.
  CHECK(files.host("far-as-me", table).settings.jump != "door");
  // A cluster of that name that is another machine keeps its name.
  auto elsewhere = files.host("far", "[clusters.gate]\nhost = \"elsewhere.example\"\n");
  CHECK_THAT(elsewhere.settings.jump, StartsWith("gate-"));
  CHECK(elsewhere.jumps.at(0).settings.host == "gate.example");
  auto same = files.host("far", "[clusters.gate]\nhost = \"gate.example\"\n");
  CHECK(same.settings.jump == "gate");
  CHECK(same.jumps.empty());
}

TEST_CASE("what a hop's Host says may depend on the user and port that the ProxyJump names") {
  jumping_files files{"Host far\n  ProxyJump bob@gate\n"
                      "Match originalhost gate user bob\n  HostName gate-of-bob.example\n"
                      "Host gate\n  HostName gate.example\n  IdentityFile /keys/%r\n"
                      "  IdentitiesOnly yes\n"};
  auto gate = files.host("far").jumps.at(0).settings;
  CHECK(gate.host == "gate-of-bob.example");
  CHECK(gate.key_files == std::vector<std::string>{"/keys/bob"});
}

TEST_CASE("what -o says, and a password, are the destination's and no hop's") {
  jumping_files files{"Host far\n  ProxyJump gate\nHost gate\n  HostName gate.example\n"};
  auto from = files.from("password_secret = \"of-far\"\nconnect_timeout = \"9s\"\n");
  REQUIRE(override_settings(from.defaults, {"port=1", "user=bob", "strict_host_keys=no"}).empty());
  cluster_config far;
  REQUIRE(find_cluster(from, "far", far).code == errc::none);
  CHECK(far.settings.user == "bob");
  CHECK(far.settings.password_secret == "of-far");
  const auto& gate = far.jumps.at(0).settings;
  CHECK(gate.host == "gate.example");
  CHECK(gate.port == 22);
  CHECK(gate.user == "");
  CHECK(gate.strict_host_keys == host_key_policy::strict);
  CHECK(gate.password_secret == "");
  CHECK(gate.connect_timeout == std::chrono::seconds{9});
}

TEST_CASE("a table behind other hosts is the jump by the way that its own Host goes") {
  jumping_files files{"Host c\n  ProxyJump a,b\nHost b\n  ProxyJump a\n  HostName b.example\n"};
  auto c = files.host("c", "[clusters.b]\nssh_host = \"b\"\n");
  CHECK(c.settings.jump == "b");
  CHECK(c.jumps.empty());
}

TEST_CASE("a cluster's own way stands in the place of its Host's ProxyJump") {
  jumping_files files{"Host far\n  ProxyJump gate\n"};
  auto by_command = files.host("lumi", "[clusters.lumi]\nssh_host = \"far\"\nproxy_command = \"nc %h %p\"\n");
  CHECK(by_command.settings.jump == "");
  CHECK(by_command.settings.proxy_command == "nc %h %p");
  auto by_nothing = files.host("lumi", "[clusters.lumi]\nssh_host = \"far\"\njump = \"\"\n");
  CHECK(by_nothing.settings.jump == "");
  CHECK(by_nothing.jumps.empty());
}

TEST_CASE("a host may be behind itself, where a list says so and ends") {
  jumping_files files{
      "Host a\n  HostName a.example\n  ProxyJump gate\nHost twice\n  ProxyJump plain,plain,plain\n"
      "Host plain\n  User me\nHost self\n  ProxyJump self\nHost ring\n  ProxyJump back\n"
      "Host back\n  ProxyJump ring\n"};
  auto way = [](const cluster_config& of) {
    std::string result;
    for (auto next = of.settings.jump; !next.empty();) {
      auto found = std::find_if(of.jumps.begin(), of.jumps.end(),
                                [&](const auto& each) { return each.settings.name == next; });
      result += result.empty() ? "" : " ";
      if (found == of.jumps.end() || result.size() > 100)
        return result + "?";
      result += found->settings.host;
      next = found->settings.jump;
    }
    return result;
  };
  auto twice = files.host("twice");
  CHECK(way(twice) == "plain plain plain");
  CHECK(twice.jumps.back().settings.name == "plain"); // the first is what a command would call it
  std::vector<cluster_config> jumps;
  CHECK(find_jumps(files.from(), twice, jumps).text == "");
  CHECK(jumps.size() == 3);
  auto by_itself = [&](const std::string& host, const std::string& hops) {
    auto cluster = files.host(host);
    auto wrong = go_by_jumps(files.from(), cluster, hops);
    CHECK(cluster.settings.name == host);
    return wrong.code == errc::none ? way(cluster) : wrong.text;
  };
  CHECK(by_itself("a", "a") == "a.example gate");
  CHECK(by_itself("plain", "plain") == "plain");
  // Circles are what ssh's files make for ever; the shortest ssh sees itself.
  CHECK_THAT(files.refusal("self"), Contains("loop via self"));
  CHECK_THAT(by_itself("plain", "ring"), Contains("a circle: "));
}

TEST_CASE("jump hosts that lead back to one another are refused by name") {
  jumping_files files{"Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n"
                      "Host every\n  HostName every.example\n"
                      "Match originalhost every,gate\n  ProxyJump gate\n"};
  CHECK_THAT(files.refusal("a"), Contains("a circle: 'a' by 'b' by 'a'"));
  CHECK_THAT(files.refusal("every"),
             Contains("jumphost loop via gate") || Contains("'every' by 'gate' by 'gate'"));
}

TEST_CASE("a chain of hops has a bound") {
  std::string hops = "h0";
  for (auto i = 1; i < 20; ++i)
    hops += ",h" + std::to_string(i);
  jumping_files files{"Host far\n  ProxyJump " + hops + "\n"};
  CHECK_THAT(files.refusal("far"), Contains("more than 16 hosts"));
}

TEST_CASE("the jump hosts of a whole configuration are clusters of it, each once") {
  jumping_files files{"Host far*\n  ProxyJump gate\nHost gate\n  HostName gate.example\n"};
  auto config = files.from("[clusters.one]\nssh_host = \"far1\"\n[clusters.two]\nssh_host = \"far2\"\n");
  REQUIRE(ask_openssh(config).empty());
  CHECK(config.cluster_names() == std::vector<std::string>{"one", "two", "gate"});
  CHECK(config.find("one")->settings.jump == "gate");
  // Once is enough.
  REQUIRE(ask_openssh(config).empty());
  CHECK(config.clusters.size() == 3);
}

TEST_CASE("a jump host that ssh has no answer for keeps nobody else from the others") {
  jumping_files files{"Host far\n  ProxyJump gate\nHost near\n  HostName near.example\n"
                      "Match host gate exec \"exec sleep 0\"\n  ProxyUseFdpass yes\n"};
  auto config = files.from("[clusters.far]\nssh_host = \"far\"\n[clusters.near]\nssh_host = \"near\"\n");
  auto problems = ask_openssh(config);
  REQUIRE(problems.size() == 1);
  CHECK_THAT(to_string(problems[0]),
             Contains("clusters.far.ssh_host: ") && Contains("gate") && Contains("ProxyUseFdpass"));
  CHECK(config.cluster_names() == std::vector<std::string>{"near"});
}
