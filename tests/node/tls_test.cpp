// A node over TLS: who comes in, what each is given, and what ends a link.
#include "tests/node/other_process.hpp"
#include "tests/node/protocol.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "messages/type_ids.hpp"
#include "runtime/node/tls/address.hpp"
#include "runtime/node/tls/dial.hpp"
#include "runtime/node/tls/publish.hpp"
#include "tests/support/trial_authority.hpp"

using namespace node_tests;
using moorage::support::trial_authority;

namespace {

/// An echo for each who comes in over TLS, with what was said of them.
struct proved_echoes {
  explicit proved_echoes(caf::actor_system& in) : system(in) {}
  moorage::tls_service service() {
    moorage::tls_service result;
    result.open = [this](const moorage::certificate_names& names, const std::string& from) {
      std::lock_guard guard{mutex};
      came.push_back(names);
      froms.push_back(from);
      made.push_back(spawn_echo(system, [](const std::string&) {}));
      return caf::actor_cast<caf::strong_actor_ptr>(made.back());
    };
    result.closed = [this](const caf::strong_actor_ptr& whom) {
      ++closed;
      caf::anon_send_exit(caf::actor_cast<caf::actor>(whom), caf::exit_reason::user_shutdown);
    };
    result.refused = [this](const std::string& text) {
      std::lock_guard guard{mutex};
      refused.push_back(text);
    };
    result.interface = system.message_types<echo_actor>();
    return result;
  }
  std::string last_refusal() {
    std::lock_guard guard{mutex};
    return refused.empty() ? "" : refused.back();
  }
  void forget() {
    std::lock_guard guard{mutex};
    made.clear();
  }

  caf::actor_system& system;
  std::atomic<std::size_t> closed = 0;
  std::mutex mutex;
  std::vector<moorage::certificate_names> came;
  std::vector<std::string> froms, refused;
  std::vector<echo_actor> made;
};

/// A node with one such service, and the way to it.
struct tls_world {
  explicit tls_world(const std::string& host = "127.0.0.1") : tls_world(host, {"127.0.0.1:0"}, {}) {}
  /// On a socket that somebody else made.
  explicit tls_world(int made) : tls_world("127.0.0.1", {}, {made}) {}
  tls_world(const std::string& host, const std::vector<std::string>& addresses, const std::vector<int>& made)
      : files(authority.node(host)), given(*server),
        listening(moorage::publish_tls(*server, given.service(), addresses, files, made).value()) {}
  ~tls_world() {
    given.forget();
    listening.reset();
  }
  moorage::node_place place(const moorage::node_files& with, const std::string& host = "127.0.0.1") {
    auto address = listening->addresses().front();
    address = host + address.substr(address.rfind(':'));
    return {address, [front = front, address, with](auto deadline, const std::stop_token& called_off) {
              return moorage::dial_tls(*front, address, with, deadline, called_off);
            }};
  }
  moorage::failure refusal(const moorage::node_files& with, const std::string& host = "127.0.0.1") {
    node_system client;
    auto link = moorage::connect_node<echo_actor>(*client, place(with, host), 10s);
    return link ? moorage::failure{} : moorage::to_failure(link.error());
  }

  trial_authority authority;
  moorage::node_files files;
  node_system server;
  proved_echoes given;
  std::shared_ptr<moorage::tls_front> front = moorage::front_of_process();
  std::unique_ptr<moorage::node_listener> listening;
};

/// Whether an epoll(7) of this process looks at the socket, by whichever descriptor.
bool is_watched(int fd) {
  struct stat facts {};
  REQUIRE(::fstat(fd, &facts) == 0);
  std::ostringstream wanted;
  wanted << " ino:" << std::hex << facts.st_ino << ' ';
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/fdinfo"}) {
    std::ifstream lines{each.path()};
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("tfd:") && line.find(wanted.str()) != std::string::npos)
        return true;
  }
  return false;
}

} // namespace

TEST_CASE("over TLS each client has an actor of its own, made for the names that its certificate proves") {
  tls_world world;
  node_system first, second;
  auto one = moorage::connect_node<echo_actor>(*first, world.place(world.authority.client("portal")), 10s);
  auto two = moorage::connect_node<echo_actor>(*second, world.place(world.authority.client("jobs")), 10s);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->actor()->id() != two->actor()->id());
  CHECK(ask(*first, one->actor_as<echo_actor>(), std::string{"one"}) == "one");
  // More than a socket takes at once, there and back.
  std::string much(8 << 20, 'x');
  CHECK(ask(*second, two->actor_as<echo_actor>(), much) == much);
  REQUIRE(world.given.came.size() == 2);
  CHECK(world.given.came[0].uris == std::vector<std::string>{"moorage:portal"});
  CHECK(world.given.came[1].uris == std::vector<std::string>{"moorage:jobs"});
  CHECK(world.given.came[1].subject == "CN=jobs");
  CHECK(world.given.froms[0] == "127.0.0.1");
  one->close();
  CHECK(eventually([&] { return world.given.closed == 1; }));
  CHECK(ask(*second, two->actor_as<echo_actor>(), std::string{"still"}) == "still");
}

TEST_CASE("whoever does not prove who they are is refused, and both sides say why") {
  tls_world world;
  trial_authority another;
  auto foreign = another.client("portal");
  foreign.authority = world.files.authority; // believes the node, and is not believed
  foreign.revoked.clear();
  CHECK(says(world.refusal(foreign), "refused our certificate"));
  auto expired = world.authority.client("late", "--expired");
  CHECK(says(world.refusal(expired), "expired"));
  CHECK(eventually([&] { return world.given.last_refusal() == "127.0.0.1: certificate has expired"; }));
  auto node_as_client = world.refusal(world.files); // its certificate is for nodes
  CHECK(says(node_as_client, "refused our certificate"));
  auto stolen = world.authority.client("stolen");
  CHECK(world.refusal(stolen).code == moorage::errc::none);
  world.authority.revoke("stolen");
  REQUIRE(world.listening->reload(world.files).code == moorage::errc::none);
  CHECK(says(world.refusal(stolen), "revoked"));
  CHECK(eventually([&] { return world.given.last_refusal() == "127.0.0.1: certificate revoked"; }));
}

