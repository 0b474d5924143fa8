// The configuration file: what it takes, and what it says about what it does not take.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>

#include "messages/written_values.hpp"
#include "runtime/config.hpp"
#include "tests/runtime/parsed_config.hpp"
#include "tests/support/real_sshd.hpp"

using namespace moorage;
using test::parsed;
using test::problems_of;
using namespace std::chrono_literals;

namespace {

class environment_guard {
public:
  environment_guard(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name))
      old_ = old;
    setenv(name, value.c_str(), 1);
  }
  ~environment_guard() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }

private:
  const char* name_;
  std::optional<std::string> old_;
};

void write_file(const std::string& path, std::string_view text) {
  std::ofstream{path} << text;
}

} // namespace

TEST_CASE("a cluster starts from the defaults and says where each setting comes from") {
  auto result = parsed("[clusters.b]\nhost = \"b.example\"\n"
                       "[defaults]\npool_size = 7\nconnect_timeout = \"1min30s\"\n"
                       "[clusters.a]\nhost = \"a.example\"\npool_size = 2\n");
  REQUIRE(result.cluster_names() == std::vector<std::string>{"b", "a"});
  const auto& b = *result.find("b");
  CHECK(b.settings.host == "b.example");
  CHECK(b.settings.pool_size == 7);
  CHECK(b.settings.connect_timeout == 90s);
  CHECK(describe_origin(result, b, b.origin_of("pool_size")) == "m.toml:4 [defaults]");
  CHECK(describe_origin(result, b, b.origin_of("host")) == "m.toml:2 [clusters.b]");
  CHECK(describe_origin(result, b, b.origin_of("port")) == "default");
  CHECK(result.find("a")->settings.pool_size == 2);
  CHECK(result.find("c") == nullptr);
}

TEST_CASE("sections for the node and the log are taken") {
  auto result =
      parsed("[node]\nsocket = \"/run/x/node.sock\"\n[log]\nlevel = \"debug\"\nfile = \"/tmp/m.log\"\n");
  CHECK(result.node_socket == "/run/x/node.sock");
  CHECK(result.node_start == moorage::node_start::no);
  CHECK(result.node_idle_end == 10min);
  CHECK(result.log_level == "debug");
  CHECK(result.log_file == "/tmp/m.log");
}

TEST_CASE("whether commands start a node, and for how long it stays, is taken and checked") {
  auto result = parsed("[node]\nstart = \"auto\"\nidle_end = \"1h30m\"\n");
  CHECK(result.node_start == moorage::node_start::automatic);
  CHECK(result.node_idle_end == 90min);
  CHECK(parsed("[node]\nidle_end = \"0\"\n").node_idle_end == 0ms);
  CHECK(problems_of("[node]\nstart = \"yes\"\nidle_end = \"10ms\"\n") ==
        "m.toml:2:9: node.start: \"yes\" is not understood; allowed: \"no\" or \"auto\"\n"
        "m.toml:3:12: node.idle_end: 10ms is out of range; allowed: a duration such as \"250ms\", \"30s\", "
        "\"5min\" or \"1h30m\", 0, or 1s to 365d\n");
}

TEST_CASE("what holds for all clusters together is taken from its section, and checked") {
  CHECK(parsed("").connects_at_once == 32);
  CHECK(parsed("[limits]\nconnects_at_once = 0\n").connects_at_once == 0);
  CHECK(problems_of("[limits]\nconnects_at_once = 10001\n") ==
        "m.toml:2:20: limits.connects_at_once: 10001 is out of range; allowed: 0 to 10000\n");
  CHECK(parsed("").probes_at_once == 200);
  CHECK(parsed("[limits]\nprobes_at_once = 3\n").probes_at_once == 3);
  CHECK(problems_of("[limits]\nconnect_at_once = 3\n") ==
        "m.toml:2:1: limits.connect_at_once: there is no such setting; did you mean connects_at_once?\n");
}

