// Clusters that are Hosts of OpenSSH's configuration, by the program, at real sshds.
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/cli/hosts_home.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/watched_process.hpp"

using namespace moorage;
using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::real_sshd;

TEST_CASE("a Host of ssh's configuration is a cluster without more ado, with a node and without") {
  hosts_home home;
  CHECK(home.moorage({"exec", "lumi", "--", "echo", "alone"}).output == "alone\n");
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  auto logins = home.sshd.logins();
  CHECK(home.moorage({"exec", "lumi", "--", "echo", "one"}).output == "one\n");
  CHECK(home.moorage({"exec", "lumi", "--", "echo", "two"}).output == "two\n");
  CHECK(home.sshd.logins() == logins + 1);
  auto config = home.moorage({"config", "lumi"}).output;
  CHECK_THAT(config, Contains("[clusters.lumi]") && Contains("# ssh -G lumi"));
  CHECK_THAT(home.moorage({"config", "lumi", "--json"}).output, Contains("\"origin\": \"ssh -G lumi\""));
}

TEST_CASE(
    "of a Host whose key files are not there the agent's keys are used, as ssh does, at a jump as well") {
  hosts_home home;
  real_sshd gate;
  support::ssh_agent agent{{home.sshd.client_key(), gate.client_key()}};
  const auto missing = "  IdentityFile " + (home.folder / "nope") + "\n";
  auto without_key = [&](const std::string& name, const real_sshd& sshd) {
    return "Host " + name + "\n  HostName " + sshd.host() + "\n  Port " + std::to_string(sshd.port()) +
           "\n  User " + sshd.user() + "\n" + missing + "  UserKnownHostsFile " + sshd.known_hosts() + "\n";
  };
  home.write(without_key("gate", gate) + without_key("lumi", home.sshd) + without_key("far", home.sshd) +
             "  ProxyJump gate\nHost only\n  HostName " + home.sshd.host() + "\n" + missing +
             "  IdentitiesOnly yes\n");
  auto with_agent = [&](const std::string& cluster) {
    auto spec = home.spec({"exec", cluster, "--", "echo", "in"});
    spec.environment["SSH_AUTH_SOCK"] = agent.socket();
    return run(spec);
  };
  CHECK(with_agent("lumi").output == "in\n");
  CHECK(with_agent("far").output == "in\n");
  CHECK(gate.logins() == 1);
  auto refused = with_agent("only");
  CHECK(refused.code == 255);
  CHECK_THAT(refused.error_output, Contains("IdentityFile of 'only' in ssh's configuration: " +
                                            (home.folder / "nope") + " is not there"));
}

TEST_CASE("a bad key or certificate beside a Host's good key keeps neither ssh nor moorage from logging in") {
  hosts_home home;
  const auto gone = home.folder / "gone", folder = home.folder / "folder", garbage = home.folder / "garbage";
  std::filesystem::create_directory(folder);
  std::ofstream{garbage} << "no key at all\n";
  std::filesystem::permissions(garbage, std::filesystem::perms::owner_read);
  const auto lumi = host_of("lumi", home.sshd) + "  IdentitiesOnly yes\n";
  auto both = [&home](std::vector<std::string> words) {
    words.insert(words.begin(), {"ssh", "-F", home.ssh_config()});
    words.insert(words.end(), {"lumi", "echo", "in"});
    auto ended = home.moorage(words);
    INFO(ended.error_output);
    CHECK(ended.output == "in\n");
    auto ssh = home.spec(words);
    ssh.executable = "/usr/bin/env";
    ssh.arguments.insert(ssh.arguments.begin() + 1, {"-o", "BatchMode=yes"});
    CHECK(run(ssh).output == "in\n");
    return ended.error_output;
  };
  home.write(lumi);
  for (const auto& certificate : {gone, folder, garbage})
    for (const auto& words : {std::vector<std::string>{"-o", "CertificateFile=" + certificate},
                              {"-i", home.sshd.client_key(), "-o", "CertificateFile=" + certificate}}) {
      auto told = both(words);
      CHECK((certificate == garbage ? told.empty()
                                    : told.starts_with("moorage: warning: CertificateFile: " + certificate)));
    }
  for (const auto& key : {gone, folder, garbage})
    CHECK_THAT(both({"-i", key, "-i", home.sshd.client_key()}), !Contains("key_files"));
  // One that is not there is told of once, though the process begins anew to have a pool.
  CHECK(both({"-i", gone}) ==
        "moorage: warning: -i: " + gone + " is not there (No such file or directory)\n");
  for (const auto& line : {"IdentityFile " + folder, "CertificateFile " + gone, "IdentityFile " + garbage}) {
    home.write(lumi + "  " + line + "\n");
    CHECK_THAT(both({}), !Contains("lumi-"));
    auto exec = home.moorage({"exec", "lumi", "--", "echo", "in"});
    CHECK(exec.output == "in\n");
    auto file = line.substr(line.find(' ') + 1);
    if (file != garbage)
      CHECK_THAT(exec.error_output,
                 Catch::Matchers::StartsWith("moorage: warning: " + line.substr(0, line.find(' ')) +
                                             " of 'lumi' in ssh's configuration: " + file));
    CHECK_THAT(home.moorage({"config", "lumi"}).error_output,
               Contains(file == garbage ? "" : "warning: " + line.substr(0, line.find(' '))));
  }
}

