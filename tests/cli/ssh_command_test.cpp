// `moorage ssh` in the place of ssh, against OpenSSH's sshd, with connections of its own or a node's.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/cli/ssh_home.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;

TEST_CASE("ssh passes the streams and the exit code on as they are, of a host that is in no file") {
  ssh_home home;
  auto ended = home.ssh({home.destination(), "echo out; echo err >&2; cat; exit", "3"}, "in\n");
  CHECK(ended.output == "out\nin\n");
  CHECK(ended.error_output == "err\n");
  CHECK(ended.code == 3);
  CHECK(home.ssh({home.destination(), "true"}).code == 0);
  CHECK(home.ssh({home.destination(), "-n", "cat"}, "not this").output.empty());
  CHECK(home.moorage({"ssh", "here", "echo a  b", "'c  d'"}).output == "a b c  d\n");
}

TEST_CASE("ssh reaches a host by its name alone, with -p and -l before or after it") {
  ssh_home home;
  for (const auto& words :
       {std::vector<std::string>{"-p", home.port(), "-l", home.sshd.user(), home.sshd.host()},
        {home.sshd.host(), "-p" + home.port(), "-nqxT", "-l", home.sshd.user()},
        {"-o", "Port=" + home.port(), "-oUser=\"" + home.sshd.user() + "\"", home.sshd.host()},
        {"-p" + home.port(), home.sshd.host()},
        {"ssh://" + home.sshd.user() + "@" + home.sshd.host() + ":" + home.port()},
        {"-oHostName=127.0.0.%h", "-p", home.port(), "1"},
        {"-4", "-p", home.port(), home.sshd.host()}}) {
    auto all = words;
    all.insert(all.end(), {"echo", "-n", "hello"});
    auto ended = home.ssh(all);
    INFO(ended.error_output);
    CHECK(ended.output == "hello");
    CHECK(ended.code == 0);
  }
  CHECK(home.moorage({"-v", "--config", home.config(), "ssh", "here", "exit 4"}).code == 4);
}

TEST_CASE("ssh ends with 255 for everything but the command's own code, and -q says nothing of it") {
  ssh_home home;
  auto killed = home.ssh({home.destination(), "kill -KILL $$"});
  CHECK(killed.code == 255);
  CHECK_THAT(killed.error_output, Contains("the command was ended by signal KILL"));
  auto denied = home.moorage({"ssh", "-i", home.sshd.unauthorised_client_key(), "here", "true"});
  CHECK(denied.code == 255);
  CHECK_THAT(denied.error_output, Contains("the command did not run"));
  for (const auto& wrong : {std::vector<std::string>{"-Z"},
                            {},
                            {"here"},
                            {"-t", "here", "true"},
                            {"-N", "here"},
                            {"-J", "a;b", "here", "true"},
                            {"-s", "here"},
                            {"-p", "x", "here", "true"}}) {
    auto ended = home.ssh(wrong);
    CHECK(ended.code == 255);
    CHECK_THAT(ended.error_output, StartsWith("moorage: "));
    CHECK(std::count(ended.error_output.begin(), ended.error_output.end(), '\n') == 1);
    CHECK(ended.output.empty());
  }
  CHECK(home.moorage({"--nosuch", "ssh", "here", "true"}).code == 255);
  CHECK(home.moorage({"--json", "ssh", "here", "true"}).code == 255);
  CHECK_THAT(denied.error_output, Contains("IdentityFile (key_files)"));
  auto by_exec =
      home.moorage({"exec", "-o", "key_files=" + home.sshd.unauthorised_client_key(), "here", "true"});
  CHECK_THAT(by_exec.error_output, Contains("key_files") && !Contains("IdentityFile"));
  home.sshd.stop();
  auto quiet = home.ssh({"-q", home.destination(), "true"});
  CHECK(quiet.code == 255);
  CHECK(quiet.error_output.empty());
}

TEST_CASE("ssh -q lets the command's stderr through, and -E has what moorage says in a file") {
  ssh_home home;
  CHECK(home.ssh({"-q", home.destination(), "echo err >&2"}).error_output == "err\n");
  auto log = home.folder / "log";
  std::ofstream{log} << "before\n";
  auto ended = home.ssh({"-E", log, home.destination(), "echo err >&2; kill -TERM $$"});
  CHECK(ended.code == 255);
  CHECK(ended.error_output == "err\n");
  std::stringstream text;
  text << std::ifstream{log}.rdbuf();
  CHECK_THAT(text.str(), StartsWith("before\n") && Contains("ended by signal TERM"));
  auto unwritable = home.ssh({"-E", "/no/such/folder/log", home.destination(), "true"});
  CHECK(unwritable.code == 255);
  CHECK_THAT(unwritable.error_output, Contains("cannot write to /no/such/folder/log"));
}

TEST_CASE("ssh -v logs what the pools do") {
  ssh_home home;
  CHECK_THAT(home.ssh({"-v", home.destination(), "true"}).error_output, Contains("opened"));
}

