// `moorage exec`, `check` and `bench` against OpenSSH's sshd, with connections of their own.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <regex>

#include <nlohmann/json.hpp>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;

TEST_CASE("exec passes stdout, stderr and the exit code on as they are") {
  home_with_cluster home;
  auto ended = home.exec("echo out; echo err >&2; exit 7");
  CHECK(ended.output == "out\n");
  CHECK(ended.error_output == "err\n");
  CHECK(ended.code == 7);
  CHECK(home.exec("true").code == 0);
  CHECK(home.exec("exit 255").error_output.empty());
}

TEST_CASE("exec passes standard input on, binary and large, and its end") {
  home_with_cluster home;
  std::string bytes;
  for (std::uint32_t i = 0; i < 3'000'000; ++i)
    bytes += static_cast<char>(i * 7919 >> 3);
  auto ended = home.exec("cat", bytes);
  CHECK(ended.code == 0);
  CHECK(ended.output == bytes);
  CHECK(home.moorage({"exec", "here", "-n", "--", "cat"}, "not this").output.empty());
}

TEST_CASE("exec joins its words as ssh does, and quotes them when asked") {
  home_with_cluster home;
  CHECK(home.moorage({"exec", "here", "--", "echo", "a  b", "$((1+2))"}).output == "a b 3\n");
  CHECK(home.moorage({"exec", "here", "--quote", "--", "printf", "%s|", "a  b", "it's", "$x"}).output ==
        "a  b|it's|$x|");
  CHECK(home.moorage({"exec", "here", "hostname"}).code == 0);
}

TEST_CASE("exec sets the environment that it is given") {
  home_with_cluster home;
  auto ended = home.moorage({"exec", "here", "-e", "GREETING=it's a \"test\"", "-e", "N=2", "--",
                             "printf '%s %s' \"$GREETING\" $N"});
  CHECK(ended.output == "it's a \"test\" 2");
  CHECK(home.moorage({"exec", "here", "-e", "GREETING", "--", "true"}).code == 255);
}

TEST_CASE("exec --wait rides out an outage, and runs the command when the cluster is back") {
  home_with_cluster home;
  home.sshd.stop();
  program waiting{home.spec({"exec", "here", "--wait", "60s", "-v", "-n", "--", "echo back"})};
  REQUIRE(waiting.wrote("backing_off")); // of the log; without --wait it would be over now
  home.sshd.start();
  auto ended = waiting.wait(60s);
  CHECK(ended.code == 0);
  CHECK(ended.output == "back\n");
}

TEST_CASE("exec --wait tells the last error when the time is up, and not before") {
  home_with_cluster home;
  home.sshd.stop();
  auto began = std::chrono::steady_clock::now();
  auto ended = home.moorage({"exec", "here", "--wait", "1500ms", "-n", "--", "true"});
  CHECK(std::chrono::steady_clock::now() - began >= 1500ms);
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("refused") && Contains("it did not pass within 1."));
}

TEST_CASE("a command that a signal ended is 255 with a line that says so") {
  home_with_cluster home;
  auto ended = home.exec("kill -KILL $$");
  CHECK(ended.code == 255);
  CHECK(ended.error_output == "moorage: here: the command was ended by signal KILL\n");
}

TEST_CASE("a link that is lost is 255 with a line that says whether the command may have run") {
  home_with_cluster home;
  program running{home.spec({"exec", "here", "--", "echo started; sleep 600"})};
  REQUIRE(running.wrote("started"));
  // The session's sshd only: the command itself must not be seen to end.
  for (auto pid : home.sshd.processes().children())
    kill(pid, SIGKILL);
  auto ended = running.wait();
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("the command may have run: look before you run it again"));
  home.sshd.stop();
  auto refused = home.moorage({"exec", "here", "--wait", "15s", "--", "true"});
  CHECK(refused.code == 255);
  CHECK_THAT(refused.error_output, Contains("the command did not run: it is safe to run it again"));
}

