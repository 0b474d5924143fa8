// The fixtures around OpenSSH's own programs keep their promises: a real sshd, a real agent, and the
// processes under them.
#include "tests/support/agents.hpp"
#include "tests/support/fake_sshd_process.hpp"
#include "tests/support/plain_client.hpp"
#include "tests/support/real_sshd.hpp"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

using namespace moorage::support;
using namespace std::chrono_literals;

namespace {

std::string reach(plain_client& client, const real_sshd& sshd, const std::string& key) {
  auto error = client.connect(sshd.host(), sshd.port(), sshd.user());
  return error.empty() ? client.login_with_key_file(key) : error;
}

struct finished {
  int status;
  std::string output;
};

finished ssh(const real_sshd& sshd, const std::string& command,
             const std::vector<std::string>& options = {}) {
  scratch_folder folder;
  process_spec spec;
  spec.argv = sshd.ssh_command(options);
  spec.argv.push_back(command);
  spec.output = folder / "out";
  int status = run_to_end(spec);
  return {status, contents_of(spec.output)};
}

/// A connect and the first byte of an answer, or none.
bool answers(const std::string& path) {
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  path.copy(where.sun_path, sizeof where.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval patience{0, 100'000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const char list_identities[] = {0, 0, 0, 1, 11};
  char answer;
  bool answered = connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0 &&
                  send(fd, list_identities, sizeof list_identities, MSG_NOSIGNAL) == sizeof list_identities &&
                  recv(fd, &answer, 1, 0) == 1;
  close(fd);
  return answered;
}

} // namespace

TEST_CASE("a real sshd runs commands for its own keys and counts the log-ins", "[real_sshd]") {
  real_sshd sshd;
  CHECK(sshd.logins() == 0);
  auto result = ssh(sshd, "echo out; exit 7");
  CHECK(result.output == "out\n");
  CHECK(result.status == 7);
  CHECK(sshd.logins() == 1);
  plain_client client;
  REQUIRE(reach(client, sshd, sshd.client_key()) == "");
  CHECK(client.host_key() == sshd.host_key());
  CHECK(client.run("true").status == 0);
  CHECK(sshd.connections() == 1);
  plain_client stranger;
  CHECK(reach(stranger, sshd, sshd.unauthorised_client_key()) == "denied");
  stranger.drop();
  client.disconnect();
  CHECK(sshd.wait_for_connections(0, 5s));
  CHECK(sshd.connects() == 3);
}

TEST_CASE("a real sshd listens on both addresses with every kind of host key asked for", "[real_sshd]") {
  real_sshd_settings settings;
  settings.ipv6 = true;
  settings.host_key_types = {"ed25519", "ecdsa"};
  real_sshd sshd{settings};
  for (const char* host : {"127.0.0.1", "::1"}) {
    plain_client client;
    CHECK(client.connect(host, sshd.port(), sshd.user()) == "");
    CHECK(client.login_with_key_file(sshd.client_key()) == "");
  }
  CHECK(ssh(sshd, "true", {"-o", "HostKeyAlgorithms=ecdsa-sha2-nistp256"}).status == 0);
  CHECK(sshd.host_key_fingerprint("ecdsa").find("SHA256:") == 0);
}

TEST_CASE("a frozen real sshd answers nobody, and everybody once it is thawed", "[real_sshd]") {
  real_sshd sshd;
  plain_client client, patient;
  REQUIRE(reach(client, sshd, sshd.client_key()) == "");
  REQUIRE(reach(patient, sshd, sshd.client_key()) == "");
  sshd.freeze();
  client.have_patience(200ms);
  CHECK(client.run("true").error != "");
  plain_client late{200ms};
  CHECK(late.connect(sshd.host(), sshd.port(), sshd.user()) != "");
  sshd.thaw();
  CHECK(patient.run("true").status == 0);
}

TEST_CASE("the connections of a real sshd can be killed, and the listener lives on", "[real_sshd]") {
  real_sshd sshd;
  plain_client client;
  REQUIRE(reach(client, sshd, sshd.client_key()) == "");
  sshd.kill_connections();
  CHECK(sshd.connections() == 0);
  CHECK(client.wait_for_end());
  CHECK(ssh(sshd, "true").status == 0);
}

TEST_CASE("a real sshd stops, refuses, and starts again on its port", "[real_sshd]") {
  real_sshd sshd;
  auto port = sshd.port();
  sshd.stop();
  plain_client client;
  CHECK(client.connect(sshd.host(), port, sshd.user()).find("refused") != std::string::npos);
  sshd.start();
  CHECK(sshd.port() == port);
  CHECK(reach(client, sshd, sshd.client_key()) == "");
  sshd.reconfigure({"ForceCommand echo forced"});
  CHECK(ssh(sshd, "true").output == "forced\n");
}

TEST_CASE("a changed host key is refused by a client that knows the old one", "[real_sshd]") {
  real_sshd sshd;
  CHECK(ssh(sshd, "true").status == 0);
  sshd.change_host_keys();
  CHECK(ssh(sshd, "true").status == 255);
  sshd.write_known_hosts();
  CHECK(ssh(sshd, "true").status == 0);
}

TEST_CASE("everything that a real sshd started ends with it, orphans included", "[real_sshd]") {
  std::vector<pid_t> members;
  {
    real_sshd sshd;
    CHECK(
        ssh(sshd, "setsid sh -c 'trap \"\" TERM HUP; while :; do read x </dev/zero; done' >/dev/null 2>&1 &")
            .status == 0);
    CHECK(sshd.wait_for_connections(0, 5s));
    members = sshd.processes().members();
    CHECK(members.size() >= 2);
  }
  for (auto pid : members)
    CHECK(kill(pid, 0) != 0);
}

TEST_CASE("an agent signs with its keys, and a hung one answers nothing", "[real_sshd]") {
  real_sshd sshd;
  ssh_agent agent({sshd.client_key()});
  CHECK(answers(agent.socket()));
  process_spec spec;
  spec.argv = {"ssh",
               "-F",
               "none",
               "-p",
               std::to_string(sshd.port()),
               "-o",
               "IdentityFile=/dev/null",
               "-o",
               "BatchMode=yes",
               "-o",
               "UserKnownHostsFile=" + sshd.known_hosts(),
               "-o",
               "IdentityAgent=" + agent.socket(),
               sshd.user() + "@" + sshd.host(),
               "true"};
  CHECK(run_to_end(spec) == 0);
  hung_agent taking, deaf{hung_agent::manner::never_accepts}, rude{hung_agent::manner::hangs_up};
  CHECK_FALSE(answers(taking.socket()));
  CHECK_FALSE(answers(deaf.socket()));
  CHECK_FALSE(answers(rude.socket()));
  CHECK(taking.accepted() == 1);
}

#ifdef MOORAGE_FAKE_SSHD
TEST_CASE("the fake sshd obeys as a program of its own", "[fake]") {
  fake_sshd_process sshd(MOORAGE_FAKE_SSHD, {"sessions_max=3", "exec_delay=1"});
  plain_client client;
  REQUIRE(client.connect(sshd.host(), sshd.port()) == "");
  CHECK(client.host_key() == sshd.host_key());
  REQUIRE(client.login_with_new_key() == "");
  CHECK(client.run("exit 4").status == 4);
  CHECK(sshd.counters().execs == 1);
  sshd.order("set exec=refuse");
  CHECK(client.run("true").error != "");
  CHECK_THROWS_WITH(sshd.order("set exec=perhaps"), Catch::Contains("one of normal, refuse, never"));
  CHECK_THROWS_WITH(sshd.order("set nothing=1"), Catch::Contains("no fault called"));
  sshd.order("next 1 break_at=accepted break_how=reset");
  plain_client unlucky;
  CHECK(unlucky.connect(sshd.host(), sshd.port()) != "");
  sshd.order("reset-all");
  CHECK(client.wait_for_end());
  CHECK(sshd.wait_until([](const auto& c) { return c.open == 0 && c.broken == 2; }, 5s));
}
#endif