TEST_CASE("a user and a port that ssh's words name are ssh's own to match and to put into names") {
  hosts_home home;
  std::filesystem::copy_file(home.sshd.client_key(), home.folder / ("key-" + home.sshd.user()));
  auto port = std::to_string(home.sshd.port());
  auto common = "  HostName " + home.sshd.host() + "\n  IdentityAgent none\n  UserKnownHostsFile " +
                home.sshd.known_hosts() + "\n";
  // Only who is asked for as this user is led to the right port, and has a key.
  home.write("Match originalhost lumi user " + home.sshd.user() + "\n  Port " + port + "\n  IdentityFile " +
             (home.folder / "key-%r") + "\nHost lumi\n  User nobody\n  Port 1\n" + common +
             "Host plain\n  Port " + port + "\n  IdentityFile " + (home.folder / "key-%r") + "\n" + common);
  const auto user = home.sshd.user();
  for (const auto& words : {std::vector<std::string>{"-l", user, "lumi"},
                            {"-oUser=" + user, "lumi"},
                            {user + "@lumi"},
                            {"ssh://" + user + "@lumi"},
                            {"-l", user, "-p", port, "lumi"},
                            {user + "@plain"}}) {
    auto all = words;
    all.insert(all.begin(), "ssh");
    all.insert(all.end(), {"echo", "here"});
    auto ended = home.moorage(all);
    INFO(ended.error_output);
    CHECK(ended.output == "here\n");
    all.insert(all.begin() + 1, {"-F", home.ssh_config(), "-o", "BatchMode=yes"});
    all.erase(all.begin());
    all.insert(all.begin(), "ssh");
    auto ssh = home.spec(all);
    ssh.executable = "/usr/bin/env";
    CHECK(run(ssh).output == "here\n");
  }
  CHECK(home.moorage({"ssh", "-oConnectTimeout=5", "lumi", "true"}).code == 255);
  // A table that names the Host as well.
  home.configure("[clusters.far]\nssh_host = \"lumi\"\n");
  CHECK(home.moorage({"ssh", "-l", user, "far", "echo", "here"}).output == "here\n");
}

TEST_CASE("a Host's SetEnv and SendEnv are each command's: of who asks, and never of the node") {
  support::real_sshd_settings settings;
  settings.config = {"AcceptEnv SITE LC_*"};
  hosts_home home{settings};
  home.write(host_of("lumi", home.sshd) +
             "  SetEnv SITE=\"up north\"\n  SendEnv LC_MINE LC_ONLY_NODES SECRET\n");
  auto node_spec = home.spec({"serve"});
  node_spec.environment["LC_MINE"] = "the node's";
  node_spec.environment["LC_ONLY_NODES"] = "the node's";
  const std::string shown = "echo \"[$SITE] [$LC_MINE] [$LC_ONLY_NODES] [$LC_OTHER] [$SECRET]\"";
  auto all = [&](const std::string& how) {
    INFO(how);
    for (const auto& words :
         {std::vector<std::string>{"exec", "lumi", "--", shown}, {"ssh", "lumi", shown}}) {
      auto spec = home.spec(words);
      spec.environment["LC_MINE"] = "who asks";
      spec.environment["LC_OTHER"] = "x";
      spec.environment["SECRET"] = "x";
      auto ended = run(spec);
      CHECK(ended.output == "[up north] [who asks] [] [] []\n");
      CHECK(ended.error_output.empty());
      spec.arguments = {"ssh", "-oSendEnv=LC_OTHER", "-oSetEnv=SITE=south", "lumi", shown};
      CHECK(run(spec).output == "[south] [who asks] [] [x] []\n");
    }
  };
  all("alone");
  program node{node_spec};
  REQUIRE(node.wrote("serving 0 clusters on "));
  auto logins = home.sshd.logins();
  all("by a node");
  CHECK(home.sshd.logins() == logins + 1); // variables are a command's, and make no pool of its own
}