TEST_CASE("a refusal says whether to run the command again, to mend something first, or to wait") {
  home_with_cluster home;
  auto nowhere = home.moorage({"exec", "here", "--machine", "other", "--", "true"});
  CHECK_THAT(nowhere.error_output, Contains("has no machine 'other'") && !Contains("safe to run") &&
                                       Contains("did not run; once that is mended, run it again"));
  home.sshd.stop();
  auto at_once = home.moorage({"exec", "here", "--wait", "0", "--", "true"});
  CHECK_THAT(at_once.error_output, Contains("no lease for 'here' was free at once") &&
                                       Contains("(--wait 0): --wait SECONDS waits") &&
                                       !Contains("wait longer"));
  auto refused = home.moorage({"exec", "here", "--", "true"});
  CHECK_THAT(refused.error_output,
             Contains("safe to run it again, which helps once that has passed or is mended"));
}

TEST_CASE("a server that forbids commands is told as what has to be mended before a command is run again") {
  moorage::support::real_sshd_settings settings;
  settings.config = {"MaxSessions 0"};
  home_with_cluster home{settings};
  auto ended = home.moorage({"exec", "here", "--", "true"});
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("MaxSessions 0") && !Contains("safe to run") &&
                                     Contains("did not run; once that is mended, run it again"));
}

TEST_CASE("exec waits for all output as ssh does, and with a linger time says when more may come") {
  home_with_cluster home;
  auto sorted = home.moorage({"exec", "here", "--", "bash -c 'exec > >(sleep 0.6; sort); echo b; echo a'"});
  CHECK(sorted.code == 0);
  CHECK(sorted.output == "a\nb\n");
  auto waited = home.moorage({"exec", "here", "--", "(sleep 1; echo late) & echo early; exit 3"});
  CHECK(waited.code == 3);
  CHECK(waited.output == "early\nlate\n");
  CHECK(waited.error_output.empty());
  auto left =
      home.moorage({"exec", "here", "--linger", "100ms", "--", "(sleep 60; echo late) & echo early; exit 3"});
  CHECK(left.code == 3);
  CHECK(left.output == "early\n");
  CHECK_THAT(left.error_output, Contains("holds its output open"));
  auto told = home.moorage({"exec", "here", "--json", "--linger", "100ms", "--", "sleep 60 & exit 3"});
  CHECK(json::parse(told.output)["output_open"] == true);
}

TEST_CASE("variables that the server turned down are named where the command must not be rewritten") {
  home_with_cluster home;
  auto ended =
      home.moorage({"exec", "here", "-o", "environment_fallback=none", "-e", "ONE=1", "--", "echo [$ONE]"});
  CHECK(ended.code == 0);
  CHECK(ended.output == "[]\n");
  CHECK_THAT(ended.error_output, Contains("not set for the command: ONE"));
  auto told = home.moorage(
      {"exec", "here", "--json", "-e", "ONE=1", "-e", "BASH_FUNC_x%%=() { :; }", "--", "echo [$ONE]"});
  CHECK(told.code == 0);
  CHECK(json::parse(told.output)["output"] == "[1]\n");
  CHECK(json::parse(told.output)["variables_refused"] == json::array({"BASH_FUNC_x%%"}));
}

TEST_CASE("a time-out ends the command and is told") {
  home_with_cluster home;
  auto ended = home.moorage({"exec", "here", "--timeout", "1500ms", "--", "sleep 600"});
  CHECK(ended.code == 255);
  CHECK_THAT(ended.error_output, Contains("may have run"));
  auto told = home.moorage({"exec", "here", "--json", "--timeout", "1500ms", "--", "sleep 600"});
  CHECK_THAT(told.output, Contains("command_timeout"));
}

TEST_CASE("Ctrl-C ends exec as it ends any program, and says what is known of the command") {
  home_with_cluster home;
  auto spec = home.spec({"exec", "here", "--", "echo started; exec sleep 600"});
  spec.keep_input_open = true;
  program running{spec};
  REQUIRE(running.wrote("started"));
  running.signal(SIGINT);
  auto ended = running.wait(5s);
  CHECK(ended.signal == SIGINT);
  // What became of it depends on whether sshd passes signals on to this user's commands.
  CHECK_THAT(ended.error_output, StartsWith("moorage: here: interrupted; the command "));
  CHECK(home.sshd.wait_for_connections(0, 10s));
}

TEST_CASE("a closed stdout ends exec at once") {
  home_with_cluster home;
  program running{home.spec({"exec", "here", "--", "yes"})};
  REQUIRE(running.wrote("y"));
  running.close_output();
  auto ended = running.wait(10s);
  CHECK(ended.signal == SIGPIPE);
  CHECK(ended.error_output.empty());
}

