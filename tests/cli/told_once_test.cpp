// What of ssh's configuration is not followed, told to who only runs commands: once, by its name.
#include <algorithm>
#include <filesystem>

#include "tests/cli/another_user.hpp"
#include "tests/cli/hosts_home.hpp"
#include "tests/support/hung_folder.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using moorage::support::hung_folder;

namespace {

const std::string told_first = "of what ssh's configuration says, not followed: ";

struct strange_home : hosts_home {
  strange_home() { write(strange()); }
  std::string strange(const std::string& more = {}) const {
    return host_of("lumi", sshd) + "  HostbasedAuthentication yes\n" + more + host_of("plain", sshd) +
           "  GSSAPIAuthentication yes\n";
  }
  std::filesystem::path memory() const { return folder / ".local/state/moorage/told"; }
  std::size_t remembered() const {
    std::error_code none;
    std::size_t result = 0;
    for (const auto& each : std::filesystem::directory_iterator{memory(), none})
      result += each.path().extension() != ".new"; // not told yet
    return result;
  }
  /// What a command says on stderr.
  std::string said(const std::vector<std::string>& words) const {
    auto ended = moorage(words);
    CHECK(ended.code == 0);
    return ended.error_output;
  }
  /// The same of a command that is run until it has told something, and that is remembered as the so many'th:
  /// a thread of its own tells, for which no command waits.
  std::string told(const std::vector<std::string>& words, std::size_t count) const {
    std::string first;
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    for (auto known = false; !known && std::chrono::steady_clock::now() < deadline;) {
      auto now = said(words);
      CHECK((first.empty() || now.empty() || now == first)); // who was ended meanwhile is followed by another
      first = first.empty() ? now : first;
      known = !first.empty() && remembered() == count;
    }
    CHECK(remembered() == count);
    return first;
  }
};

const std::vector<std::string> by_exec{"exec", "-n", "lumi", "--", "true"};

} // namespace

TEST_CASE("what of a Host is not followed is told to who runs commands: once, and anew when it is another") {
  strange_home home;
  const auto line = "moorage: lumi: " + told_first + "HostbasedAuthentication\n";
  // What a distribution says of every host is no news.
  CHECK(home.said({"exec", "-n", "plain", "--", "true"}).empty());
  CHECK_THAT(home.said({"-v", "exec", "-n", "plain", "--", "true"}), Contains("GSSAPIAuthentication"));
  CHECK_FALSE(std::filesystem::exists(home.memory()));
  for (const auto& words : {std::vector<std::string>{"-q", "exec", "-n", "lumi", "--", "true"},
                            {"ssh", "-q", "-n", "lumi", "true"},
                            {"ssh", "-n", "-o", "LogLevel=ERROR", "lumi", "true"}})
    CHECK(home.said(words).empty());
  CHECK(home.told(by_exec, 1) == line);
  CHECK(home.said(by_exec).empty());
  CHECK(home.said({"ssh", "-n", "lumi", "true"}).empty());
  // Another set, with --json, which has stdout to itself.
  home.write(home.strange("  VerifyHostKeyDNS yes\n"));
  const std::vector<std::string> by_json{"exec", "-n", "--json", "lumi", "--", "true"};
  CHECK_THAT(home.told(by_json, 2), Contains("HostbasedAuthentication, VerifyHostKeyDNS"));
  auto json = home.moorage(by_json);
  CHECK(json.error_output.empty());
  CHECK(nlohmann::json::parse(json.output)["code"] == 0);
  CHECK(home.said(by_exec).empty());
  // Who asks for more, or checks, is told each time.
  CHECK_THAT(home.said({"-v", "exec", "-n", "lumi", "--", "true"}), Contains("lumi: " + told_first));
  CHECK_THAT(home.said({"check", "lumi"}), Contains("lumi: " + told_first));
}