TEST_CASE("a name that neither the configuration nor ssh's has is refused, with both named") {
  hosts_home home;
  auto wrong = home.moorage({"exec", "lumo", "--", "true"});
  CHECK(wrong.code == 255);
  CHECK_THAT(wrong.error_output,
             Contains("no cluster 'lumo'") && Contains("ssh_config have a Host of that name"));
}

TEST_CASE("without the program ssh a Host is refused with that reason, and what needs none goes on") {
  hosts_home home;
  home.configure(cluster_table("plain", home.sshd));
  std::filesystem::create_directory(home.folder / "bin");
  auto exec = home.spec({"PATH=" + (home.folder / "bin"), MOORAGE_PROGRAM, "exec", "lumi", "--", "true"});
  exec.executable = "/usr/bin/env";
  CHECK_THAT(run(exec).error_output,
             Contains("ssh could not be run: No such file") && Contains("install OpenSSH's client"));
  auto ssh = exec;
  ssh.arguments[2] = "ssh";
  CHECK_THAT(run(ssh).error_output, Contains("install OpenSSH's client")); // and goes nowhere
  exec.arguments[3] = "plain";
  CHECK(run(exec).code == 0);
}

TEST_CASE("a node begins whatever ssh says of one of its clusters, and a reload mends that") {
  hosts_home home;
  home.write(host_of("lumi", home.sshd) + "Host broken\n  Port x\n");
  home.configure("[clusters.far]\nssh_host = \"lumi\"\n" + cluster_table("plain", home.sshd));
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("moorage.toml:4: clusters.far.ssh_host: ssh_config cannot be read for 'lumi'"));
  REQUIRE(node.wrote("serving 1 cluster on "));
  CHECK(home.moorage({"exec", "plain", "--", "echo", "well"}).output == "well\n");
  auto refused = home.moorage({"exec", "far", "--", "true"});
  CHECK(refused.code == 255);
  CHECK_THAT(refused.error_output, Contains("Bad port 'x'"));
  home.write(host_of("lumi", home.sshd));
  CHECK(home.moorage({"admin", "reload"}).code == 0);
  CHECK(home.moorage({"exec", "far", "--", "echo", "mended"}).output == "mended\n");
  // One that was well stays as it was.
  home.write("Nonsense\n");
  auto told = home.moorage({"admin", "reload"});
  CHECK(told.code != 0);
  CHECK_THAT(told.error_output, Contains("clusters.far.ssh_host") && Contains("ssh_config line 1: "));
  CHECK(home.moorage({"exec", "far", "--", "echo", "still"}).output == "still\n");
}

TEST_CASE("Hosts behind one ProxyJump share its connection at a node, whoever names them") {
  hosts_home home;
  real_sshd gate;
  home.write(host_of("gate", gate) + "Host far*\n  ProxyJump gate\n" + host_of("far* lumi", home.sshd));
  home.configure("[clusters.own]\nssh_host = \"far0\"\n");
  auto alone = home.moorage({"exec", "far1", "--", "echo", "alone"});
  INFO(alone.error_output);
  CHECK(alone.output == "alone\n");
  CHECK(gate.logins() == 1);
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 2 clusters on "));
  for (const char* each : {"own", "far1", "far2", "far3"})
    CHECK(home.moorage({"exec", each, "--", "echo", each}).output == std::string{each} + "\n");
  CHECK(home.moorage({"ssh", "far4", "echo", "as ssh"}).output == "as ssh\n");
  CHECK(gate.logins() == 2);
  CHECK_THAT(home.moorage({"config", "far1"}).output,
             Contains("jump = \"gate\"") && Contains("# ssh -G far1"));
  // A cluster of which ssh says nothing any more stays as it was, and so does its way.
  home.write("Host far0\n  Port x\n" + host_of("gate", gate));
  CHECK(home.moorage({"admin", "reload"}).code != 0);
  CHECK(home.moorage({"exec", "own", "--", "echo", "still"}).output == "still\n");
  CHECK(gate.logins() == 2);
  // Without the one that the file had, the way of those that clients told of stays.
  home.write(host_of("gate", gate) + "Host far*\n  ProxyJump gate\n" + host_of("far* lumi", home.sshd));
  home.configure("");
  CHECK(home.moorage({"admin", "reload"}).output == "0 clusters new or changed, 1 cluster removed\n");
  home.sshd.kill_connections();
  auto others = home.moorage({"exec", "far1", "--", "echo", "still there"});
  INFO(others.error_output);
  CHECK(others.output == "still there\n");
}

