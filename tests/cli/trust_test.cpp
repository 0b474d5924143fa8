// What a user is told of host keys.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "tests/cli/clusters.hpp"

namespace moorage::cli_tests {

namespace {

using Catch::Matchers::Contains;

std::string read_all(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

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
  const int lock = ::open(known.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::flock(lock, LOCK_EX) == 0);
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
      CHECK(count(read_all(log), words) == time);
  }
  ::close(lock);
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