TEST_CASE("exec tells outcome and output as JSON") {
  home_with_cluster home;
  auto ended = home.moorage({"exec", "here", "--json", "--", "echo out; echo err >&2; exit 3"});
  CHECK(ended.code == 3);
  auto said = json::parse(ended.output);
  CHECK(said["outcome"] == "exited");
  CHECK(said["code"] == 3);
  CHECK(said["output"] == "out\n");
  CHECK(said["error_output"] == "err\n");
  CHECK(said["cause"].is_null());
  auto bytes = json::parse(home.moorage({"exec", "here", "--json", "--", "printf '\\377\\001'"}).output);
  CHECK(bytes["output_base64"] == "/wE=");
  auto killed = json::parse(home.moorage({"exec", "here", "--json", "--", "kill -TERM $$"}).output);
  CHECK(killed["outcome"] == "signalled");
  CHECK(killed["signal"] == "TERM");
}

TEST_CASE("a full disk is 255 with a line that says so") {
  home_with_cluster home;
  for (auto json : {false, true}) {
    auto spec = home.spec({"-c", std::string{MOORAGE_PROGRAM " exec here "} + (json ? "--json " : "") +
                                     "-- echo hello >/dev/full"});
    spec.executable = "sh";
    auto ended = run(spec);
    CHECK(ended.code == 255);
    CHECK_THAT(ended.error_output, Contains("cannot write to standard output"));
  }
}

TEST_CASE("a closed standard input is an empty one") {
  home_with_cluster home;
  auto spec = home.spec({"-c", MOORAGE_PROGRAM " exec here -- wc -c <&-"});
  spec.executable = "sh";
  CHECK(run(spec).output == "0\n");
}

TEST_CASE("every setting can be given on the command line, the host too") {
  home_with_cluster home;
  CHECK(home.moorage({"exec", "here", "-o", "host=127.0.0.1", "--", "true"}).code == 0);
  auto torn = home.moorage({"exec", "here", "--socket", "/nowhere", "-o", "pool_size=2", "--", "true"});
  CHECK(torn.code == 255);
  CHECK_THAT(torn.error_output, Contains("a node has its own settings"));
  auto loud = home.moorage({"exec", "here", "--log-level", "DEBUG", "--", "true"});
  CHECK_THAT(loud.error_output, Contains("moorage debug"));
}

TEST_CASE("a destination needs no configuration but its keys") {
  home_with_cluster home;
  auto destination = home.sshd.user() + "@" + home.sshd.host() + ":" + std::to_string(home.sshd.port());
  auto ended =
      home.moorage({"exec", destination, "-o", "key_files=" + home.sshd.client_key(), "-o",
                    "known_hosts_files=" + home.sshd.known_hosts(), "-o", "agent=no", "--", "echo", "hello"});
  CHECK(ended.output == "hello\n");
  CHECK(ended.error_output.empty());
}

TEST_CASE("check tells how long each step took") {
  home_with_cluster home;
  auto ended = home.moorage({"check", "here"});
  CHECK(ended.code == 0);
  for (auto text : {"here (", "by a connection of our own", "connect", "key exchange", "host key",
                    "authenticate", "probe", "true exited 0", "all is well after"})
    CHECK_THAT(ended.output, Contains(text));
  auto said = json::parse(home.moorage({"check", "here", "--json"}).output);
  CHECK(said["well"] == true);
  CHECK(said["trouble"].is_null());
  CHECK(said["steps"].size() >= 6);
  CHECK(said["steps"][0]["took_seconds"].is_number());
}

TEST_CASE("a time that was measured is told with three digits") {
  home_with_cluster home;
  auto told =
      home.moorage({"check", "here"}).output + home.moorage({"bench", "here", "--time", "50ms"}).output;
  INFO(told);
  const std::regex time{R"(([0-9.]+) (s|ms|µs)\b)"};
  auto times = 0;
  for (std::sregex_iterator each{told.begin(), told.end(), time}, end; each != end; ++each) {
    auto number = (*each)[1].str();
    CHECK(
        (number == "0" || std::count_if(number.begin(), number.end(), [](char c) { return c != '.'; }) == 3));
    times += number == "0" ? 0 : 1;
  }
  CHECK(times >= 10);
}

TEST_CASE("the home folder that a shell leaves as ~ in --config= is found") {
  home_with_cluster home;
  CHECK(home.moorage({"--config=~/moorage.toml", "config", "--names"}).output == "here\n");
}