TEST_CASE("an unknown key is refused with the one that was probably meant") {
  CHECK(problems_of("[defaults]\npool_sise = 5\n") ==
        "m.toml:2:1: defaults.pool_sise: there is no such setting; did you mean pool_size?\n");
  CHECK(
      problems_of("[clusters.lumi]\nhost = \"h\"\nConnectTimeout = \"5s\"\n") ==
      "m.toml:3:1: clusters.lumi.ConnectTimeout: there is no such setting; did you mean connect_timeout?\n");
  CHECK(problems_of("[clusters.lumi]\nhost = \"h\"\nIdentityFile = []\n") ==
        "m.toml:3:1: clusters.lumi.IdentityFile: there is no such setting; did you mean key_files?\n");
  CHECK(problems_of("[cluster.lumi]\n") ==
        "m.toml:1:2: cluster: there is no such section; did you mean clusters?\n");
  CHECK(problems_of("[log]\nverbosity = 3\n") ==
        "m.toml:2:1: log.verbosity: there is no such setting; allowed: level, file\n");
  CHECK(problems_of("[node]\nport = 3\n") ==
        "m.toml:2:1: node.port: there is no such setting; allowed: socket, start, idle_end, name, listen, "
        "certificate, key, authority, revoked\n");
  CHECK(problems_of("[node]\nControlPersist = \"1h\"\n") ==
        "m.toml:2:1: node.ControlPersist: there is no such setting; did you mean idle_end?\n");
}

TEST_CASE("a wrong type is refused with what is allowed") {
  CHECK(problems_of("[defaults]\nconnect_timeout = 30\n") ==
        "m.toml:2:19: defaults.connect_timeout: an integer is the wrong type; allowed: a duration such as "
        "\"250ms\", \"30s\", \"5min\" or \"1h30m\", 100ms to 10min\n");
  CHECK(problems_of("[defaults]\npool_size = \"5\"\n") ==
        "m.toml:2:13: defaults.pool_size: a string is the wrong type; allowed: 1 to 10000\n");
  CHECK(problems_of("[defaults]\nagent = \"yes\"\n") ==
        "m.toml:2:9: defaults.agent: a string is the wrong type; allowed: true or false\n");
  CHECK(problems_of("[defaults]\nknown_hosts_files = \"~/.ssh/known_hosts\"\n") ==
        "m.toml:2:21: defaults.known_hosts_files: a string is the wrong type; allowed: a list of file names, "
        "such as [\"~/.ssh/id_ed25519\"]\n");
  CHECK(problems_of("[defaults]\nknown_hosts_files = [\"/a\", 5]\n") ==
        "m.toml:2:28: defaults.known_hosts_files[1]: an integer is the wrong type; allowed: a file's name, "
        "absolute or beginning with ~/\n");
  CHECK(problems_of("clusters = 5\n") ==
        "m.toml:1:12: clusters: an integer is the wrong type; allowed: a table, begun with [clusters]\n");
  CHECK(problems_of("[clusters]\nlumi = \"lumi.csc.fi\"\n") ==
        "m.toml:2:8: clusters.lumi: a string is the wrong type; allowed: a table, begun with "
        "[clusters.lumi]\n");
  CHECK(problems_of("[defaults]\npool_size = 2.5\n") ==
        "m.toml:2:13: defaults.pool_size: a floating-point number is the wrong type; allowed: 1 to 10000\n");
}