TEST_CASE("check tells of each hop on the way, and which one failed") {
  hosts_home home;
  real_sshd gate;
  home.write(host_of("gate", gate) + "Host far\n  ProxyJump gate\n" + host_of("far", home.sshd));
  auto told = home.moorage({"check", "far"});
  CHECK(told.code == 0);
  CHECK_THAT(told.output, Contains("gate: authenticate") && Contains("\nauthenticate") &&
                              Contains("by the jump host 'gate'") && Contains("all is well"));
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  CHECK(home.moorage({"exec", "gate", "--", "true"}).code == 0);
  CHECK_THAT(home.moorage({"check", "far"}).output,
             Contains("gate: connection") && Contains("was open already"));
  node.signal(SIGTERM);
  node.wait(20s);
  auto steps = nlohmann::json::parse(home.moorage({"check", "far", "--json"}).output)["steps"];
  CHECK(steps.front()["cluster"] == "gate");
  CHECK(steps.back()["cluster"] == "far");
  gate.change_host_keys();
  auto changed = home.moorage({"check", "far"});
  CHECK(changed.code == 5);
  CHECK_THAT(changed.output, Contains("gate: try failed") && Contains("not well"));
  // The cause is told whole by the error, and once.
  auto all = changed.output + changed.error_output;
  auto cause = std::string{"Somebody may be intercepting"};
  INFO(all);
  REQUIRE(all.find(cause) != std::string::npos);
  CHECK(all.find(cause) == all.rfind(cause));
}

TEST_CASE(
    "a Host whose revoked keys would be let in is refused by every command, and in JSON by check --json") {
  hosts_home home;
  std::ofstream{home.folder / "revoked"} << home.sshd.host_key() << "\n";
  home.write(host_of("lumi", home.sshd) + "  RevokedHostKeys " + (home.folder / "revoked") + "\n");
  for (const auto& words : {std::vector<std::string>{"exec", "lumi", "--", "echo", "in"},
                            {"ssh", "lumi", "echo", "in"},
                            {"check", "lumi"}}) {
    auto refused = home.moorage(words);
    CHECK(refused.code != 0);
    CHECK(refused.output == "");
    CHECK_THAT(refused.error_output, Contains("RevokedHostKeys is not supported") && Contains("@revoked") &&
                                         Contains("stands in " + home.ssh_config() + " line 8"));
  }
  auto told = nlohmann::json::parse(home.moorage({"check", "lumi", "--json"}).output);
  CHECK(told["well"] == false);
  CHECK_THAT(told["trouble"]["text"], Contains("RevokedHostKeys"));
}

TEST_CASE("what ssh's configuration has and is not followed is told: by config, by a node, and with -v") {
  hosts_home home;
  home.write(host_of("lumi", home.sshd) + "  HostbasedAuthentication yes\n  VerifyHostKeyDNS yes\n");
  CHECK_THAT(home.moorage({"config", "lumi"}).output,
             Contains("# HostbasedAuthentication of ssh's configuration is not followed\n") &&
                 Contains("# VerifyHostKeyDNS of"));
  auto named = std::string{"lumi: of what ssh's configuration says, not followed: "
                           "HostbasedAuthentication, VerifyHostKeyDNS"};
  finished exec; // none waits for the thread that tells
  for (auto deadline = std::chrono::steady_clock::now() + 20s;
       exec.error_output.empty() && std::chrono::steady_clock::now() < deadline;) {
    exec = home.moorage({"exec", "lumi", "--", "true"});
    CHECK(exec.code == 0);
  }
  CHECK(exec.error_output == "moorage: " + named + "\n");
  auto told = home.moorage({"-v", "exec", "lumi", "--", "true"}).error_output;
  CHECK_THAT(told, Contains(named));
  CHECK(told.find(named, told.find(named) + 1) == std::string::npos);
  home.configure("[clusters.own]\nssh_host = \"lumi\"\n");
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  CHECK(home.moorage({"exec", "own", "--", "true"}).code == 0);
  node.signal(SIGTERM);
  auto by_node = node.wait(20s).error_output;
  auto line = "own" + named.substr(named.find(':')) + "\n";
  CHECK_THAT(by_node, Contains(line));
  CHECK(by_node.find(line, by_node.find(line) + 1) == std::string::npos);
}