TEST_CASE("a client goes to no node but the one that it means") {
  tls_world world{"node.example"};
  auto files = world.authority.client("portal");
  auto wrong_host = world.refusal(files);
  CHECK(wrong_host.code == moorage::errc::local_failure);
  CHECK(says(wrong_host, "is not to be trusted (IP address mismatch)"));
  trial_authority another;
  auto believes_another = files;
  believes_another.authority = another.client("x").authority;
  believes_another.revoked.clear();
  CHECK(says(world.refusal(believes_another), "is not to be trusted"));
}

TEST_CASE("certificates are exchanged while links live, and a link whose certificate is revoked is cut") {
  tls_world world;
  node_system first, second;
  auto stays = moorage::connect_node<echo_actor>(*first, world.place(world.authority.client("stays")), 10s);
  auto goes = moorage::connect_node<echo_actor>(*second, world.place(world.authority.client("goes")), 10s);
  REQUIRE(stays);
  REQUIRE(goes);
  auto fresh = world.authority.node("127.0.0.1", "--days 3");
  auto wrong = fresh;
  wrong.key = world.files.key;
  CHECK(says(world.listening->reload(wrong), "key values mismatch"));
  world.authority.revoke("goes");
  REQUIRE(world.listening->reload(fresh).code == moorage::errc::none);
  CHECK(eventually([&] { return world.given.closed == 1; }));
  CHECK(ask(*first, stays->actor_as<echo_actor>(), std::string{"still"}) == "still");
  CHECK(world.refusal(world.authority.client("new")).code == moorage::errc::none);
}

TEST_CASE("what is wrong with TLS's files is said with the file's name, before anything listens") {
  trial_authority authority;
  node_system server;
  auto good = authority.node();
  auto refusal = [&](auto change) {
    auto files = good;
    change(files);
    auto made = moorage::publish_tls(*server, {}, {"127.0.0.1:0"}, files);
    return made ? moorage::failure{} : made.error();
  };
  CHECK(says(refusal([](auto& f) { f.certificate = "/nonesuch.pem"; }),
             "the certificate /nonesuch.pem: No such"));
  CHECK(says(refusal([](auto& f) { f.key = f.certificate; }), "chmod 600"));
  CHECK(says(refusal([](auto& f) { f.authority.clear(); }), "TLS needs the authority"));
  CHECK(says(refusal([](auto& f) { f.revoked = f.authority; }), "no such list in PEM"));
  CHECK(says(refusal([](auto& f) { f.certificate = "/dev/null"; }), "not a regular file"));
  auto late = authority.node("127.0.0.1", "--expired");
  CHECK(says(refusal([&](auto& f) { f = late; }), "expired on"));
  CHECK(moorage::publish_tls(*server, {}, {"not an address"}, good).error().code ==
        moorage::errc::invalid_request);
  auto first = moorage::publish_tls(*server, {}, {"127.0.0.1:0"}, good);
  REQUIRE(first);
  CHECK(moorage::publish_tls(*server, {}, {(*first)->addresses().front()}, good).error().code ==
        moorage::errc::node_running);
}

TEST_CASE("a TCP socket that somebody else made is served like an address, and outlives who serves there") {
  auto made = moorage::listen_on("127.0.0.1:0").value();
  auto somebody_waits = [&made](std::chrono::milliseconds patience) {
    pollfd waiting{made.get(), POLLIN, 0};
    return ::poll(&waiting, 1, static_cast<int>(patience.count())) == 1;
  };
  tls_world world{made.get()};
  auto portal = world.authority.client("portal");
  CHECK(world.listening->addresses() == std::vector{moorage::address_of_listening(made.get())});
  CHECK(world.refusal(portal).code == moorage::errc::none);
  auto address = moorage::parse_host_port(world.listening->addresses().front()).value();
  // One that is closed here alone would stay in the front's epoll, which would tell of it without end.
  CHECK(eventually([&] { return is_watched(made.get()); }));
  world.listening->withdraw();
  CHECK(eventually([&] { return !is_watched(made.get()); }));
  // Who comes once nobody listens waits for whoever serves there next.
  world.listening.reset();
  auto waits = moorage::connect_tcp(address, std::chrono::steady_clock::now() + 10s, {}).value();
  REQUIRE(somebody_waits(10s));
  world.listening =
      moorage::publish_tls(*world.server, world.given.service(), {}, world.files, {made.get()}).value();
  CHECK(eventually([&] { return !somebody_waits(0ms); }));
  CHECK(world.refusal(portal).code == moorage::errc::none);
}

TEST_CASE("a descriptor that is no listening TCP socket is refused by its number") {
  trial_authority authority;
  node_system server;
  auto files = authority.node();
  for (auto kind : {SOCK_STREAM, SOCK_DGRAM}) { // the first does not listen
    moorage::unique_fd wrong{::socket(AF_INET, kind, 0)};
    auto refused = moorage::publish_tls(*server, {}, {}, files, {wrong.get()}).error();
    CHECK(refused.code == moorage::errc::invalid_request);
    CHECK(says(refused, "descriptor " + std::to_string(wrong.get()) + " is no listening TCP socket"));
  }
  CHECK(says(moorage::publish_tls(*server, {}, {}, files, {-1}).error(), "descriptor -1 is no listening"));
}
