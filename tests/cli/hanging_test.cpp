// A node whose clusters wait for what never answers: none of its workers waits with them. The node runs under
// strace, which tells how long each system call of each thread took.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/cli/clusters.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/hung_folder.hpp"

using namespace moorage;
using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;
using support::real_sshd;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool traceable = false; // their runtimes make system calls of their own
#else
constexpr bool traceable = true;
#endif

/// What is shown is how long a call took by the clock, on a machine that may have better things to do. What
/// hangs here does so for six times as long.
constexpr double call_max = 1.5; // strace counts the waits for a processor, too
constexpr auto hangs_for = 3s;   // the clusters' connect_timeout

/// How long CAF's workers were in system calls, from the lines of `strace -f -ttt -T`.
class worker_calls {
public:
  void read(const std::string& line) {
    static const std::regex whole{R"(^(\d+) +(\d+\.\d+) (\w+)\((.*)$)"};
    static const std::regex resumed{R"(^(\d+) +(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$)"};
    std::smatch part;
    if (std::regex_match(line, part, resumed)) {
      auto& of = threads_[part[1]];
      if (!of.name.empty())
        ended(of, of.name, of.rest + std::string{part[4]});
      of.name.clear();
    } else if (std::regex_match(line, part, whole)) {
      auto& of = threads_[part[1]];
      const std::string rest = part[4];
      if (auto cut = rest.find(" <unfinished ...>"); cut != std::string::npos) {
        of.name = part[3];
        of.rest = rest.substr(0, cut);
        of.since = part[2];
      } else {
        ended(of, part[3], rest);
      }
    } else {
      return;
    }
    last_ = part[2];
  }

  /// Once all is read.
  std::vector<std::string> too_long() const {
    std::vector<std::string> found;
    std::set<std::uint64_t> queue;
    for (const auto& [number, of] : threads_) {
      if (!of.worker || of.polls)
        continue;
      found.insert(found.end(), of.long_calls.begin(), of.long_calls.end());
      queue.insert(of.waits.begin(), of.waits.end());
      if (!of.name.empty() && of.name != "futex" && seconds(last_) - seconds(of.since) > call_max)
        found.push_back(of.name + "(" + of.rest + " did not end");
    }
    // All workers wait for work at one place: a condition variable, whose two words stand side by side.
    if (!queue.empty() && *queue.rbegin() - *queue.begin() > sizeof(std::uint32_t))
      found.push_back("they wait at " + std::to_string(queue.size()) + " places");
    return found;
  }
  std::size_t workers() const {
    return static_cast<std::size_t>(std::count_if(threads_.begin(), threads_.end(), [](const auto& of) {
      return of.second.worker && !of.second.polls;
    }));
  }
  std::size_t calls() const { return calls_; }

private:
  struct thread {
    bool worker = false;
    bool polls = false;            ///< CAF's multiplexer, which has the workers' name
    std::string name, rest, since; ///< of the call that it is in
    std::vector<std::string> long_calls;
    std::set<std::uint64_t> waits; ///< where it waited for long, by address
  };

  static double seconds(const std::string& text) { return text.empty() ? 0 : std::stod(text); }

  void ended(thread& of, const std::string& name, const std::string& rest) {
    if (name == "prctl" && rest.find("PR_SET_NAME, \"caf.multiplexer\"") != std::string::npos)
      of.worker = true;
    of.polls = of.polls || name == "epoll_wait";
    calls_ += of.worker;
    const auto at = rest.rfind('<');
    if (!of.worker || at == std::string::npos || seconds(rest.substr(at + 1)) <= call_max)
      return;
    // A wait on a condition variable names a time or says that there is none; one for a lock does not.
    if (name == "futex" && rest.find("FUTEX_WAIT_BITSET") != std::string::npos) {
      std::uint64_t address = 0;
      std::from_chars(rest.data() + 2, rest.data() + rest.size(), address, 16);
      of.waits.insert(address);
    } else {
      of.long_calls.push_back(name + "(" + rest);
    }
  }

  std::map<std::string, thread> threads_;
  std::string last_;
  std::size_t calls_ = 0;
};

/// Where it is not installed the test fails; where nobody may trace, it is left out.
bool strace_works() {
  if (!traceable)
    return false;
  INFO("deploy/install-packages test");
  REQUIRE(support::run_to_end({{"strace", "-V"}}) == 0);
  return support::run_to_end({{"strace", "-f", "-o", "/dev/null", "true"}}) == 0;
}