TEST_CASE("a value out of range is refused with the range") {
  CHECK(problems_of("[defaults]\npool_size = 0\n") ==
        "m.toml:2:13: defaults.pool_size: 0 is out of range; allowed: 1 to 10000\n");
  CHECK(problems_of("[defaults]\npool_size = -1\n") ==
        "m.toml:2:13: defaults.pool_size: -1 is out of range; allowed: 1 to 10000\n");
  CHECK(problems_of("[defaults]\nport = 65536\n") ==
        "m.toml:2:8: defaults.port: 65536 is out of range; allowed: 1 to 65535\n");
  CHECK(problems_of("[defaults]\nprobe_timeout = \"1ms\"\n") ==
        "m.toml:2:17: defaults.probe_timeout: 1ms is out of range; allowed: a duration such as \"250ms\", "
        "\"30s\", \"5min\" or \"1h30m\", 10ms to 10min\n");
  CHECK(problems_of("[defaults]\nprobe_timeout = \"5\"\n") ==
        "m.toml:2:17: defaults.probe_timeout: \"5\" is not understood; allowed: a duration such as "
        "\"250ms\", \"30s\", \"5min\" or \"1h30m\", 10ms to 10min\n");
  CHECK(problems_of("[defaults]\nstrict_host_keys = \"maybe\"\n") ==
        "m.toml:2:20: defaults.strict_host_keys: \"maybe\" is not understood; allowed: \"yes\", "
        "\"accept-new\" or \"no\"\n");
  CHECK(problems_of("[log]\nlevel = \"loud\"\n") == "m.toml:2:9: log.level: \"loud\" is not understood; "
                                                    "allowed: \"trace\", \"debug\", \"info\", \"warning\", "
                                                    "\"error\", \"critical\" or \"off\"\n");
  CHECK(problems_of("[defaults]\nkeep_alive_interval = \"0\"\n").empty());
}

TEST_CASE("settings that contradict each other are refused at the one that was written") {
  auto problems =
      parse_config("[clusters.lumi]\nhost = \"h\"\npool_size = 2\nmin_idle = 3\n", "m.toml").problems;
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].key == "clusters.lumi.min_idle");
  CHECK(problems[0].line == 4);
  CHECK(problems[0].column == 12);
  auto in_defaults = parse_config("[defaults]\nmin_idle = 30\n", "m.toml").problems;
  REQUIRE(in_defaults.size() == 1);
  CHECK(in_defaults[0].key == "defaults.min_idle");
  CHECK(in_defaults[0].line == 2);
}

TEST_CASE("a cluster may have several hosts in the place of one, and not both") {
  auto read = parse_config("[clusters.lumi]\nhosts = [\"login1\", \"login2\"]\nspread = true\n", "m.toml");
  REQUIRE(read.problems.empty());
  CHECK(read.value.clusters.front().settings.hosts == std::vector<std::string>{"login1", "login2"});
  CHECK(read.value.clusters.front().settings.spread);
  CHECK(problems_of("[clusters.lumi]\nhost = \"a\"\nhosts = [\"b\"]\n") ==
        "m.toml:3:9: clusters.lumi.hosts: a cluster has host or hosts, not both: leave host out\n");
  CHECK(problems_of("[clusters.lumi]\nhosts = [\"b\", \"b\"]\n") ==
        "m.toml:2:9: clusters.lumi.hosts: 'b' is there twice\n");
}

TEST_CASE("a cluster without a host is refused, and a host in the defaults too") {
  CHECK(problems_of("[clusters.lumi]\nport = 22\n") ==
        "m.toml:1:11: clusters.lumi: host is missing; allowed: the name or address of the login node (or "
        "hosts, several; or "
        "ssh_host, a Host of ssh's)\n");
  CHECK(problems_of("[defaults]\nhost = \"h\"\n") ==
        "m.toml:2:1: defaults.host: belongs to one cluster; allowed: in [clusters.NAME]\n");
}

TEST_CASE("a cluster that is there twice is refused where it is repeated") {
  auto problems = parse_config("[clusters.a]\nhost = \"x\"\n[clusters.a]\nhost = \"y\"\n", "m.toml").problems;
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].line == 3);
  CHECK_THAT(problems[0].text, Catch::Contains("cannot redefine existing table 'clusters.a'"));
}

