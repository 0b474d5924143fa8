// What the program shows of what others say: servers' words whole, and nothing that fools a terminal, a log
// or a reader.
#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>

#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include "tests/cli/clusters.hpp"
#include "tests/cli/harmless.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using moorage::support::hostile_text;
using moorage::support::misleading;
using nlohmann::json;

namespace {

struct home_with_banner : home_with_cluster {
  explicit home_with_banner(const std::string& banner) {
    std::ofstream{sshd.folder() + "/banner"} << banner;
    sshd.reconfigure({"Banner " + sshd.folder() + "/banner"});
  }
  /// A node whose log is the file `log`.
  program_spec node() const {
    write_config("[log]\nfile = \"" + (folder / "log") + "\"\nlevel = \"debug\"\n");
    return spec({"serve"});
  }
  std::string log() const {
    std::ifstream in{folder / "log", std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
};

} // namespace

TEST_CASE(
    "the server's banner is on stderr of the exec or check that caused the log-in, whole, and of no other") {
  const std::string notice = "Use of this system is monitored.\n\n\tMaintenance at noon.\n";
  home_with_banner home{notice};
  CHECK(home.exec("true").error_output == notice);
  CHECK(home.moorage({"-q", "exec", "here", "--", "true"}).error_output == notice);
  CHECK(home.moorage({"-qq", "exec", "here", "--", "true"}).error_output.empty());
  CHECK(home.moorage({"exec", "here", "--json", "--", "true"}).error_output == notice);
  auto checked = home.moorage({"check", "here"});
  CHECK(checked.error_output == notice);
  CHECK_THAT(checked.output, Contains("all is well"));
  program node{home.node()};
  REQUIRE(node.wrote("serving 1 cluster on "));
  CHECK(home.exec("true").error_output == notice);
  CHECK(home.exec("true").error_output.empty());
  CHECK(home.moorage({"check", "here"}).error_output.empty());
  node.signal(SIGTERM);
  node.wait();
  CHECK_THAT(home.log(),
             Contains("opened c1: the server says: Use of this system is monitored.\\x0a\\x0a\\x09Maint"));
}

TEST_CASE("exec is labelled by its process id or by --label, never by its command") {
  home_with_banner home{"hello\n"};
  program node{home.node()};
  REQUIRE(node.wrote("serving 1 cluster on "));
  program plain{home.spec({"exec", "here", "--", "echo started; : --password hunter2; sleep 600"})};
  REQUIRE(plain.wrote("started"));
  program named{
      home.spec({"exec", "here", "--label", "nightly sync", "--", "echo started; : hunter2; sleep 600"})};
  REQUIRE(named.wrote("started"));
  auto listed = home.moorage({"admin", "leases", "here", "--json"});
  std::vector<std::string> labels;
  const auto leases = json::parse(listed.output);
  for (const auto& each : leases["leases"])
    labels.push_back(each["label"]);
  CHECK_THAT(labels, Catch::UnorderedEquals(
                         std::vector<std::string>{"exec " + std::to_string(plain.pid()), "nightly sync"}));
  for (auto* each : {&plain, &named}) {
    each->signal(SIGTERM);
    each->wait();
  }
  node.signal(SIGTERM);
  node.wait();
  auto log = home.log();
  CHECK_THAT(log, Contains("nightly sync") && !Contains("hunter2"));
  struct stat status {};
  REQUIRE(::stat((home.folder / "log").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("whatever others say, what the program prints holds nothing but text") {
  auto argument = hostile_text; // a command line holds no NUL, and neither does this
  auto banner = hostile_text;   // whose own lines would stay
  std::replace(banner.begin(), banner.end(), '\n', ' ');
  home_with_banner home{banner + "\n"};
  auto shown = home.exec("true");
  check_harmless(shown);
  CHECK_THAT(shown.error_output, Contains("evil\\x1b[2J"));
  check_harmless(home.moorage({"check", "here"}));
  check_harmless(home.moorage({"check", "here", "--json"}));
  check_harmless(home.moorage({"exec", argument, "--", "true"}));
  check_harmless(home.moorage({"check", argument}));
  check_harmless(home.moorage({"config", argument}));
  check_harmless(home.moorage({argument}));
  check_harmless(home.moorage({"exec", "here", argument, "--" + argument}));
  check_harmless(home.moorage({"status", "--" + argument}));
  check_harmless(home.moorage({"--config", argument, "status"}));
  check_harmless(home.moorage({"--socket", argument, "status"}));
  check_harmless(home.moorage({"-o", argument + "=1", "check", "here"}));
  check_harmless(home.moorage({"-o", "probe=" + argument, "check", "here"}));
  check_harmless(home.moorage({"-o", "key_files=/" + argument, "check", "here"}));
  check_harmless(home.moorage({"-o", "user=" + argument, "check", "here"}));
  check_harmless(home.moorage({"exec", "here", "--env", argument, "--", "true"}));
  check_harmless(home.moorage({"exec", "here", "--timeout", argument, "--", "true"}));
}

TEST_CASE("a label forges no line of a list, of the events or of the log") {
  home_with_banner home{hostile_text + "\n"};
  program node{home.node()};
  REQUIRE(node.wrote("serving 1 cluster on "));
  program events{home.spec({"admin", "events"})};
  program lines{home.spec({"admin", "events", "--json"})};
  for (auto* each : {&events, &lines}) // from here on they hear everything
    while (!each->wrote("granted", 200ms))
      REQUIRE(home.exec("true").code == 0);
  program holding{home.spec({"exec", "here", "--label", hostile_text, "--", "echo started; sleep 600"})};
  REQUIRE(holding.wrote("started"));
  for (auto* each : {&events, &lines})
    REQUIRE(each->wrote("evil\\"));
  for (std::vector<std::string> more : {std::vector<std::string>{}, std::vector<std::string>{"--json"}})
    for (const std::string action : {"leases", "waiters", "connections", "pools"}) {
      std::vector<std::string> asked{"admin", action, "here"};
      asked.insert(asked.end(), more.begin(), more.end());
      auto listed = home.moorage(asked);
      CHECK(listed.code == 0);
      check_harmless(listed);
    }
  CHECK_THAT(home.moorage({"admin", "leases", "here"}).output, Contains("evil\\x1b[2J"));
  holding.signal(SIGTERM);
  check_harmless(holding.wait());
  for (auto* each : {&events, &lines}) {
    each->signal(SIGTERM);
    check_harmless(each->wait());
  }
  node.signal(SIGTERM);
  check_harmless(node.wait());
  check_harmless(home.log());
  CHECK_THAT(home.log(), Contains("granted") && Contains("evil\\x1b[2J"));
}
