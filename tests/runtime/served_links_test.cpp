// A runtime that serves over TLS, to whoever makes many links.
#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "runtime/node/tls/dial.hpp"
#include "runtime/runtime.hpp"
#include "tests/node/frames.hpp"
#include "tests/support/made_certificates.hpp"

using namespace moorage;
using namespace std::chrono_literals;
using moorage::support::made_authority;

namespace {

/// Links of clients without an actor system, which greet and then say no more than that they live.
class bare_links {
public:
  explicit bare_links(std::string address) : address_(std::move(address)) {}
  /// Why it did not come about; empty: it did.
  std::string add(const node_files& files) {
    auto made = dial_tls(clients_, address_, files, std::chrono::steady_clock::now() + 20s, {});
    if (!made)
      return made.error().text;
    all_.push_back(std::move(*made));
    say_to(all_.back(), node_tests::client_greeting(++last_));
    return {};
  }
  void live() {
    for (const auto& each : all_)
      say_to(each, node_tests::header(node_tests::frame_kind::heartbeat, 0));
  }
  /// Those that have not ended.
  std::size_t count() const {
    std::size_t result = 0;
    for (const auto& each : all_) {
      pollfd state{each.get(), POLLRDHUP, 0};
      result += ::poll(&state, 1, 0) == 0 ? 1 : 0;
    }
    return result;
  }
  void end_one() { all_.pop_back(); }

private:
  static void say_to(const unique_fd& link, const std::string& bytes) {
    ::send(link.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  static constexpr auto patient = 90s; // the node is who judges
  std::string address_;
  tls_front clients_{patient};
  std::vector<unique_fd> all_;
  std::uint32_t last_ = 0;
};

bool within_patience(const auto& holds) {
  auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds())
    if (std::chrono::steady_clock::now() > deadline)
      return false;
  return true;
}

} // namespace

TEST_CASE(
    "one certificate's owner has 256 links at a node, others have theirs, and one that ends makes room") {
  constexpr std::size_t most = 256;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto before = limit;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 20 * most) {
    WARN("this process may not open as many files as this takes");
    return;
  }
  made_authority authority{"authority"};
  support::scratch_folder folder;
  configuration quiet;
  quiet.log_file = folder / "log";
  runtime rt{quiet};
  REQUIRE(rt.serve({.socket = folder / "node.sock", .listen = {"127.0.0.1:0"}, .files = authority.node()}));
  auto owner = authority.client("owner"), other = authority.client("other");
  bare_links links{rt.listens_on().front()};
  for (std::size_t i = 0; i < most; ++i) {
    REQUIRE(links.add(owner) == "");
    if (i % 16 == 0)
      links.live();
  }
  auto says_so = [&folder] {
    return support::contents_of(folder / "log")
               .find("turned away over TLS: 127.0.0.1: has as many links as one certificate's owner may "
                     "have") != std::string::npos;
  };
  CHECK_FALSE(says_so());
  CHECK(links.add(owner).find("has too many links") != std::string::npos);
  CHECK(within_patience(says_so));
  CHECK(links.add(authority.client("owner")) != ""); // a new certificate makes nobody another one
  CHECK(links.add(other) == "");
  links.live();
  CHECK(links.count() == most + 1);
  links.end_one();
  CHECK(links.add(other) == "");
  CHECK(links.add(owner) != ""); // whose links they were not
  links.end_one();
  links.end_one();
  CHECK(within_patience([&] { return links.add(owner).empty(); })); // once the node has seen the end
  CHECK(links.count() == most);
  ::setrlimit(RLIMIT_NOFILE, &before);
}
