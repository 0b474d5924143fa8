// A cluster's key file that is not there, and the commands about other clusters.
#include <catch2/catch.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using Catch::Contains;

namespace {

/// The cluster `here` is well; the key of `broken` is gone.
struct home_with_lost_key : home_with_cluster {
  home_with_lost_key() {
    write_config("[clusters.broken]\nhost = \"" + sshd.host() + "\"\nport = " + std::to_string(sshd.port()) +
                 "\nkey_files = [\"" + key() + "\"]\nagent = false\nknown_hosts_files = [\"" +
                 sshd.known_hosts() + "\"]\n");
  }
  std::string key() const { return folder / "id_gone"; }
  /// What is said of it, with its place in the file.
  std::string fault() const {
    return config() + ":15: clusters.broken.key_files[0]: " + key() +
           " is not there (No such file or directory); allowed: a file that can be read";
  }
};

std::size_t times(const std::string& text, const std::string& in) {
  std::size_t result = 0;
  for (auto at = in.find(text); at != std::string::npos; at = in.find(text, at + 1))
    ++result;
  return result;
}

/// What a node tells systemd.
class told_states {
public:
  explicit told_states(const std::string& path) : descriptor_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    REQUIRE(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~told_states() { close(descriptor_); }
  told_states(const told_states&) = delete;
  told_states& operator=(const told_states&) = delete;

  /// Whether the next one begins so; false when it does not come in time.
  bool hears(const std::string& state) const {
    std::array<char, 4'096> text{};
    pollfd readable{descriptor_, POLLIN, 0};
    if (poll(&readable, 1, 20'000) != 1)
      return false;
    auto size = recv(descriptor_, text.data(), text.size(), 0);
    return size > 0 && std::string(text.data(), static_cast<std::size_t>(size)).starts_with(state);
  }

private:
  int descriptor_;
};

} // namespace

TEST_CASE("a key file that is gone ends the commands about its cluster, and no other") {
  home_with_lost_key home;
  auto other = home.exec("echo hello");
  CHECK(other.code == 0);
  CHECK(other.output == "hello\n");
  CHECK(other.error_output.empty());
  auto exec = home.moorage({"exec", "broken", "true"});
  CHECK(exec.code == 255);
  CHECK(exec.error_output == "moorage: " + home.fault() + "\n");
  auto check = home.moorage({"check", "broken"});
  CHECK(check.code == 3);
  CHECK(check.error_output == "moorage: " + home.fault() + "\n");
}

TEST_CASE("config and a serving node warn once of a key file that is gone, and the node tells who asks for "
          "its cluster") {
  home_with_lost_key home;
  auto warning = "moorage: warning: " + home.fault() + "\n";
  auto all = home.moorage({"config"});
  CHECK(all.code == 0);
  CHECK_THAT(all.output, Contains("[clusters.here]") && Contains("[clusters.broken]"));
  CHECK(all.error_output == warning);
  CHECK(home.moorage({"config", "broken"}).error_output == warning);
  CHECK(home.moorage({"config", "here"}).error_output.empty());
  CHECK(home.moorage({"config", "--names"}).error_output.empty());
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 2 clusters on "));
  REQUIRE(node.wrote(warning));
  CHECK(home.exec("echo hello").output == "hello\n");
  auto exec = home.moorage({"exec", "broken", "true"});
  CHECK(exec.code == 255);
  CHECK_THAT(exec.error_output, Contains(home.key()) && Contains("does not exist"));
  node.signal(15);
  CHECK(times(warning, node.wait().error_output) == 1);
}

TEST_CASE("two key files that are gone are told on a line each, through a node too") {
  home_with_cluster home;
  program node{home.spec({"serve"})};
  REQUIRE(node.wrote("serving 1 cluster on "));
  home.write_config("[clusters.broken]\nhost = \"h\"\nkey_files = [\"/gone/a\", \"/gone/b\"]\n");
  auto fault = [&home](const std::string& number, const std::string& key) {
    return home.config() + ":14: clusters.broken.key_files[" + number + "]: " + key +
           " is not there (No such file or directory); allowed: a file that can be read\n";
  };
  auto exec = home.moorage({"exec", "broken", "true"});
  CHECK(exec.code == 255);
  CHECK(exec.error_output == "moorage: " + fault("0", "/gone/a") + fault("1", "/gone/b"));
}

TEST_CASE("a node whose warnings nobody reads takes its signals all the same") {
  home_with_cluster home;
  std::string clusters;
  for (auto i = 0; i < 600; ++i) // more to warn of than a pipe holds
    clusters += "[clusters.c" + std::to_string(i) + "]\nhost = \"h\"\nmin_idle = 0\nkey_files = [\"/gone/" +
                std::string(100, 'x') + std::to_string(i) + "\"]\n";
  home.write_config(clusters);
  const told_states told{home.folder / "notify"};
  auto spec = home.spec({"serve"});
  spec.environment["NOTIFY_SOCKET"] = home.folder / "notify";
  program node{spec};
  REQUIRE(told.hears("READY=1"));
  node.signal(SIGHUP);
  CHECK(told.hears("RELOADING=1"));
  node.signal(SIGTERM);
  CHECK(node.wait().code == 0);
}
