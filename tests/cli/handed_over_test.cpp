// A node whose socket systemd made: sd_listen_fds(3).
#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "messages/type_ids.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/descriptors.hpp"
#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// Does with the node's socket what systemd does: makes it, and hands it to whoever it starts.
struct handing_home : home_with_cluster {
  handing_home() {
    write_config("[node]\nsocket = \"" + path + "\"\nidle_end = \"1s\"\n");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    listening.reset(socket(AF_UNIX, SOCK_STREAM, 0));
    REQUIRE(bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listening.get(), 8) == 0);
  }
  /// `descriptor`: what it is handed.
  program_spec node_with(int descriptor) const {
    auto number = std::to_string(descriptor);
    auto spec =
        this->spec({"-c", "exec 3<&" + number + "; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve",
                    MOORAGE_PROGRAM});
    spec.executable = "bash";
    return spec;
  }
  bool somebody_waits(std::chrono::milliseconds patience = 20s) const {
    pollfd waiting{listening.get(), POLLIN, 0};
    return poll(&waiting, 1, static_cast<int>(patience.count())) == 1;
  }

  std::string path = folder / "handed.sock";
  moorage::unique_fd listening;
};

} // namespace

TEST_CASE("a node that is handed its socket serves who came before it, and leaves the rest to the next") {
  handing_home home;
  for (auto i = 1; i <= 2; ++i) {
    program client{home.spec({"exec", "here", "--wait", "60s", "--", "echo hello"})};
    REQUIRE(home.somebody_waits());
    program node{home.node_with(home.listening.get())};
    auto ended = client.wait();
    CHECK(ended.error_output == "");
    CHECK(ended.output == "hello\n");
    auto process = moorage::node_process(home.path);
    REQUIRE(process);
    CHECK(*process == node.pid());
    // idle_end holds for it, and it leaves the socket as it was.
    auto over = node.wait();
    CHECK(over.code == 0);
    CHECK_THAT(over.error_output, Contains("serving 1 cluster on " + home.path) &&
                                      Contains("no command or program has used the node for 1s"));
    CHECK(std::filesystem::exists(home.path));
    CHECK(home.sshd.logins() == i);
  }
}

TEST_CASE("who says how long they wait waits as long for a node that is only starting, up to ten seconds") {
  handing_home home;
  // Nobody takes what comes to the socket: a node that starts and one that hangs look the same.
  auto asking = [&home](std::vector<std::string> patience) {
    std::vector<std::string> words{"exec", "here", "-n"};
    words.insert(words.end(), patience.begin(), patience.end());
    words.insert(words.end(), {"--", "true"});
    return home.spec(words);
  };
  program usual{asking({})}, impatient{asking({"--wait", "0s"})}, some{asking({"--wait", "5s"})},
      patient{asking({"--wait", "60s"})};
  CHECK_THAT(usual.wait().error_output, Contains("did not answer within 3s"));
  CHECK_THAT(impatient.wait().error_output, Contains("did not answer within 3s"));
  CHECK_THAT(some.wait().error_output, Contains("did not answer within 5s"));
  CHECK_THAT(patient.wait().error_output, Contains("did not answer within 10s"));
}

TEST_CASE("what was handed to another process is not taken") {
  handing_home home;
  auto spec = home.spec({"serve"});
  spec.environment["LISTEN_PID"] = "1";
  spec.environment["LISTEN_FDS"] = "1";
  auto ended = run(spec);
  CHECK(ended.code == 4);
  CHECK_THAT(ended.error_output, Contains("a node already listens on " + home.path));
}

TEST_CASE("systemd finds nothing wrong with the units") {
  moorage::support::scratch_folder folder;
  std::ifstream unit{MOORAGE_BUILD_DIR "/deploy/moorage.service"};
  REQUIRE(unit);
  std::ofstream copy{folder / "moorage.service"};
  for (std::string line; std::getline(unit, line);)
    copy << (line.starts_with("ExecStart=") ? "ExecStart=/bin/true serve" : line)
         << "\n"; // it need not be installed
  copy.close();
  std::filesystem::copy(MOORAGE_SOURCE_DIR "/deploy/moorage.socket", folder / "moorage.socket");
  auto ended = run({{"-c", "command -v systemd-analyze >/dev/null || exit 0; cd \"$HOME\" && "
                           "exec systemd-analyze --user --man=no verify ./moorage.socket ./moorage.service"},
                    folder.path(),
                    {},
                    {},
                    false,
                    "sh"});
  CHECK(ended.code == 0);
  CHECK(ended.error_output == "");
}
