// The proof that a worker thread makes no blocking call while a connection is opened: the opening runs in a
// process of its own under strace, each pump stands between two marks in the trace, and every system call
// between them must be one that cannot block on its descriptor as it then is.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include <catch2/catch.hpp>

#include "runtime/ssh/transport.hpp"
#include "tests/ssh/log_in_driver.hpp"
#include "tests/ssh/proxy_driver.hpp"
#include "tests/ssh/trace_reader.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/hung_folder.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool traceable = false; // their runtimes make system calls of their own
#else
constexpr bool traceable = true;
#endif

/// Seen by strace, and by nobody else: no descriptor is -1.
void mark(const char* text) {
  if (::write(-1, text, std::strlen(text)) >= 0)
    std::abort();
}

/// Pumps it as a worker would.
void pump_marked(transport& link, std::vector<transport_event>& events) {
  mark("pump begins");
  while (link.pump(std::chrono::steady_clock::now(), events)) {
  }
  mark("pump ends");
}

/// Opens one after the other as workers would, each carried by the one before, and drops them, marking each
/// pump. True: the last one is open.
bool open_marked(const std::vector<cluster_settings>& way, surroundings around,
                 std::shared_ptr<secret_store> secrets) {
  readiness loop;
  blocking_threads threads;
  bell woken;
  transport_world world{loop, threads, std::move(secrets), system_resolver(), std::move(around)};
  std::vector<std::unique_ptr<transport>> links;
  std::vector<transport_event> events;
  const auto end = std::chrono::steady_clock::now() + 60s;
  for (const auto& settings : way) {
    links.push_back(make_ssh_transport(settings, woken.waker(), world));
    links.back()->open();
    events.clear();
    while (events.empty() && std::chrono::steady_clock::now() < end) {
      time_point due = end;
      for (auto& link : links) {
        pump_marked(*link, events);
        due = std::min(due, link->next_due());
      }
      if (auto* wanted = events.empty() ? nullptr : std::get_if<carriage_wanted>(&events[0])) {
        links.at(links.size() - 2)->carry(stream_id{1}, std::move(wanted->what), wanted->to);
        events.clear();
        continue;
      }
      const auto wait = due - std::chrono::steady_clock::now();
      if (events.empty() && wait > 0ns)
        woken.wait(std::chrono::ceil<std::chrono::milliseconds>(wait));
    }
  }
  for (; !links.empty(); links.pop_back()) {
    mark("pump begins");
    links.back().reset();
    mark("pump ends");
  }
  if (!events.empty())
    if (const auto* failed = std::get_if<transport_failed>(&events[0]))
      std::fprintf(stderr, "%s\n", to_string(failed->error).c_str());
  return !events.empty() && std::holds_alternative<transport_opened>(events[0]);
}

/// What the traced process is told, through its environment: it is to start no process but the product's.
struct told {
  std::string host;
  std::uint16_t port = 0;
  std::string user;
  std::string home; ///< with known_hosts in it
  std::string agent;
  std::string password = {};    ///< empty: none
  std::string proxy = {};       ///< the proxy command; empty: none
  std::uint16_t jump_port = 0;  ///< of its jump host, at the same address; 0: none
  std::string known_hosts = {}; ///< empty: the one in `home`
  std::string fails = {};       ///< in these words, within a second; empty: it does not

  std::vector<std::string> environment() const {
    return {"TRACED_HOST=" + host,
            "TRACED_PORT=" + std::to_string(port),
            "TRACED_USER=" + user,
            "TRACED_HOME=" + home,
            "TRACED_AGENT=" + agent,
            "TRACED_PASSWORD=" + password,
            "TRACED_PROXY=" + proxy,
            "TRACED_JUMP_PORT=" + std::to_string(jump_port),
            "TRACED_KNOWN_HOSTS=" + (known_hosts.empty() ? home + "/known_hosts" : known_hosts),
            "TRACED_FAILS=" + fails};
  }
};

/// Opens one connection in a process of its own under strace, and reads the trace of its main thread.
trace_reader trace(const told& world) {
  scratch_folder folder;
  const auto file = folder / "trace";
  char self[4096] = {};
  REQUIRE(::readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  process_spec spec;
  spec.argv = {"strace", "-f", "-o", file, "-s", "64", self, "traced: one opening"};
  spec.environment = world.environment();
  spec.output = folder / "output";
  const int code = run_to_end(spec);
  const auto output = contents_of(folder / "output");
  INFO(output);
  REQUIRE(code == 0);
  REQUIRE(output.find(world.fails) != std::string::npos);
  std::ifstream lines{file};
  std::string line;
  std::optional<trace_reader> reader;
  while (std::getline(lines, line)) {
    if (!reader) // the first line is the main thread's execve
      reader.emplace(line.substr(0, line.find(' ')));
    reader->read(line);
  }
  REQUIRE(reader);
  return *reader;
}

bool strace_works() {
  process_spec spec;
  spec.argv = {"strace", "-f", "-o", "/dev/null", "true"};
  return traceable && run_to_end(spec) == 0;
}

/// `calls`: what it does at the least, so that no trace of something else passes.
void judge(const trace_reader& seen, int pumps = 5, int calls = 50) {
  CHECK(seen.pumps >= pumps);
  CHECK(seen.calls > calls);
  std::string listed;
  for (const auto& line : seen.blocking)
    listed += line + "\n";
  INFO(listed);
  CHECK(listed.empty());
}

} // namespace