TEST_CASE("Ctrl-C ends a command whose ssh configuration waits for something") {
  hosts_home home;
  home.write("Match exec \"echo $PPID > " + (home.folder / "begun") + "; exec sleep 600\"\n  User me\n");
  for (const auto& words : {std::vector<std::string>{"--embedded", "exec", "lumi", "--", "true"},
                            {"ssh", "-F", home.ssh_config(), "lumi", "true"},
                            {"ssh", "-F", home.ssh_config(), "-l", "me", "lumi", "true"}}) {
    std::filesystem::remove(home.folder / "begun");
    program command{home.spec(words)};
    auto deadline = std::chrono::steady_clock::now() + 20s;
    while (support::contents_of(home.folder / "begun").empty() && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    support::watched_process waited_for{std::stoi(support::contents_of(home.folder / "begun"))};
    command.signal(SIGINT);
    auto ended = command.wait(8s); // the wait itself would have ended after 10 s
    CHECK(ended.signal == SIGINT);
    CHECK_THAT(ended.error_output, Contains("lumi: interrupted; the command did not run"));
    CHECK(waited_for.ends(8s));
  }
}

TEST_CASE("moorage ssh reads the configuration that ssh reads, goes by jump hosts and proxies, and shares "
          "connections") {
  hosts_home home;
  real_sshd gate;
  home.write(host_of("gate", gate) + host_of("lumi", home.sshd) + "Host far\n  HostName 127.0.0.1\n" +
             "  ProxyJump gate\n  Include " + (home.folder / "lumi") + "\n" +
             "Host *\n  UserKnownHostsFile " + home.sshd.known_hosts() + "\n");
  std::ofstream{home.folder / "lumi"} << "Port " << home.sshd.port() << "\nUser " << home.sshd.user()
                                      << "\nIdentityFile " << home.sshd.client_key()
                                      << "\nIdentityAgent none\n";
  auto ssh = [&home](std::vector<std::string> words) {
    words.insert(words.begin(), {"ssh", "-F", home.ssh_config()});
    auto ended = home.moorage(words);
    INFO(ended.error_output);
    CHECK(ended.code == 0);
    return ended.output;
  };
  CHECK(ssh({"lumi", "echo", "direct"}) == "direct\n");
  CHECK(gate.logins() == 0);
  CHECK(ssh({"far", "echo", "by the gate"}) == "by the gate\n");
  CHECK(gate.logins() == 1);
  CHECK(ssh({"-J", "gate", "lumi", "echo", "by -J"}) == "by -J\n");
  CHECK(gate.logins() == 2);
  auto command = "ssh -F " + home.ssh_config() + " -W %h:%p gate";
  CHECK(ssh({"-o", "ProxyCommand=" + command, "lumi", "echo", "by -W"}) == "by -W\n");
  CHECK(gate.logins() == 3);
  // What a pattern for all says holds for a name that no Host has.
  CHECK(ssh({"-p", std::to_string(home.sshd.port()), "-i", home.sshd.client_key(), "-o", "IdentityAgent=none",
             "-l", home.sshd.user(), "localhost", "-o", "HostName=127.0.0.1", "echo", "of all"}) ==
        "of all\n");
  // Through a node one connection carries what has the same settings; it is in another folder than we are.
  auto serve = home.spec({"-c", std::string{"cd / && exec "} + MOORAGE_PROGRAM + " serve"});
  serve.executable = "/bin/sh";
  program node{serve};
  REQUIRE(node.wrote("serving 0 clusters on "));
  auto before = home.sshd.logins();
  CHECK(ssh({"far", "echo", "one"}) == "one\n");
  CHECK(ssh({"far", "echo", "two"}) == "two\n");
  CHECK(home.sshd.logins() == before + 1);
  CHECK(gate.logins() == 4);
  auto there = home.spec({"-c", "cd " + home.folder.path() + " && exec " + MOORAGE_PROGRAM +
                                    " ssh -F ssh_config -J gate lumi echo relative"});
  there.executable = "/bin/sh";
  auto jumped = run(there);
  INFO(jumped.error_output);
  CHECK(jumped.output == "relative\n");
  auto broken = home.moorage({"ssh", "-F", "/no/such/file", "lumi", "true"});
  CHECK(broken.code == 255);
  CHECK_THAT(broken.error_output, Contains("/no/such/file"));
}
