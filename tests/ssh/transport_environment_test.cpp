// Variables that the server turns down, and commands of any length.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/ssh/channels/command.hpp"
#include "tests/ssh/transport_driver.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;

namespace {

exec_request with(std::string command, std::vector<environment_variable> variables) {
  exec_request request;
  request.command = std::move(command);
  request.environment = std::move(variables);
  return request;
}

std::string all_bytes() {
  std::string bytes;
  for (int i = 1; i < 256; ++i)
    bytes += static_cast<char>(i);
  return bytes;
}

std::string run_by(const std::vector<std::string>& shell, const std::string& command) {
  support::scratch_folder folder;
  support::process_spec spec;
  spec.argv = shell;
  spec.argv.insert(spec.argv.end(), {"-c", command});
  spec.environment = {"SHELL=/bin/sh"};
  spec.output = folder / "output";
  support::run_to_end(spec);
  return support::contents_of(spec.output);
}

/// A job script full of what shells treat specially: 57 kB.
std::string job_script() {
  std::string script = "cat <<'E' | wc -c\n";
  for (int i = 0; i < 3'000; ++i)
    script += "\"$A\" ($B) <c>; #%*\n";
  return script + "E";
}

} // namespace

TEST_CASE("every byte of values and command survives whatever shell the user has") {
  auto bytes = all_bytes();
  std::string tricky = "'' '7 '8 !1 !! \\ \\\\ \\n \\0101 \\c %s $HOME `id` \"q\" {a,b} -n\n\n";
  auto line = with_environment({{"V", tricky}, {"ALL", bytes}, {"NONE", ""}, {"END", "x\n\n"}},
                               "printf '%s' \"$V|$ALL|$NONE|$END|\" 'it'\\''s !a \\\\'\nexit 3");
  auto shell = GENERATE(as<std::vector<std::string>>{}, std::vector<std::string>{"/bin/sh"},
                        std::vector<std::string>{"/bin/bash"}, std::vector<std::string>{"/bin/dash"},
                        std::vector<std::string>{"/bin/busybox", "sh"}, std::vector<std::string>{"/bin/tcsh"},
                        std::vector<std::string>{"/bin/zsh"}, std::vector<std::string>{"/usr/bin/fish"},
                        std::vector<std::string>{"/bin/mksh"});
  CAPTURE(shell);
  if (std::filesystem::exists(shell.front()))
    CHECK((run_by(shell, line) == tricky + "|" + bytes + "||x\n\n|it's !a \\\\"));
}

TEST_CASE("a command that sets variables is no longer than what must be quoted makes it") {
  auto script = job_script();
  CHECK(with_environment({{"JOB", "1"}}, script).size() < script.size() * 11 / 10);
  auto plain = std::string(60'000, 'x');
  CHECK(with_environment({{"JOB", "1"}}, plain).size() < plain.size() + 200);
  // The worst there is: four bytes for one, five before a digit.
  CHECK(with_environment({{"JOB", "1"}}, std::string(10'000, '\'')).size() < 40'200);
}

TEST_CASE("how much a server takes in one request is told by its banner") {
  CHECK(request_max("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7") > 260'000);
  CHECK(request_max("SSH-2.0-OpenSSH_for_Windows_9.5") > 260'000);
  CHECK(request_max("SSH-1.99-OpenSSH_3.9p1") > 260'000);
  CHECK(request_max("SSH-2.0-libssh_0.10.6") > 260'000);
  for (auto unknown :
       {"SSH-2.0-dropbear_2022.83", "SSH-2.0-Erlang/4.15", "SSH-2.0-not-OpenSSH", "SSH-2.0-", "SSH", ""}) {
    CAPTURE(unknown);
    CHECK(request_max(unknown) <= 32'768);
    CHECK(request_max(unknown) > 32'000);
  }
}

TEST_CASE("a command that is too long for the server is refused before it is sent, and its neighbour goes on",
          "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto neighbour = link.start(exec_request{"cat", {}, "neighbour", 0ms, 0}, 1'000, false);
  auto longest = request_max("SSH-2.0-OpenSSH_9.2p1");
  auto refused = [&](const exec_request& request) {
    auto ended = link.run(request).ended;
    CHECK(ended.kind == outcome_kind::never_sent);
    CHECK(ended.cause.code == errc::invalid_request);
    return ended.cause.text;
  };
  auto text = refused(with("true #" + std::string(longest, 'x'), {}));
  CHECK(text.find("sh -s < ") != std::string::npos);
  CHECK(text.find(std::to_string(longest)) != std::string::npos);
  CHECK(refused(with("true", {{"LONG", std::string(longest, 'x')}})).find("LONG") != std::string::npos);
  // One that the variables make too long.
  CHECK(refused(with("true #" + std::string(longest - 10, 'x'), {{"X", "1"}})).find("variables") !=
        std::string::npos);
  // The longest of all is sent; what the kernel there makes of it is its own affair.
  auto sent = link.run("true #" + std::string(longest - 6, 'x')).ended;
  CHECK(sent.kind == outcome_kind::exited);
  CHECK(link.run(with("echo $LONG | wc -c", {{"LONG", std::string(100'000, 'x')}})).output == "100001\n");
  link.it->end_input(neighbour);
  REQUIRE(link.finish(neighbour));
  CHECK(*link.streams[neighbour.value].ended == exited(0));
  CHECK(link.streams[neighbour.value].output == "neighbour");
}

TEST_CASE("a long script runs with a variable as it does without", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  auto without = link.run(job_script());
  auto with_one = link.run(with(job_script(), {{"JOB", "1"}}));
  CHECK(without.output == "57000\n");
  CHECK(with_one.output == "57000\n");
  CHECK(with_one.error_output.empty());
  CHECK(with_one.ended == exited(0));
}

TEST_CASE(
    "a command goes to the server as it is where refused variables are to be left out, and they are told",
    "[transport]") {
  support::real_sshd_settings wanted;
  wanted.config = {"AcceptEnv ACCEPTED",
                   "ForceCommand printf '%s' \"$ACCEPTED$REFUSED|$SSH_ORIGINAL_COMMAND\""};
  support::real_sshd server{wanted};
  world around;
  auto settings = around.settings_for(server);
  auto request = with("git-upload-pack 'x'", {{"REFUSED", "1"}, {"ACCEPTED", "2"}, {"OTHER", "3"}});
  {
    settings.environment_fallback = variable_fallback::none;
    driven link{around, settings};
    REQUIRE(link.open());
    for (int round = 0; round < 2; ++round) { // the second time refusals are known
      auto said = link.run(request);
      CHECK(said.output == "2|git-upload-pack 'x'");
      CHECK(said.ended.kind == outcome_kind::exited);
      CHECK(said.ended.variables_refused == std::vector<std::string>{"REFUSED", "OTHER"});
    }
  }
  settings.environment_fallback = variable_fallback::prefix;
  driven link{around, settings};
  REQUIRE(link.open());
  auto said = link.run(request);
  CHECK(said.output.find("git-upload-pack") != std::string::npos);
  CHECK(said.output != "2|git-upload-pack 'x'");
  CHECK(said.ended.variables_refused.empty());
}

TEST_CASE("a name that no shell takes is left out and told, and the command runs", "[transport]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  std::vector<std::string> names{"BASH_FUNC_x%%", "1X", "", "A=B", "A B", std::string("N\0L", 3)};
  std::vector<environment_variable> variables{{"GOOD", "yes"}};
  for (const auto& name : names)
    variables.push_back({name, "() { :; }"});
  for (int round = 0; round < 2; ++round) {
    auto said = link.run(with("echo $GOOD", variables));
    CHECK(said.ended.kind == outcome_kind::exited);
    CHECK(said.output == "yes\n");
    CHECK(said.ended.variables_refused == names);
  }
}