TEST_CASE("ssh's banner is on stderr, unless -q or a LogLevel of errors was said") {
  moorage::support::scratch_folder folder;
  std::ofstream{folder / "banner"} << "be nice\n";
  moorage::support::real_sshd_settings settings;
  settings.config = {"Banner " + folder / "banner"};
  ssh_home home{settings};
  CHECK(home.ssh({home.destination(), "true"}).error_output == "be nice\n");
  CHECK(home.ssh({"-q", home.destination(), "true"}).error_output.empty());
  for (const auto* level : {"QUIET", "FATAL", "ERROR"})
    CHECK(home.ssh({"-oLogLevel=" + std::string{level}, home.destination(), "true"}).error_output.empty());
  CHECK(home.ssh({"-oLogLevel=INFO", home.destination(), "true"}).error_output == "be nice\n");
  CHECK_THAT(home.ssh({"-oLogLevel=ERROR", "nobody@" + home.sshd.host() + ":1", "true"}).error_output,
             Contains("refused"));
}

TEST_CASE("ssh sends the variables that SendEnv and SetEnv name, where the server takes them") {
  moorage::support::real_sshd_settings settings;
  settings.config = {"AcceptEnv GREETING KIND_*"};
  ssh_home home{settings};
  auto how = home.ssh_spec({"-oSendEnv=GREETING OTHER", "-oSetEnv=KIND_A=\"1 2\"", home.destination(),
                            "echo \"[$GREETING] [$KIND_A] [$OTHER]\""});
  how.environment["GREETING"] = "hello";
  how.environment["OTHER"] = "no";
  auto ended = run(how);
  CHECK(ended.output == "[hello] [1 2] []\n");
  CHECK(ended.error_output.empty());
}

TEST_CASE("ssh -v names what of its options is not followed, once") {
  ssh_home home;
  std::vector<std::string> words{"-oGSSAPIAuthentication=yes", "-oMACs=umac-64@openssh.com,hmac-sha2-256",
                                 home.destination(), "true"};
  CHECK(home.ssh(words).error_output.empty());
  words.insert(words.begin(), "-v");
  auto told = home.ssh(words).error_output;
  auto named = std::string{"not followed: GSSAPIAuthentication, MACs umac-64@openssh.com"};
  CHECK_THAT(told, Contains(named));
  CHECK(told.find(named) == told.rfind(named));
}

TEST_CASE("ssh -G and -Q are answered by ssh, and -V by moorage") {
  ssh_home home;
  CHECK_THAT(home.moorage({"ssh", "-G", "-p", "2222", "nowhere"}).output, Contains("port 2222"));
  CHECK_THAT(home.moorage({"ssh", "-Q", "cipher"}).output, Contains("aes256-ctr"));
  auto version = home.moorage({"ssh", "-V"});
  CHECK(version.code == 0);
  CHECK(version.output.empty());
  CHECK_THAT(version.error_output, StartsWith("moorage "));
}

TEST_CASE("ssh leaves out a key file of -i that is not there, with a warning") {
  ssh_home home;
  auto ended = home.ssh({"-i", "/no/such/key", home.destination(), "true"});
  CHECK(ended.code == 0);
  CHECK_THAT(ended.error_output, Contains("/no/such/key is not there"));
}

TEST_CASE("through a node ssh uses the configuration's pool, and one of its own for each set of settings") {
  ssh_home home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  auto pools = [&] {
    auto names = home.moorage({"status"}).output;
    return std::count(names.begin(), names.end(), '\n');
  };
  CHECK(home.moorage({"ssh", "here", "true"}).code == 0);
  auto before = pools();
  CHECK(home.moorage({"ssh", "-oConnectTimeout=10", "-l", home.sshd.user(), "here", "true"}).code == 0);
  CHECK(pools() == before); // these are its settings anyway
  CHECK(home.ssh({home.destination(), "true"}).code == 0);
  CHECK(pools() == before + 1);
  auto log_ins = home.sshd.logins();
  for (auto i = 0; i < 3; ++i)
    CHECK(home.ssh({"-p", home.port(), "-l", home.sshd.user(), home.sshd.host(), "true"}).code == 0);
  CHECK(home.sshd.logins() == log_ins);
  CHECK(pools() == before + 1);
  CHECK(home.ssh({"-oConnectTimeout=11", home.destination(), "true"}).code == 0);
  CHECK(home.sshd.logins() > log_ins);
  CHECK(pools() == before + 2);
}

TEST_CASE("Ctrl-C ends ssh as it ends exec") {
  ssh_home home;
  auto how = home.ssh_spec({home.destination(), "echo started; exec sleep 600"});
  how.keep_input_open = true;
  program running{how};
  REQUIRE(running.wrote("started"));
  running.signal(SIGINT);
  CHECK(running.wait(5s).signal == SIGINT);
}

TEST_CASE("moorage-ssh is moorage ssh for programs that take a path and no words") {
  ssh_home home;
  auto how = home.spec({"here", "echo", "hello", "", "-p"});
  how.executable = MOORAGE_PROGRAM "-ssh";
  auto ended = run(how);
  CHECK(ended.output == "hello -p\n");
  CHECK(ended.code == 0);
}