TEST_CASE("a key file that is listed must be there and readable for its cluster to be used") {
  support::scratch_folder folder;
  write_file(folder / "id_there", "key");
  auto read = [&](const std::string& list) {
    auto config = parse_config("[clusters.a]\nhost = \"x\"\nkey_files = " + list + "\n", folder / "m.toml");
    auto problems = config ? check_files(config.value, config.value.clusters.at(0)) : config.problems;
    std::string result;
    for (const auto& each : problems)
      result += std::to_string(each.line) + ":" + std::to_string(each.column) + " " + each.key + ": " +
                each.text + "\n";
    return result;
  };
  CHECK(read("[\"" + folder / "id_there" + "\"]").empty());
  CHECK(read("[\"" + folder / "id_gone" + "\"]") ==
        "3:0 clusters.a.key_files[0]: " + (folder / "id_gone") +
            " is not there (No such file or directory); allowed: a file that "
            "can be read\n");
  CHECK(read("[\"" + folder.path() + "\"]") ==
        "3:0 clusters.a.key_files[0]: " + folder.path() +
            " is not a regular file; allowed: a file that can be read\n");
  CHECK(read("[\"\"]") == "3:14 clusters.a.key_files[0]: the name is empty; allowed: a file's name\n");
  SECTION("a relative name is taken from the folder of the file") {
    auto result = parse_config("[clusters.a]\nhost = \"x\"\nkey_files = [\"id_there\"]\n", folder / "m.toml");
    REQUIRE(result);
    CHECK(result.value.clusters[0].settings.key_files == std::vector<std::string>{folder / "id_there"});
  }
  SECTION("~/ is the home folder, and stays as it is written") {
    environment_guard home{"HOME", folder.path()};
    auto result = parse_config("[clusters.a]\nhost = \"x\"\nkey_files = [\"~/id_there\"]\n", "/etc/m.toml");
    REQUIRE(result);
    CHECK(result.value.clusters[0].settings.key_files == std::vector<std::string>{"~/id_there"});
  }
}

TEST_CASE("text that is no TOML is refused with the place") {
  auto problems = parse_config("[clusters.a]\nhost = x.example\n", "m.toml").problems;
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].line == 2);
  CHECK(problems[0].text.starts_with("not TOML: "));
}

TEST_CASE("everything wrong with a file is told at once, in its order") {
  CHECK(problems_of("[clusters.b]\nport = 0\n[defaults]\nuser = 5\npool_size = "
                    "0\n[nodess]\n[clusters.a]\nhost = 1\n") ==
        "m.toml:1:11: clusters.b: host is missing; allowed: the name or address of the login node (or hosts, "
        "several; or "
        "ssh_host, a Host of ssh's)\n"
        "m.toml:2:8: clusters.b.port: 0 is out of range; allowed: 1 to 65535\n"
        "m.toml:4:8: defaults.user: an integer is the wrong type; allowed: a string\n"
        "m.toml:5:13: defaults.pool_size: 0 is out of range; allowed: 1 to 10000\n"
        "m.toml:6:2: nodess: there is no such section; did you mean nodes?\n"
        "m.toml:8:8: clusters.a.host: an integer is the wrong type; allowed: a string\n");
}

TEST_CASE("a file that cannot be read is refused, and the throwing form says the same") {
  support::scratch_folder folder;
  auto gone = folder / "gone.toml";
  auto result = try_load_config(gone);
  REQUIRE(result.problems.size() == 1);
  CHECK(to_string(result.problems[0]) == gone + ": cannot be read: No such file or directory");
  CHECK_THROWS_AS(load_config(gone), config_error);
  CHECK_THROWS_WITH(load_config(gone), gone + ": cannot be read: No such file or directory");
  CHECK_THROWS_WITH(load_config(folder.path()), folder.path() + ": cannot be read: it is a folder");
  write_file(folder / "large.toml", std::string((1 << 20) + 1, '#'));
  CHECK_THROWS_WITH(load_config(folder / "large.toml"),
                    (folder / "large.toml") + ": is larger than 1MiB; no configuration is");
  write_file(gone, "[clusters.a]\nhost = \"x\"\n");
  CHECK(load_config(gone).cluster_names() == std::vector<std::string>{"a"});
}

TEST_CASE("only regular files are read as configuration, and nothing is waited for") {
  support::scratch_folder folder;
  auto pipe = folder / "pipe.toml";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(load_config(pipe), pipe + ": cannot be read: it is a pipe; give a regular file");
  std::filesystem::create_symlink(pipe, folder / "link.toml");
  CHECK_THROWS_WITH(load_config(folder / "link.toml"), Catch::Contains("it is a pipe"));
  CHECK_THROWS_WITH(load_config("/dev/zero"),
                    "/dev/zero: cannot be read: it is a device; give a regular file");
}

