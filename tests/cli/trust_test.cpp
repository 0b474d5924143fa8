// What a user is told of host keys.
#include <csignal>

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "tests/cli/clusters.hpp"

namespace moorage::cli_tests {

namespace {

using Catch::Matchers::Contains;

std::size_t count(const std::string& text, const std::string& words) {
  std::size_t times = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
    ++times;
  return times;
}

} // namespace

TEST_CASE(
    "that a host key could not be written down is said once on stderr, also with a log file, every time") {
  home_with_cluster home;
  const auto known = home.folder / "known_hosts", log = home.folder / "log";
  const support::held_lock lock{known};
  const bool in_file = GENERATE(false, true);
  if (in_file)
    home.write_config("[log]\nfile = \"" + log + "\"\n");
  const std::string words = "could not be written down";
  for (std::size_t time = 1; time <= 2; ++time) {
    auto ended = home.moorage({"exec", "here", "-o", "known_hosts_files=" + known, "-o",
                               "strict_host_keys=accept-new", "--", "echo", "hello"});
    CHECK(ended.code == 0);
    CHECK(ended.output == "hello\n");
    CHECK(count(ended.error_output, words) == 1);
    CHECK_THAT(ended.error_output, Contains(known) && Contains("locked by another program"));
    if (in_file)
      CHECK(count(support::contents_of(log), words) == time);
  }
}

TEST_CASE(
    "through a node the exec that caused the log-in is told that the host key could not be written down") {
  home_with_cluster home;
  const auto known = home.folder / "known_hosts", log = home.folder / "log";
  const support::held_lock lock{known};
  const std::string words = "could not be written down";
  std::ofstream{home.config()} << "[clusters.here]\nhost = \"" << home.sshd.host()
                               << "\"\nport = " << home.sshd.port() << "\nuser = \"" << home.sshd.user()
                               << "\"\nkey_files = [\"" << home.sshd.client_key()
                               << "\"]\nagent = false\nknown_hosts_files = [\"" << known
                               << "\"]\nstrict_host_keys = \"accept-new\"\n[log]\nfile = \"" << log << "\"\n";
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving "));
  for (std::size_t time = 1; time <= 2; ++time) {
    auto first = home.exec("echo hello");
    CHECK(first.output == "hello\n");
    INFO(first.error_output);
    CHECK(count(first.error_output, words) == 1);
    CHECK_THAT(first.error_output, Contains(known) && Contains("locked by another program"));
    CHECK(home.exec("true").error_output.empty()); // it caused no log-in
    CHECK(home.moorage({"admin", "disconnect", "here"}).code == 0);
    CHECK(count(support::contents_of(log), words) == time);
  }
  auto checked = home.moorage({"check", "here"});
  INFO(checked.error_output);
  CHECK(count(checked.error_output, words) == 1);
  node.signal(SIGTERM);
  CHECK(count(node.wait().error_output, words) == 3);
}

TEST_CASE("a log-in that is denied after its host key could not be written down tells both") {
  home_with_cluster home;
  const auto known = home.folder / "known_hosts";
  const support::held_lock lock{known};
  auto ended =
      home.moorage({"exec", "here", "-o", "known_hosts_files=" + known, "-o", "strict_host_keys=accept-new",
                    "-o", "key_files=" + home.sshd.unauthorised_client_key(), "--", "true"});
  INFO(ended.error_output);
  CHECK(ended.code == 255);
  CHECK(count(ended.error_output, "could not be written down") == 1);
  CHECK_THAT(ended.error_output, Contains("denied"));
}

TEST_CASE("a revoked host key and known_hosts that cannot be read are told by name") {
  home_with_cluster home;
  const auto known = home.folder / "known_hosts";
  std::string code;
  SECTION("revoked") {
    code = "host_key_revoked";
    std::ofstream{known} << "@revoked * " << home.sshd.host_key() << "\n";
  }
  SECTION("unreadable") {
    code = "known_hosts_unreadable";
    REQUIRE(::mkdir(known.c_str(), 0700) == 0);
  }
  auto ended = home.moorage({"exec", "here", "--json", "-o", "known_hosts_files=" + known, "-o",
                             "strict_host_keys=accept-new", "--", "echo", "hello"});
  CHECK(ended.code != 0);
  CHECK_THAT(ended.output, Contains(code) && Contains(known));
}

} // namespace moorage::cli_tests
