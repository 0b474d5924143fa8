// A node whose clusters wait for what never answers: none of its workers waits with them. The node runs under
// strace, which tells how long each system call of each thread took.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stop_token>

#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "runtime/config.hpp"
#include "runtime/runtime.hpp"
#include "tests/cli/clusters.hpp"
#include "tests/cli/worker_calls.hpp"
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

constexpr auto hangs_for = 3s; // the clusters' connect_timeout

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

void judge(const std::string& trace, std::size_t calls = 1'000) {
  worker_calls seen;
  std::ifstream lines{trace};
  for (std::string line; std::getline(lines, line);)
    seen.read(line);
  CHECK(seen.workers() >= 2);
  CHECK(seen.calls() > calls);
  std::string listed;
  for (const auto& each : seen.waits())
    listed += each + "\n";
  INFO("longer than " << seen.longest_allowed() << " s:\n" << listed);
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

TEST_CASE("traced: one registration", "[.]") {
  const auto config = load_config(std::getenv("TRACED_CONFIG"));
  runtime pools{config};
  std::stop_source enough;
  auto waits =
      std::async(std::launch::async, [&] { return pools.register_host("lumi", config, enough.get_token()); });
  const std::string asked = std::getenv("TRACED_ASKED");
  CHECK(soon([&] { return support::contents_of(asked) == "asked\n"; }));
  for (const auto until = std::chrono::steady_clock::now() + hangs_for;
       std::chrono::steady_clock::now() < until; ::poll(nullptr, 0, 20))
    REQUIRE(pools.acquire("here", 20s).run("echo well").output == "well\n");
  CHECK(waits.wait_for(0s) == std::future_status::timeout);
  enough.request_stop();
  CHECK_FALSE(waits.get());
}

TEST_CASE("a registration whose ssh hangs keeps no worker of its process in a system call") {
  if (!strace_works()) {
    WARN("not traced: strace cannot, or this is a sanitizer's build");
    return;
  }
  home_with_cluster home;
  put_hung_ssh(home.folder);
  const auto self = std::filesystem::read_symlink("/proc/self/exe").string();
  support::process_spec spec;
  spec.argv = {"strace", "-f",
               "-ttt",   "-T",
               "-s",     "64",
               "-o",     home.folder / "trace",
               self,     "traced: one registration"};
  spec.environment = {"HOME=" + home.folder.path(), "TRACED_CONFIG=" + home.config(),
                      "TRACED_ASKED=" + home.folder / "asked",
                      "PATH=" + home.folder / "bin" + ":" + std::getenv("PATH")};
  spec.output = home.folder / "said";
  const auto code = support::run_to_end(spec);
  INFO(support::contents_of(spec.output));
  CHECK(code == 0);
  judge(home.folder / "trace", 200);
}

TEST_CASE("the reader of workers' calls sees one that waits where there is one") {
  worker_calls seen;
  auto read = [&seen](const std::vector<const char*>& all) {
    for (const char* line : all)
      seen.read(line);
  };
  read({
      "6 9.0 execve(\"moorage\", [\"moorage\"], 0x7ff /* 3 vars */) = 0 <0.0002>",
      "6 9.1 clone3({flags=CLONE_THREAD} => {parent_tid=[7]}, 88) = 7 <0.0001>",
      "6 9.2 socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 5 <0.0001>",
      "7 10.0 prctl(PR_SET_NAME, \"moorage.worker\") = 0 <0.000012>",
      "8 10.0 prctl(PR_SET_NAME, \"moorage.worker\") = 0 <0.000012>",
      "9 10.0 prctl(PR_SET_NAME, \"caf.multiplexer\") = 0 <0.000012>",
      "7 10.1 futex(0x7f10a8, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL) = 0 <3.1>",
      "7 13.2 futex(0x7f10ac, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL) = 0 <0.5>",
      "7 13.8 epoll_wait(5, [], 256, -1) = 0 <0.3>",
      "8 10.1 futex(0x7f10f8, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL <unfinished ...>",
      "6 10.1 futex(0x7f20a8, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL) = 0 <3.1>", // of another kind
      "6 10.2 openat(AT_FDCWD, \"/far\", O_RDONLY) = 3 <2.5>", "9 10.2 epoll_wait(5, [], 64, -1) = 0 <2.5>",
      "8 14.1 <... futex resumed>) = 0 <4.0>", "7 14.2 openat(AT_FDCWD, \"/near\", O_RDONLY) = 3 <0.09>",
      "7 14.3 recvfrom(5, \"\", 1, 0, NULL, NULL) = 0 <0.3>", // waits for a processor
  });
  CHECK(seen.workers() == 2);
  CHECK(seen.waits().empty());
  auto only = [&seen](const char* part) {
    REQUIRE(seen.waits().size() == 1);
    CHECK_THAT(seen.waits()[0], Contains(part));
  };
  SECTION("that has ended") {
    read({"7 15.0 openat(AT_FDCWD, \"/far\", O_RDONLY <unfinished ...>",
          "7 15.2 <... openat resumed>) = 3 <0.2>"});
    only("\"/far\"");
  }
  SECTION("that has not") {
    read({"7 15.0 openat(AT_FDCWD, \"/far\", O_RDONLY <unfinished ...>", "6 15.2 close(3) = 0 <0.000010>"});
    only("did not end");
  }
  SECTION("on a descriptor that blocks") {
    read({"6 15.0 fcntl(5, F_SETFL, O_RDWR) = 0 <0.0001>",
          "7 15.1 recvfrom(5, \"\", 1, 0, NULL, NULL) = 0 <0.2>"});
    only("recvfrom");
  }
  SECTION("on one that was another's") {
    read({"6 15.0 close(5) = 0 <0.0001>", "7 15.1 read(5, \"\", 1) = 0 <0.2>"});
    only("read");
  }
  SECTION("for a while, or for a process") {
    read({"7 15.1 poll([{fd=5, events=POLLIN}], 1, 200) = 0 (Timeout) <0.2>"});
    only("poll");
    read({"8 15.1 wait4(12, NULL, 0, NULL) = 12 <0.2>", "8 16.1 flock(5, LOCK_EX) = 0 <0.2>",
          "8 17.1 connect(11, {sa_family=AF_UNIX}, 110) = 0 <0.2>", "8 18.1 close(11) = 0 <0.2>"});
    CHECK(seen.waits().size() == 5);
  }
  SECTION("for a lock") {
    read({"7 15.0 futex(0x7f30a8, FUTEX_WAIT_PRIVATE, 2, NULL) = 0 <0.2>"});
    only("futex");
  }
  SECTION("for something else than work") {
    read({"7 15.0 futex(0x7f30a8, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 0, NULL) = 0 <0.2>"});
    only("places");
  }
  SECTION("on a machine that is busy, where it is longer") {
    read({"6 15.0 getpid() = 6 <0.2>", "7 15.1 wait4(12, NULL, 0, NULL) = 12 <0.8>"});
    CHECK(seen.waits().empty());
    read({"6 17.0 getpid() = 6 <9.9>", "7 18.1 wait4(12, NULL, 0, NULL) = 12 <1.6>"});
    only("wait4");
  }
}
