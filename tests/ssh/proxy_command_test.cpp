// A command in the place of the TCP connection: its text, and as a way through.
#include <atomic>
#include <csignal>
#include <fstream>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/ssh/opening/proxy_command.hpp"
#include "tests/ssh/proxy_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::fake_sshd;
using support::real_sshd;

TEST_CASE("a server is reached through ssh's own forwarding on another server", "[proxy]") {
  support::real_sshd_settings ordinary;
  ordinary.ordinary_user = true; // whom sshd does not treat as it does root
  real_sshd gateway{ordinary};
  real_sshd server;
  world around;
  driven link{around, through(around, server, by_way_of(gateway))};
  const bool open = link.open();
  INFO((link.failed ? link.failed->text : ""));
  REQUIRE(open);
  CHECK(gateway.logins() == 1);
  CHECK(link.run("echo well").output == "well\n");
  CHECK(link.ask(1));
  REQUIRE(link.steps.size() >= 2);
  CHECK(link.steps[0].stage == ssh_stage::prepare);
  CHECK(link.steps[1].stage == ssh_stage::connect); // and no look-up
  const auto proxy = proxy_of(link);
  CHECK(members(proxy) == 1); // the shell has become the command
  link.close();
  CHECK(link.closed);
  CHECK(gone(proxy));
}

TEST_CASE("with a proxy command no name is looked up here, and no address is tried", "[proxy]") {
  real_sshd server;
  world around;
  auto asked = std::make_shared<std::atomic<int>>(0);
  around.resolve = [asked](const std::string&, std::uint16_t) {
    ++*asked;
    return resolution{};
  };
  auto settings = through(around, server, relay("echo %h %n %p %r 100%% > " + (around.home / "told") + "; "));
  settings.host = "only.behind.example";
  settings.strict_host_keys = host_key_policy::off;
  settings.address_family = address_family::inet6; // of no meaning
  driven link{around, settings};
  REQUIRE(link.open());
  CHECK(link.run("echo well").output == "well\n");
  CHECK(*asked == 0);
  const auto port = std::to_string(server.port());
  CHECK(support::contents_of(around.home / "told") ==
        "only.behind.example only.behind.example " + port + " " + server.user() + " 100%\n");
}

TEST_CASE("a good-bye comes to the server through the proxy", "[proxy]") {
  real_sshd server;
  world around;
  driven link{around, through(around, server, relay())};
  REQUIRE(link.open());
  const auto proxy = proxy_of(link);
  CHECK(link.close() <= prompt);
  CHECK(link.closed);
  CHECK(server.wait_for_log("Received disconnect", 1, patient));
  CHECK(gone(proxy));
}

TEST_CASE("megabytes go through a proxy both ways as they are", "[proxy]") {
  real_sshd server;
  world around;
  driven link{around, through(around, server, relay())};
  REQUIRE(link.open());
  exec_request request{"cat", {}, {}, {}, 0};
  request.input.assign(3u << 20, 'x');
  auto result = link.run(std::move(request));
  CHECK(result.ended == exited(0));
  CHECK(result.output == std::string(3u << 20, 'x'));
}