TEST_CASE("check tells which step failed, and ends with 5") {
  home_with_cluster home;
  auto denied = home.moorage({"check", "here", "-o", "key_files=" + home.sshd.unauthorised_client_key()});
  CHECK(denied.code == 5);
  CHECK_THAT(denied.output, Contains("key exchange") && Contains("denied") && Contains("not well"));
  CHECK_FALSE(denied.error_output.empty());
  home.sshd.change_host_keys();
  auto changed = json::parse(home.moorage({"check", "here", "--json"}).output);
  CHECK(changed["well"] == false);
  CHECK(changed["trouble"]["code"] == "host_key_changed");
}

TEST_CASE("check probes in the pool's own way, and finds dead what the pool finds dead") {
  home_with_cluster home;
  auto by_exec = [&](const std::string& command) {
    return home.moorage({"check", "here", "-o", "probe=exec", "-o", "probe_command=" + command});
  };
  auto dead = by_exec("exit 7");
  CHECK(dead.code == 5);
  CHECK_THAT(dead.output, !Contains("exited 7") && Contains("not well"));
  CHECK(dead.error_output == "moorage: here: the probe's command exit 7: exited 7\n");
  auto well = by_exec("exit 0");
  CHECK(well.code == 0);
  CHECK_THAT(well.output, Contains("the command exit 0 succeeded") && !Contains("true exited"));
}

TEST_CASE("check runs the command that it is given, instead of the pool's probe") {
  home_with_cluster home;
  auto failed = home.moorage({"check", "here", "--command", "exit 7"});
  CHECK(failed.code == 5);
  CHECK_THAT(failed.output, !Contains("exited 7") && !Contains("channel") && Contains("not well"));
  CHECK(failed.error_output == "moorage: here: the command 'exit 7' did not end well: exited 7\n");
  auto well =
      home.moorage({"check", "here", "-o", "probe=exec", "-o", "probe_command=exit 7", "--command", "echo"});
  CHECK(well.code == 0);
}

TEST_CASE("check says that a channel was refused, and is not content with that") {
  moorage::support::real_sshd_settings settings;
  settings.config = {"MaxSessions 0"};
  home_with_cluster home{settings};
  auto ended = home.moorage({"check", "here"});
  CHECK(ended.code == 5);
  CHECK_THAT(ended.output, Contains("the server answers, but opened no channel: ") &&
                               !Contains("a channel opened and closed") && Contains("not well"));
  CHECK_THAT(ended.error_output, StartsWith("moorage: here: the command 'true' did not run: ") &&
                                     Contains("MaxSessions 0") && !Contains("never_sent") &&
                                     !Contains("exec_refused") && !Contains("channels_per_connection"));
  auto by_command = home.moorage({"check", "here", "-o", "probe=exec", "-o", "probe_command=true"});
  CHECK_THAT(by_command.error_output,
             Contains("the probe's command true did not run: ") && !Contains("never_sent"));
}

TEST_CASE("check ends with 5 when the log-in is denied, whichever way") {
  home_with_cluster home;
  CHECK(home.moorage({"check", "here", "-o", "key_files=" + home.sshd.unauthorised_client_key()}).code == 5);
  auto locked = home.moorage({"check", "here", "-o", "key_files=" + home.sshd.locked_client_key()});
  INFO(locked.output << locked.error_output);
  CHECK(locked.code == 5);
  home.sshd.reconfigure({"DenyUsers *"});
  CHECK(home.moorage({"check", "here"}).code == 5);
  home.sshd.reconfigure({"AuthenticationMethods publickey,publickey"});
  CHECK(home.moorage({"check", "here"}).code == 5);
}

TEST_CASE("bench measures leases and commands") {
  home_with_cluster home;
  auto ended = home.moorage({"bench", "here", "--time", "200ms", "--callers", "2", "--json"});
  CHECK(ended.error_output.empty());
  REQUIRE(ended.code == 0);
  auto said = json::parse(ended.output);
  CHECK(said["leases"]["per_second"] > 0);
  CHECK(said["commands"]["count"] > 0);
  CHECK(said["commands"]["failed"] == 0);
  CHECK_THAT(home.moorage({"bench", "here", "--time", "100ms"}).output,
             Contains("acquire and release") && Contains("with true"));
}
