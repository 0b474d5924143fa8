// A node whose socket's file goes while it lives.
#include "runtime/node/keeper.hpp"
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"
#include "tests/node/raw_socket.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <sys/stat.h>
#include <thread>
#include <utility>

using namespace node_tests;
using moorage::errc;

namespace {

/// A node that is kept, in this process, and what its keeper tells.
struct kept_node {
  own_folder folder;
  std::string path;
  node_system system;
  echo_actor echo = spawn_echo(*system, [](const std::string&) {});
  std::promise<std::pair<moorage::failure, bool>> told;
  std::future<std::pair<moorage::failure, bool>> news = told.get_future();
  std::unique_ptr<moorage::node_keeper> keeper;

  explicit kept_node(const std::string& name = "node.sock", moorage::node_idleness idleness = {})
      : path(folder / name) {
    auto publish = [this](const std::string& where) { return moorage::publish_node(*system, echo, where); };
    auto first = publish(path);
    REQUIRE(first);
    keeper = std::make_unique<moorage::node_keeper>(
        std::move(*first), publish,
        [this](const moorage::failure& what, bool listening) {
          told.set_value({what, listening});
        },
        std::move(idleness));
  }
  ~kept_node() {
    keeper.reset();
    caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  }
  std::pair<moorage::failure, bool> wait_for_news() {
    REQUIRE(news.wait_for(20s) == std::future_status::ready);
    return news.get();
  }
  bool serves() {
    node_system client;
    return static_cast<bool>(moorage::connect_node<echo_actor>(*client, path, 5s));
  }
};

} // namespace

// What is not in place is noticed at the next look, and tried at once to make anew: within a second, with as
// much again for a machine that is busy.
static_assert(moorage::node_file_look <= 500ms);

TEST_CASE("a node whose socket's file was removed listens again, and its links live on") {
  kept_node node;
  other_process client{"connect", node.path};
  REQUIRE(client.line() == "watched yes");
  REQUIRE(std::filesystem::remove(node.path));
  auto [what, listening] = node.wait_for_news();
  CHECK(listening);
  CHECK(what.text.find(node.path) != std::string::npos);
  CHECK(node.serves());
  client.say("callback");
  CHECK(client.line() == "friend of the client");
}

TEST_CASE("a node whose file was renamed, or replaced by a dead one, listens again") {
  kept_node node;
  SECTION("renamed") {
    std::filesystem::rename(node.path, node.folder / "away");
  }
  SECTION("replaced") {
    std::filesystem::remove(node.path);
    raw_listener{node.path}.close();
  }
  CHECK(node.wait_for_news().second);
  CHECK(node.serves());
}

TEST_CASE("a node whose folder was removed makes it anew") {
  kept_node node{"moorage/node.sock"};
  std::filesystem::remove_all(node.folder / "moorage");
  CHECK(node.wait_for_news().second);
  struct stat facts {};
  REQUIRE(::stat((node.folder / "moorage").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0700);
  CHECK(node.serves());
}

TEST_CASE("a node in whose place another one listens says so, and leaves it alone") {
  kept_node node;
  other_process other{"serve", node.folder / "other.sock"};
  REQUIRE(other.line() == "ready");
  std::filesystem::rename(node.folder / "other.sock",
                          node.path); // there is always a file, first one's, then the other's
  auto [what, listening] = node.wait_for_news();
  CHECK(!listening);
  CHECK(what.code == errc::node_running);
  CHECK(what.text.find("(pid " + std::to_string(other.pid()) + ")") != std::string::npos);
  node.keeper->close();
  CHECK(node.serves());
}

TEST_CASE("a node whose place another one has taken serves who is linked to the end, and ends then") {
  auto links = std::make_shared<moorage::link_count>();
  links->began();
  kept_node node{"node.sock", {0ms, links}};
  other_process other{"serve", node.folder / "other.sock"};
  REQUIRE(other.line() == "ready");
  std::filesystem::rename(node.folder / "other.sock", node.path);
  CHECK(node.news.wait_for(3 * moorage::node_file_look) == std::future_status::timeout);
  links->ended();
  auto [what, listening] = node.wait_for_news();
  CHECK(!listening);
  CHECK(what.code == errc::node_running);
}

TEST_CASE("a node whose file cannot be made anew ends with the reason") {
  kept_node node;
  std::filesystem::remove(node.path);
  std::ofstream{node.path} << "precious";
  auto [what, listening] = node.wait_for_news();
  CHECK(!listening);
  CHECK(what.code == errc::local_failure);
  CHECK(what.text.find("is not a socket") != std::string::npos);
  CHECK(std::filesystem::file_size(node.path) == 8);
}

TEST_CASE("a keeper that is closed removes the file, says nothing and does not keep its caller waiting") {
  kept_node node;
  auto start = std::chrono::steady_clock::now();
  node.keeper->close();
  node.keeper->close();
  CHECK(std::chrono::steady_clock::now() - start < moorage::node_file_look);
  CHECK(!std::filesystem::exists(node.path));
  CHECK(node.news.wait_for(0ms) == std::future_status::timeout);
}

TEST_CASE("an idle node removes its file and says that it is to end") {
  kept_node node{"node.sock", {1ms, std::make_shared<moorage::link_count>()}};
  auto [what, listening] = node.wait_for_news();
  CHECK(!listening);
  CHECK(what.code == errc::none);
  CHECK(!std::filesystem::exists(node.path));
}

TEST_CASE("who comes while an idle node ends is served, and it listens again") {
  auto met = false;
  // It looks once more after a quarter of a second: a machine that is busy may miss that.
  for (auto tries = 0; tries < 20 && !met; ++tries) {
    auto links = std::make_shared<moorage::link_count>();
    kept_node node{"node.sock", {1ms, links}};
    while (std::filesystem::exists(node.path))
      std::this_thread::yield();
    links->began(); // as one that had connected before the file went, and was accepted now
    while (!met && node.news.wait_for(1ms) == std::future_status::timeout)
      met = std::filesystem::exists(node.path);
    if (!met)
      continue;
    CHECK(node.serves());
    links->ended();
    CHECK(node.wait_for_news().first.code == errc::none);
  }
  CHECK(met);
}

TEST_CASE("a node does not end while there are links, nor one whose time is not up") {
  auto links = std::make_shared<moorage::link_count>();
  links->began();
  links->began();
  links->ended();
  CHECK(links->none_for() == 0ms);
  links->ended();
  CHECK(links->none_for() < 10s);
  links->began();
  kept_node node{"node.sock", {1ms, links}};
  CHECK(node.news.wait_for(3 * moorage::node_file_look) == std::future_status::timeout);
  CHECK(node.serves());
}