TEST_CASE("what stands for nothing in a proxy command is refused by its name", "[proxy]") {
  cluster_settings settings;
  settings.host = "lumi.csc.fi";
  settings.port = 2222;
  auto line = [&](const std::string& command, const std::string& user = "me") {
    settings.proxy_command = command;
    auto made = proxy_line_of(settings, user);
    return made.problem.empty() ? made.text : made.problem;
  };
  CHECK(line("ssh -W %h:%p gate") == "exec ssh -W lumi.csc.fi:2222 gate");
  CHECK(line("a %n %r %%h %%%h") == "exec a lumi.csc.fi me %h %lumi.csc.fi");
  CHECK_THAT(line("a %d"), Contains("has %d, which stands for nothing"));
  CHECK_THAT(line("a %"), Contains("ends with a single %"));
  CHECK_THAT(line("a %\x1b"), Contains("has %\\x1b, which"));
  for (const char* bad : {"-v", "a b", "a;b", "$(id)", "`id`", "a'b", "a\"b", "a|b", "a\nb", "a/b", "a\\b",
                          "~", "", "\xc3\xa4"}) {
    CAPTURE(bad);
    CHECK_THAT(line("a %r", bad), Contains("the user \""));
    CHECK_FALSE(line("a", bad) != "exec a"); // only what is put into it
    settings.host = bad;
    CHECK_THAT(line("a %h"), Contains("the host \""));
    CHECK_THAT(line("a %n"), Contains("the host \""));
    settings.host = "lumi.csc.fi";
  }
  settings.host = "fe80::1%eth0";
  CHECK(line("a %h", "me@site+1_2") == "exec a fe80::1%eth0");
}

TEST_CASE("a wrong proxy command fails the opening before anything is run", "[proxy]") {
  world around;
  driven link{around, through(around, "touch " + (around.home / "run") + " %q")};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK(link.failed->stage == ssh_stage::prepare);
  CHECK_FALSE(is_transient(link.failed->kind));
  CHECK_THAT(link.failed->text, Contains("proxy_command has %q"));
  CHECK_FALSE(std::filesystem::exists(around.home / "run"));
}

TEST_CASE("the user's shell runs a proxy command, but for one that lets nobody in", "[proxy]") {
  world around;
  around.around.shell = around.home / "shell";
  std::ofstream{around.around.shell} << "#!/bin/sh\necho \"[$1] [$2]\" >&2; exit 7\n";
  std::filesystem::permissions(around.around.shell, std::filesystem::perms::owner_all);
  driven link{around, through(around, "gate %h")};
  CHECK_FALSE(link.open());
  REQUIRE(link.failed);
  CHECK_THAT(link.failed->text, Contains("exited with 7: [-c] [exec gate login.example]"));
  CHECK(proxy_shell("/usr/bin/zsh") == "/usr/bin/zsh");
  for (const char* nobodys : {"", "/usr/sbin/nologin", "/bin/false"})
    CHECK(proxy_shell(nobodys) == "/bin/sh");
  around.around.shell = around.home / "none";
  driven missing{around, through(around, "gate %h")};
  CHECK_FALSE(missing.open());
  REQUIRE(missing.failed);
  CHECK(missing.failed->stage == ssh_stage::connect);
  CHECK_THAT(missing.failed->text, Contains("could not be started: ") && Contains("/none: No such file"));
}

TEST_CASE("a proxy has a session of its own, default signals, and three descriptors", "[proxy]") {
  // A host that ignores signals, and keeps a descriptor that goes on to others.
  struct sigaction ignored {
  }, before{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGUSR1, &ignored, &before);
  unique_fd kept{::dup(STDERR_FILENO)};
  world around;
  driven link{around, through(around, "sh -c 'grep -E ^Sig...: /proc/self/status >&2; ls /proc/self/fd >&2; "
                                      "cut -d\" \" -f5,6 /proc/$$/stat >&2; echo $$ >&2; exit 1'")};
  CHECK_FALSE(link.open());
  ::sigaction(SIGUSR1, &before, nullptr);
  REQUIRE(link.failed);
  INFO(link.failed->text);
  const auto& text = link.failed->text;
  CHECK_THAT(text, Contains("SigBlk:\t0000000000000000\n"));
  const auto ignores = std::stoull(text.substr(text.find("SigIgn:") + 8), nullptr, 16);
  CHECK((ignores & 0x7fffffff) == 0);           // the C library has two beyond
  CHECK_THAT(text, Contains("\n0\n1\n2\n3\n")); // 3 is the folder that is listed
  const auto pid = std::to_string(proxy_of(link));
  CHECK_THAT(text, Contains("\n" + pid + " " + pid + "\n" + pid));
}