TEST_CASE("traced: one opening", "[.]") {
  auto from = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string{value != nullptr ? value : ""};
  };
  cluster_settings settings;
  settings.host = from("TRACED_HOST");
  settings.port = static_cast<std::uint16_t>(std::stoi(from("TRACED_PORT")));
  settings.user = from("TRACED_USER");
  settings.known_hosts_files = {from("TRACED_KNOWN_HOSTS")};
  settings.strict_host_keys = host_key_policy::accept_new;
  settings.proxy_command = from("TRACED_PROXY");
  auto secrets = std::make_shared<memory_secret_store>();
  if (auto password = from("TRACED_PASSWORD"); !password.empty()) {
    settings.password_secret = "pw";
    secrets->put("pw", secret{password});
  }
  surroundings around;
  around.use_environment = false;
  around.home = from("TRACED_HOME");
  around.agent_socket = from("TRACED_AGENT");
  const bool fails = !from("TRACED_FAILS").empty();
  std::vector<cluster_settings> way{settings};
  if (auto port = std::stoi(from("TRACED_JUMP_PORT")); port != 0) {
    way.insert(way.begin(), settings);
    way[0].port = static_cast<std::uint16_t>(port);
    way[1].jump = "gate";
  }
  if (fails)
    way.back().connect_timeout = 1s;
  CHECK(open_marked(way, around, secrets) != fails);
}

TEST_CASE("no system call of an opening can block the worker") {
  if (!strace_works()) {
    WARN("not traced: strace is missing or not permitted here, or this is a sanitizer's build");
    return;
  }
  scratch_folder home;
  SECTION("with a hung agent, preloaded known_hosts, and a password in the end") {
    fake_faults faults;
    faults.keys_accepted = {"ssh-ed25519 AAAA"};
    faults.password = true;
    fake_sshd server{faults};
    hung_agent agent{hung_agent::manner::accepts};
    server.write_known_hosts(home / "known_hosts");
    judge(trace({server.host(), server.port(), "alice", home.path(), agent.socket(), "open sesame"}));
  }
  SECTION("with a name to look up, a new host key to write down, and the agent's signature") {
    real_sshd server;
    support::ssh_agent agent{{server.add_client_key("agents", "rsa")}};
    judge(trace({"localhost", server.port(), server.user(), home.path(), agent.socket(), ""}));
  }
  SECTION("through a proxy that talks on its standard error, from its start to its end") {
    real_sshd server;
    support::ssh_agent agent{{server.add_client_key("agents")}};
    const auto seen = trace({"localhost", server.port(), server.user(), home.path(), agent.socket(), "",
                             test::relay("echo well >&2; ")});
    judge(seen);
    CHECK(seen.processes() == 1);
  }
  SECTION("over a jump host, from one end to the other") {
    real_sshd outer, server;
    support::ssh_agent agent{{outer.add_client_key("outer"), server.add_client_key("inner")}};
    told world{server.host(), server.port(), server.user(), home.path(), agent.socket()};
    world.jump_port = outer.port();
    judge(trace(world));
    CHECK(outer.logins() == 1);
    CHECK(server.logins() == 1);
  }
}

TEST_CASE("no system call of an opening that meets what hangs can block the worker") {
  if (!strace_works()) {
    WARN("not traced: strace is missing or not permitted here, or this is a sanitizer's build");
    return;
  }
  scratch_folder home;
  fake_faults faults;
  faults.password = true;
  SECTION("a proxy that says nothing") {
    told world{"login.example", 22, "alice", home.path(), "", "open sesame", "sleep 600"};
    world.fails = "within 1s";
    const auto seen = trace(world);
    judge(seen, 3, 20);
    CHECK(seen.processes() == 1);
  }
  SECTION("a jump host that neither opens a channel nor refuses one") {
    faults.channel_open = support::reply::never;
    fake_sshd outer{faults}, server;
    told world{outer.host(), server.port(), "alice", home.path(), "", "open sesame"};
    world.jump_port = outer.port();
    world.fails = "was not carried by the jump host 'gate' within 1s";
    judge(trace(world));
    CHECK(server.counters().connects == 0);
  }
  SECTION("a file system with known_hosts on it") {
    hung_folder files;
    if (!files) {
      WARN(files.why_not());
      return;
    }
    fake_sshd server{faults};
    told world{server.host(), server.port(), "alice", home.path(), "", "open sesame"};
    world.known_hosts = files / "known_hosts";
    world.fails = "could not be read in time";
    judge(trace(world), 3, 5);
  }
}

TEST_CASE("the reader of traces sees a blocking call where there is one") {
  trace_reader reader{"7"};
  for (const char* line :
       {"7 write(-1, \"pump begins\", 11) = -1 EBADF",
        "7 socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, IPPROTO_TCP) = 5",
        "7 sendto(5, \"x\", 1, 0, NULL, 0) = 1", "7 dup(5) = 6", "7 fcntl(6, F_SETFL, O_RDWR) = 0",
        "7 sendto(5, \"x\", 1, 0, NULL, 0) = 1", "7 recvfrom(5, \"\", 1, MSG_DONTWAIT, NULL, NULL) = 0",
        "7 poll([{fd=5, events=POLLIN}], 1, 0) = 0 (Timeout)",
        "7 poll([{fd=5, events=POLLIN}], 1, 10) = 0 (Timeout)",
        "7 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 3",
        "8 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 3", "7 write(-1, \"pump ends\", 9) = -1 EBADF",
        "7 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 3"})
    reader.read(line);
  REQUIRE(reader.blocking.size() == 3);
  CHECK(reader.blocking[0].find("sendto") != std::string::npos);
  CHECK(reader.blocking[1].find("1, 10)") != std::string::npos);
  CHECK(reader.blocking[2].find("openat") != std::string::npos);
}

} // namespace moorage::support
