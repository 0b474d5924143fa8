// The file that a node listens on: whose it is, who replaces it, who removes it.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"
#include "tests/node/raw_socket.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace node_tests;
using moorage::errc;

namespace {

/// A system with an actor to publish.
struct publisher {
  node_system system;
  echo_actor echo = spawn_echo(*system, [](const std::string&) {});

  ~publisher() { caf::anon_send_exit(echo, caf::exit_reason::user_shutdown); }

  auto publish(const std::string& path) { return moorage::publish_node(*system, echo, path); }

  moorage::failure refusal(const std::string& path) {
    auto node = publish(path);
    return node ? moorage::failure{} : moorage::to_failure(node.error());
  }
};

mode_t mode_of(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0 ? facts.st_mode & 07777 : 0;
}

/// Sets an environment variable for as long as it lives.
class environment_setting {
public:
  environment_setting(const char* name, const std::string& value) : name_(name) {
    if (auto old = std::getenv(name))
      old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~environment_setting() {
    if (old_)
      ::setenv(name_, old_->c_str(), 1);
    else
      ::unsetenv(name_);
  }

private:
  const char* name_;
  std::optional<std::string> old_;
};

} // namespace

TEST_CASE("the socket has mode 0600 and its folder 0700, whatever the umask") {
  own_folder folder;
  other_process server{"serve with umask 0", folder / "moorage/node.sock"};
  REQUIRE(server.line() == "ready");
  CHECK(mode_of(folder / "moorage/node.sock") == 0600);
  CHECK(mode_of(folder / "moorage") == 0700);
}

TEST_CASE("a path where a node lives is refused, with the node's pid") {
  echo_node node;
  publisher second;
  auto wrong = second.refusal(node.socket);
  CHECK(wrong.code == errc::node_running);
  CHECK(says(wrong, node.socket));
  CHECK(says(wrong, "(pid " + std::to_string(node.server.pid()) + ")"));
  auto link = moorage::connect_node<echo_actor>(*second.system, node.socket, 5s);
  CHECK(link); // it was not harmed
}

TEST_CASE("a file that a killed node left behind is replaced") {
  own_folder folder;
  {
    other_process server{"serve", folder / "node.sock"};
    REQUIRE(server.line() == "ready");
  }
  REQUIRE(std::filesystem::exists(folder / "node.sock"));
  other_process server{"serve", folder / "node.sock"};
  CHECK(server.line() == "ready");
}

TEST_CASE("a file that is no socket is never removed") {
  own_folder folder;
  std::ofstream{folder / "node.sock"} << "precious";
  publisher node;
  auto wrong = node.refusal(folder / "node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, "is not a socket"));
  CHECK(std::filesystem::file_size(folder / "node.sock") == 8);
}

TEST_CASE("of nodes that start at the same moment on a dead file, one wins and lives") {
  own_folder folder;
  for (int round = 0; round < 5; ++round) {
    raw_listener{folder / "node.sock"}.close();
    std::vector<std::unique_ptr<other_process>> starters;
    for (int i = 0; i < 4; ++i)
      starters.push_back(std::make_unique<other_process>("serve", folder / "node.sock"));
    int ready = 0;
    int refused = 0;
    for (auto& starter : starters) {
      auto line = starter->line();
      ready += line == "ready";
      refused += line.starts_with("error node_running");
    }
    CHECK(ready == 1);
    CHECK(refused == 3);
    node_system system;
    CHECK(moorage::connect_node<echo_actor>(*system, folder / "node.sock", 5s));
    starters.clear();
    std::filesystem::remove(folder / "node.sock");
  }
}

TEST_CASE("closing removes the file, but not another node's") {
  own_folder folder;
  publisher node;
  auto published = node.publish(folder / "node.sock");
  REQUIRE(published);
  CHECK(published->path() == folder / "node.sock");
  SECTION("its own") {
    published->close();
    CHECK(!std::filesystem::exists(folder / "node.sock"));
    published->close();
  }
  SECTION("a later one's") {
    std::filesystem::remove(folder / "node.sock");
    other_process later{"serve", folder / "node.sock"};
    REQUIRE(later.line() == "ready");
    published->close();
    CHECK(std::filesystem::exists(folder / "node.sock"));
    CHECK(moorage::connect_node<echo_actor>(*node.system, folder / "node.sock", 5s));
  }
}

TEST_CASE("what was closed can be published again, on the same path and from the same system") {
  own_folder folder;
  publisher node;
  auto before = open_descriptors();
  for (int i = 0; i < 50; ++i) {
    auto published = node.publish(folder / "node.sock");
    REQUIRE(published);
  }
  // The system may still have been starting, with files open that it has closed since.
  CHECK(eventually([&] { return open_descriptors() <= before; }));
  node_system client;
  auto published = node.publish(folder / "node.sock");
  REQUIRE(published);
  auto link = moorage::connect_node<echo_actor>(*client, folder / "node.sock", 5s);
  REQUIRE(link);
  CHECK(ask(*client, link->actor_as<echo_actor>(), std::string{"again"}) == "again");
}

TEST_CASE("an actor is let go of when what was published is closed") {
  own_folder folder;
  node_system system;
  auto echo = spawn_echo(*system, [](const std::string&) {});
  auto published = moorage::publish_node(*system, echo, folder / "node.sock");
  REQUIRE(published);
  published->close();
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  echo = nullptr;
  CHECK(system.end() < 5s);
}

TEST_CASE("the system may end before what was published is closed") {
  own_folder folder;
  auto before = open_descriptors();
  {
    node_system system;
    auto echo = spawn_echo(*system, [](const std::string&) {});
    auto published = moorage::publish_node(*system, echo, folder / "node.sock");
    REQUIRE(published);
    caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
    echo = nullptr;
    CHECK(system.end() < 5s);
    CHECK_THROWS(raw_connection{folder / "node.sock"}); // nobody listens any more
  }
  CHECK(!std::filesystem::exists(folder / "node.sock"));
  CHECK(open_descriptors() == before);
}

TEST_CASE("systems that publish and end at once leave no descriptor, whatever connects meanwhile") {
  own_folder folder;
  auto before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    node_system system;
    auto echo = spawn_echo(*system, [](const std::string&) {});
    auto published = moorage::publish_node(*system, echo, folder / "node.sock");
    REQUIRE(published);
    raw_connection one{folder / "node.sock"};
    raw_connection two{folder / "node.sock"};
    caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
    echo = nullptr;
    CHECK(system.end() < 5s);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a folder that others may write to is refused") {
  own_folder folder;
  ::chmod(folder.path().c_str(), 0777);
  publisher node;
  auto wrong = node.refusal(folder / "node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, "others may write to the folder " + folder.path()));
  CHECK(!std::filesystem::exists(folder / "node.sock"));
}

TEST_CASE("a folder that belongs to somebody else is refused") {
  if (::geteuid() != 0)
    return; // only root can make one
  own_folder folder;
  REQUIRE(::chown(folder.path().c_str(), 65534, 65534) == 0);
  publisher node;
  auto wrong = node.refusal(folder / "node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, "belongs to uid 65534"));
}

TEST_CASE("a symbolic link in place of the folder is refused") {
  own_folder folder;
  std::filesystem::create_directory(folder / "real");
  std::filesystem::create_symlink(folder / "real", folder / "link");
  publisher node;
  auto wrong = node.refusal(folder / "link/node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, "symbolic link"));
}

TEST_CASE("a folder whose parent is missing is refused") {
  own_folder folder;
  publisher node;
  auto wrong = node.refusal(folder / "a/b/node.sock");
  CHECK(wrong.code == errc::local_failure);
  CHECK(says(wrong, folder / "a/b"));
}

TEST_CASE("clients that say nothing, half a greeting or rubbish cost the server no processor time and keep "
          "nobody out") {
  echo_node node;
  raw_connection silent{node.socket};
  raw_connection half{node.socket};
  half.send(std::string(20, '\0'));
  raw_connection rubbish{node.socket};
  rubbish.send(std::string(512, 'r'));
  CHECK(rubbish.ended());
  raw_connection greedy{node.socket};
  greedy.send(greeting_header(1u << 30));
  CHECK(greedy.ended());
  other_process client{"connect", node.socket};
  CHECK(client.line() == "watched yes");
  node.server.say("cpu");
  auto before = std::stol(node.server.line());
  CHECK(node.server.line(1s) == "(silence)");
  node.server.say("cpu");
  CHECK(std::stol(node.server.line()) - before < 20'000); // microseconds
}

TEST_CASE("a server out of descriptors turns clients away, and serves again when it has some") {
  own_folder folder;
  publisher node;
  auto published = node.publish(folder / "node.sock");
  REQUIRE(published);
  auto at_rest = open_descriptors();
  {
    raw_connection settled{folder / "node.sock"};
    REQUIRE(eventually([&] { return open_descriptors() == at_rest + 2; }));
  }
  REQUIRE(eventually(
      [&] { return open_descriptors() == at_rest; })); // or its descriptor would serve one of those below
  std::vector<raw_connection> waiting;
  for (int i = 0; i < 3; ++i)
    waiting.push_back(raw_connection::unconnected());
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  rlimit low{200, limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  std::vector<int> fillers;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0))
    fillers.push_back(fd);
  auto before = processor_time();
  for (auto& connection : waiting)
    connection.connect(folder / "node.sock");
  auto turned_away = waiting[0].ended() && waiting[1].ended() && waiting[2].ended();
  let_pass(200ms);
  auto used = processor_time() - before;
  for (auto fd : fillers) // before any check: a sanitizer needs descriptors of its own
    ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  CHECK(turned_away);
  CHECK(used < 150ms);
  node_system client;
  CHECK(moorage::connect_node<echo_actor>(*client, folder / "node.sock", 5s));
}

TEST_CASE("the usual path is in a folder of our own") {
  own_folder folder;
  environment_setting runtime_folder{"XDG_RUNTIME_DIR", folder.path()};
  CHECK(moorage::usual_node_socket() == folder / "moorage/node.sock");
  ::chmod(folder.path().c_str(), 0777); // where others could make the folder before us
  CHECK(!moorage::usual_node_socket().starts_with(folder.path()));
  ::chmod(folder.path().c_str(), 0700);
  if (::geteuid() == 0) {
    REQUIRE(::chown(folder.path().c_str(), 65534, 65534) == 0);
    CHECK(!moorage::usual_node_socket().starts_with(folder.path()));
  }
  environment_setting nonsense{"XDG_RUNTIME_DIR", "relative"};
  CHECK(moorage::usual_node_socket().find("/moorage/node") != std::string::npos);
  CHECK(!moorage::usual_node_socket().starts_with("/tmp/moorage"));
}

TEST_CASE(
    "without a runtime folder the path is under the user's state, in a name of this machine's, and is made") {
  if (::access(("/run/user/" + std::to_string(::geteuid())).c_str(), F_OK) == 0)
    return; // this machine gives its users one
  own_folder home;
  environment_setting runtime_folder{"XDG_RUNTIME_DIR", ""};
  environment_setting state{"XDG_STATE_HOME", ""};
  environment_setting our_home{"HOME", home.path()};
  char name[256] = "";
  ::gethostname(name, sizeof(name) - 1);
  auto path = moorage::usual_node_socket();
  CHECK(path.starts_with(home / ".local/state/moorage/node-" + std::string{name}.substr(0, 3)));
  CHECK(path.ends_with(".sock"));
  CHECK(path == moorage::usual_node_socket());
  publisher node;
  auto published = node.publish(path);
  REQUIRE(published);
  CHECK(mode_of(home / ".local/state/moorage") == 0700);
  CHECK(mode_of(path) == 0600);
  own_folder elsewhere;
  environment_setting other{"XDG_STATE_HOME", elsewhere.path()};
  CHECK(moorage::usual_node_socket().starts_with(elsewhere / "moorage/node-"));
  ::chmod(elsewhere.path().c_str(), 0777);
  CHECK(moorage::usual_node_socket() == path);
}