/// In front of the real one: never ends, as far as anybody waits for it.
void put_hung_ssh(const support::scratch_folder& home) {
  REQUIRE(::mkdir((home / "bin").c_str(), 0700) == 0);
  std::ofstream{home / "bin/ssh"} << "#!/bin/sh\necho asked >'" << home / "asked"
                                  << "'\nexec sleep 600\n";
  REQUIRE(::chmod((home / "bin/ssh").c_str(), 0700) == 0);
}

void judge(const std::string& trace) {
  worker_calls seen;
  std::ifstream lines{trace};
  for (std::string line; std::getline(lines, line);)
    seen.read(line);
  CHECK(seen.workers() >= 2);
  CHECK(seen.calls() > 1'000);
  std::string listed;
  for (const auto& each : seen.too_long())
    listed += each + "\n";
  INFO(listed);
  CHECK(listed.empty());
}

bool soon(const std::function<bool()>& holds) {
  for (const auto deadline = std::chrono::steady_clock::now() + 30s; !holds(); ::poll(nullptr, 0, 5))
    if (std::chrono::steady_clock::now() > deadline)
      return false;
  return true;
}

} // namespace

namespace {

/// A cluster's table with other values, and more of them. Its log-ins take 3 s at most, and who asks waits 4.
std::string hung_table(const home_with_cluster& home, const std::string& name,
                       std::map<std::string, std::string> values) {
  values.insert({{"connect_timeout", "\"3s\""}, {"acquire_timeout", "\"4s\""}});
  std::string result;
  std::istringstream lines{home.cluster(name)};
  for (std::string line; std::getline(lines, line);) {
    auto other = values.extract(line.substr(0, line.find(' ')));
    if (other.empty())
      result += line + "\n";
    else if (!other.mapped().empty())
      result += other.key() + " = " + other.mapped() + "\n";
  }
  for (const auto& [key, value] : values)
    result += key + " = " + value + "\n";
  return result;
}

std::string in_quotes(const std::string& text) {
  return "\"" + text + "\"";
}

/// One whose log-ins have nothing but an agent.
std::string agent_table(const home_with_cluster& home, const std::string& name, const std::string& socket) {
  return hung_table(home, name,
                    {{"agent", "true"},
                     {"key_files", ""},
                     {"agent_timeout", in_quotes("3s")},
                     {"agent_socket", in_quotes(socket)}});
}

/// A key whose certificate has run out.
std::string key_out_of_date(const home_with_cluster& home) {
  auto key = home.folder / "old";
  auto authority = home.folder / "authority";
  for (const auto& each : {key, authority})
    REQUIRE(support::run_to_end({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", each}}) == 0);
  REQUIRE(support::run_to_end({{"ssh-keygen", "-q", "-s", authority, "-I", "us", "-n", home.sshd.user(), "-V",
                                "-2h:-1h", key + ".pub"}}) == 0);
  return key;
}

/// What was run beside our own programs, by the lines of strace.
std::set<std::string> programs_run(const std::string& trace) {
  std::set<std::string> result;
  static const std::regex run{R"re(execve\("([^"]*)")re"};
  std::ifstream lines{trace};
  std::smatch part;
  for (std::string line; std::getline(lines, line);)
    if (std::regex_search(line, part, run))
      if (auto name = std::filesystem::path{std::string{part[1]}}.filename().string();
          !name.starts_with("moorage"))
        result.insert(name);
  return result;
}

} // namespace

TEST_CASE("nothing that hangs keeps a worker of a node's in a system call") {
  support::hung_folder files;
  if (!strace_works() || !files) {
    WARN("not traced: strace cannot, or this is a sanitizer's build, or " + files.why_not());
    return;
  }
  home_with_cluster home;
  real_sshd outer;
  support::hung_agent agent;
  support::confirming_agent asking{{home.sshd.client_key()}};
  put_hung_ssh(home.folder);
  const auto clusters =
      agent_table(home, "agent", agent.socket()) + agent_table(home, "touch", asking.socket()) +
      hung_table(home, "files", {{"known_hosts_files", "[\"" + files / "known_hosts" + "\"]"}}) +
      hung_table(home, "keys", {{"key_files", "[\"" + files / "id" + "\"]"}}) +
      hung_table(home, "renewal",
                 {{"key_files", "[\"" + key_out_of_date(home) + "\"]"},
                  {"renew_command", in_quotes("sleep 600")},
                  {"renew_timeout", in_quotes("3s")}}) +
      hung_table(home, "proxy", {{"proxy_command", in_quotes("sleep 600")}}) +
      hung_table(home, "jump", {{"jump", in_quotes("gate")}}) +
      hung_table(home, "behind", {{"jump", in_quotes("agent")}}) + cluster_table("gate", outer);
  home.write_config(clusters);

  support::process_spec spec;
  spec.argv = {"strace",        "-f",   "-ttt", "-T", "-s", "64", "-o", home.folder / "trace",
               MOORAGE_PROGRAM, "serve"};
  spec.environment = {"SHELL=/bin/sh", "HOME=" + home.folder.path(), "XDG_RUNTIME_DIR=" + home.folder.path(),
                      "MOORAGE_CONFIG=" + home.config(),
                      "PATH=" + home.folder / "bin" + ":" + std::getenv("PATH")};
  spec.output = home.folder / "said";
  support::process_tree node{spec};
  REQUIRE(soon([&] {
    return support::contents_of(home.folder / "said").find("serving 10 clusters") != std::string::npos;
  }));
  REQUIRE(home.exec("echo well").output == "well\n");
  REQUIRE(home.moorage({"exec", "gate", "--", "true"}).code == 0);
  outer.freeze();

  // One after the other, and somebody else is served while each hangs.
  for (const char* each : {"agent", "touch", "files", "keys", "renewal", "proxy", "jump", "behind"}) {
    INFO(each);
    const auto began = std::chrono::steady_clock::now();
    program waits{home.spec({"exec", each, "--", "true"})};
    CHECK(home.exec("echo well").output == "well\n");
    CHECK(waits.wait().code == 255);
    CHECK(std::chrono::steady_clock::now() - began > hangs_for / 2);
  }
  CHECK(asking.asked() > 0);
  home.write_config(clusters + "[clusters.lumi]\nssh_host = \"lumi\"\n");
  program reload{home.spec({"admin", "reload"})};
  REQUIRE(soon([&] { return support::contents_of(home.folder / "asked") == "asked\n"; }));
  const auto until = std::chrono::steady_clock::now() + hangs_for;
  while (std::chrono::steady_clock::now() < until)
    REQUIRE(home.exec("echo well").output == "well\n");
  outer.thaw();
  for (auto each : node.children())
    ::kill(each, SIGTERM);
  REQUIRE(soon([&] { return !node.running(); }));

  judge(home.folder / "trace");
  // For a jump host, and for an agent, none.
  CHECK(programs_run(home.folder / "trace") == std::set<std::string>{"sh", "sleep", "ssh"});
}

TEST_CASE("the reader of workers' calls sees a long one where there is one") {
  worker_calls seen;
  for (const char* line : {
           "7 10.0 prctl(PR_SET_NAME, \"caf.multiplexer\") = 0 <0.000012>",
           "8 10.0 prctl(PR_SET_NAME, \"caf.multiplexer\") = 0 <0.000012>",
           "9 10.0 prctl(PR_SET_NAME, \"caf.multiplexer\") = 0 <0.000012>",
           "7 10.1 futex(0x7f10a8, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL) = 0 <3.1>",
           "8 10.1 futex(0x7f10ac, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL <unfinished ...>",
           "6 10.1 futex(0x7f20a8, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL) = 0 <3.1>", // of another kind
           "6 10.2 openat(AT_FDCWD, \"/far\", O_RDONLY) = 3 <2.5>",
           "9 10.2 epoll_wait(5, [], 64, -1) = 0 <2.5>",
           "8 14.1 <... futex resumed>) = 0 <4.0>",
           "7 14.2 openat(AT_FDCWD, \"/near\", O_RDONLY) = 3 <0.1>",
       })
    seen.read(line);
  CHECK(seen.workers() == 2);
  CHECK(seen.too_long().empty());
  SECTION("that has ended") {
    seen.read("7 15.0 openat(AT_FDCWD, \"/far\", O_RDONLY <unfinished ...>");
    seen.read("7 17.0 <... openat resumed>) = 3 <1.7>");
    REQUIRE(seen.too_long().size() == 1);
    CHECK_THAT(seen.too_long()[0], Contains("\"/far\""));
  }
  SECTION("that has not") {
    seen.read("7 15.0 openat(AT_FDCWD, \"/far\", O_RDONLY <unfinished ...>");
    seen.read("6 17.0 close(3) = 0 <0.000010>");
    REQUIRE(seen.too_long().size() == 1);
    CHECK_THAT(seen.too_long()[0], Contains("did not end"));
  }
  SECTION("for a lock") {
    seen.read("7 15.0 futex(0x7f30a8, FUTEX_WAIT_PRIVATE, 2, NULL) = 0 <1.7>");
    CHECK(seen.too_long().size() == 1);
  }
  SECTION("for something else than work") {
    seen.read("7 15.0 futex(0x7f30a8, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL) = 0 <1.7>");
    REQUIRE(seen.too_long().size() == 1);
    CHECK_THAT(seen.too_long()[0], Contains("places"));
  }
}