TEST_CASE("what of a Host and of its jump hosts is not followed is told once through a node as well") {
  strange_home home;
  home.write("Host gate\n  VerifyHostKeyDNS yes\n" + host_of("gate", home.sshd).substr(10) +
             host_of("far", home.sshd) + "  ProxyJump " + home.sshd.user() +
             "@gate\n  HostbasedAuthentication yes\n");
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 0 clusters on "));
  auto told = home.told({"ssh", "-n", "far", "true"}, 1);
  CHECK(told == "moorage: far: " + told_first + "HostbasedAuthentication\nmoorage: " + home.sshd.user() +
                    "@gate: " + told_first + "VerifyHostKeyDNS\n");
  CHECK(home.said({"ssh", "-n", "far", "true"}).empty());
  CHECK(home.said({"exec", "-n", "far", "--", "true"}).empty());
}

TEST_CASE("what was told once is not told where that cannot be remembered, and holds nobody up") {
  strange_home home;
  auto spec = home.spec(by_exec);
  spec.environment["XDG_STATE_HOME"] = "/dev/null";
  auto ended = run(spec);
  CHECK(ended.code == 0);
  CHECK(ended.error_output.empty());
  if (!std::string{MOORAGE_SANITIZE}.empty())
    return; // at the end LeakSanitizer waits for every thread, and so for the one that hangs
  hung_folder hung;
  if (!hung) {
    WARN("skipped: " << hung.why_not());
    return;
  }
  spec.environment["XDG_STATE_HOME"] = hung / "state";
  ended = run(spec, 20s);
  CHECK(ended.code == 0);
  CHECK(ended.signal == 0);
  CHECK(ended.error_output.empty());
}

TEST_CASE("what was told once is remembered of a bounded number of things") {
  strange_home home;
  std::filesystem::create_directories(home.memory());
  for (auto i = 0; i < 200; ++i)
    std::ofstream{home.memory() / std::to_string(i)};
  CHECK_THAT(home.told(by_exec, 1), Contains(told_first));
  CHECK(home.said(by_exec).empty());
}

TEST_CASE("what a command that ended meanwhile did not come to tell is told by the next") {
  strange_home home;
  home.told(by_exec, 1);
  const auto of_it = std::filesystem::directory_iterator {
    home.memory()
    } -> path();
  std::filesystem::rename(of_it, of_it.native() + ".new");
  CHECK_THAT(home.told(by_exec, 1), Contains(told_first));
  CHECK(std::filesystem::exists(of_it));
  CHECK_FALSE(std::filesystem::exists(of_it.native() + ".new"));
}

TEST_CASE("what was told once is remembered in a folder of this user's alone, and in nobody else's home") {
  strange_home home;
  const auto state = home.folder / "state";
  auto spec = home.spec(by_exec);
  spec.environment["XDG_STATE_HOME"] = state;
  auto says_nothing = [&spec] {
    auto ended = run(spec);
    CHECK(ended.code == 0);
    CHECK(ended.error_output == "");
  };
  const auto elsewhere = std::filesystem::path{home.folder / "elsewhere"};
  std::filesystem::create_directories(elsewhere / "told");
  std::filesystem::create_directories(state);
  std::filesystem::create_directory_symlink(elsewhere, state + "/moorage");
  says_nothing();
  std::filesystem::remove(state + "/moorage");
  std::filesystem::create_directories(state + "/moorage");
  std::filesystem::create_directory_symlink(elsewhere / "told", state + "/moorage/told");
  says_nothing();
  std::filesystem::remove(state + "/moorage/told");
  std::filesystem::permissions(state + "/moorage", std::filesystem::perms{0777});
  says_nothing();
  CHECK(std::filesystem::is_empty(elsewhere / "told"));
  CHECK(std::filesystem::is_empty(state + "/moorage"));
  if (!may_become_others())
    return;
  const auto of_another = home.folder / "home";
  std::filesystem::create_directories(of_another);
  REQUIRE(chown(of_another.c_str(), 61234, 61234) == 0);
  spec.environment.erase("XDG_STATE_HOME");
  spec.home = of_another;
  says_nothing();
  CHECK(std::filesystem::is_empty(of_another));
}