TEST_CASE("a configuration that goes deeper than any does is refused before it is parsed") {
  auto repeated = [](std::string_view what, int times) {
    std::string result;
    for (int i = 0; i < times; ++i)
      result += what;
    return result;
  };
  auto deep = GENERATE_COPY(values<std::string>({
      "[a" + repeated(".a", 40'000) + "]\n",
      "a" + repeated(" . \"b.c\"", 40'000) + " = 1\n",
      "[clusters.x]\nhost = \"h\"\n'q'" + repeated(".a", 17) + " = 1\n",
      "x = " + repeated("[", 40'000),
      "x = " + repeated("{ a.b.c.d.e.f = ", 200) + "1" + repeated("}", 200),
      "x = \"\"\"\"\"\"\"\"\ny" + repeated(".a", 40'000) + " = 1\n",
      "# \" ' \"\"\"\n[a" + repeated(".a", 40'000) + "]\n",
      "x = '\\'\n[a" + repeated(".a", 40'000) + "]\n",
  }));
  CHECK_THAT(problems_of(deep), Catch::Contains("deeper than a configuration goes"));
}

TEST_CASE("a table's name that begins with what no name does is refused with its place") {
  for (auto begin : {"[#x]", "[=]", "[\xc3\xa9]", "[[ .a]]", "[\n", "[{"})
    CHECK_THAT(problems_of(std::string{"[log]\n  "} + begin),
               Catch::StartsWith("m.toml:2:3: not TOML: a table's name"));
  CHECK_THAT(problems_of("[]"), Catch::Contains("not TOML") && !Catch::Contains("a table's name"));
  CHECK(parsed("\t[ 'clusters' . a ] # [#\nhost = 'h'\nknown_hosts_files = [\n'/x',\n]\n").find("a") !=
        nullptr);
}

TEST_CASE("what the parser takes for impossible is refused as no TOML") {
  for (auto text : {"x = [[1], }[n]", "x = [1, ]]", "x = [}", "x = [1, #", "x = {a = }", "x = 1'\xc3\xa9'"})
    CHECK_THAT(problems_of(text), Catch::Contains("not TOML"));
}

TEST_CASE("letters beyond ASCII are taken in strings and comments only") {
  for (auto text :
       {"[log]\nfile = \xc3\xa9", "[log]\n\xce\xb1 = 1", "[log]\nfile\xc2\xa0= 'x'", "[log]\na.\xd0\x96 = 1"})
    CHECK_THAT(problems_of(text),
               Catch::StartsWith("m.toml:2:") && Catch::Contains("not TOML: only strings and comments"));
  CHECK(parsed("\xef\xbb\xbf# \xc3\xa9\n[log]\nfile = '/\xc3\xa9'\n").log_file == "/\xc3\xa9");
}

TEST_CASE("dots and brackets in strings and comments are not taken for depth") {
  auto text = "# " + std::string(50, '[') + std::string(50, '.') + "\n[clusters.a]\nhost = \"" +
              "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z\"\nknown_hosts_files = [";
  for (int i = 0; i < 50; ++i)
    text += "'/a.b/c.d/[[[/e.f',";
  CHECK(parsed(text + "]\n").find("a") != nullptr);
}

TEST_CASE("the file is looked for where the manual says") {
  support::scratch_folder folder;
  environment_guard named{"MOORAGE_CONFIG", folder / "named.toml"};
  CHECK(find_config_file() == folder / "named.toml");
  environment_guard unnamed{"MOORAGE_CONFIG", ""};
  environment_guard home{"HOME", folder.path()};
  std::filesystem::create_directories(folder / ".config/moorage");
  write_file(folder / ".config/moorage/moorage.toml", "");
  {
    environment_guard relative{"XDG_CONFIG_HOME", "relative"};
    CHECK(find_config_file() == folder / ".config/moorage/moorage.toml");
  }
  std::filesystem::create_directories(folder / "xdg/moorage");
  environment_guard xdg{"XDG_CONFIG_HOME", folder / "xdg"};
  CHECK(find_config_file() != folder / ".config/moorage/moorage.toml");
  write_file(folder / "xdg/moorage/moorage.toml", "");
  CHECK(find_config_file() == folder / "xdg/moorage/moorage.toml");
}

TEST_CASE("a cluster is a name of the file, or a destination that starts from the defaults") {
  auto config = parsed(
      "[defaults]\nuser = \"me\"\npool_size = 7\nport = 2200\n[clusters.lumi]\nhost = \"lumi.csc.fi\"\n");
  cluster_config found;
  REQUIRE(resolve_cluster(config, "lumi", found).code == errc::none);
  CHECK(found.settings.host == "lumi.csc.fi");
  REQUIRE(resolve_cluster(config, "you@h.example:2222", found).code == errc::none);
  CHECK(found.settings.name == "you@h.example:2222");
  CHECK(found.settings.host == "h.example");
  CHECK(found.settings.user == "you");
  CHECK(found.settings.port == 2222);
  CHECK(found.settings.pool_size == 7);
  CHECK(describe_origin(config, found, found.origin_of("host")) == "destination");
  CHECK(describe_origin(config, found, found.origin_of("pool_size")) == "m.toml:3 [defaults]");
  REQUIRE(resolve_cluster(config, "you@h.example", found).code == errc::none);
  CHECK(found.settings.port == 2200);
  auto wrong = resolve_cluster(config, "lumo", found);
  CHECK(wrong.code == errc::unknown_cluster);
  CHECK(wrong.text ==
        "no cluster 'lumo' in m.toml; did you mean lumi? (one that is in no file is written user@host:port)");
  CHECK(resolve_cluster(config, "mahti", found).text ==
        "no cluster 'mahti' in m.toml; there are lumi (one that is in no file is written user@host:port)");
  CHECK(resolve_cluster({}, "mahti", found).text ==
        "no cluster 'mahti' in the configuration: there is no file (one that "
        "is in no file is written user@host:port)");
  CHECK(resolve_cluster(config, "@h:x", found).code == errc::invalid_settings);
}

TEST_CASE("settings on the command line override the file, and are checked as it is") {
  auto config = parsed("[clusters.lumi]\nhost = \"lumi.csc.fi\"\npool_size = 3\n");
  auto lumi = config.clusters[0];
  CHECK(
      override_settings(lumi, {"pool_size=4", "connect_timeout=5s", "agent=no", "output_max=1MiB",
                               "known_hosts_files=/a", "known_hosts_files=/b", "strict_host_keys=accept-new"})
          .empty());
  CHECK(lumi.settings.pool_size == 4);
  CHECK(lumi.settings.connect_timeout == 5s);
  CHECK_FALSE(lumi.settings.agent);
  CHECK(lumi.settings.output_max == 1u << 20);
  CHECK(lumi.settings.known_hosts_files == std::vector<std::string>{"/a", "/b"});
  CHECK(lumi.settings.strict_host_keys == host_key_policy::accept_new);
  CHECK(describe_origin(config, lumi, lumi.origin_of("pool_size")) == "command line");
  auto before = lumi;
  auto problems = override_settings(lumi, {"pool_sise=4", "pool_size", "pool_size=many", "key_files=/gone"});
  std::string text;
  for (const auto& each : problems)
    text += to_string(each) + "\n";
  CHECK(text ==
        "-o pool_sise: there is no such setting; did you mean pool_size?\n"
        "-o pool_size: no value; allowed: KEY=VALUE\n"
        "-o pool_size: \"many\" is not understood; allowed: 1 to 10000\n"
        "-o key_files: /gone is not there (No such file or directory); allowed: a file that can be read\n");
  CHECK(lumi.settings == before.settings);
  CHECK(override_settings(lumi, {"min_idle=9"}).at(0).key == "'lumi': -o min_idle");
  CHECK(override_settings(lumi, {"host="}).size() == 1);
}
