// Pools on SSH servers from other hands than OpenSSH's.
#include <catch2/catch.hpp>

#include <unistd.h>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/other_servers.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings cluster_at(const support::other_server& server, const std::string& name) {
  cluster_settings settings;
  settings.name = name;
  settings.host = "127.0.0.1";
  settings.port = server.port;
  settings.user = server.user;
  settings.key_files = {server.client_key};
  settings.agent = false;
  settings.known_hosts_files = {server.known_hosts};
  lift_log_in_limits(settings);
  return settings;
}

std::string some_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    text[i] = static_cast<char>('a' + i * i % 23);
  return text;
}

// One of its connections carries another server's.
void jump_by(const cluster_settings& server) {
  support::real_sshd behind;
  auto inner = settings_for(behind, "inner");
  inner.jump = server.name;
  runtime rt{quiet_configuration({server, inner})};
  for (int i = 0; i < 3; ++i)
    CHECK(rt.acquire("inner", 30s).run("echo carried").output == "carried\n");
  CHECK(behind.logins() == 1);
}

} // namespace

TEST_CASE("dropbear's commands keep their output, input, codes and signals, and end when they are given up",
          "[dropbear]") {
  if (!support::dropbear_server::may_be()) {
    WARN("not tested: dropbear lets in an account made for it, which takes root");
    return;
  }
  support::dropbear_server server;
  auto settings = cluster_at(server.place(), "dropbear");
  {
    runtime rt{quiet_configuration({settings})};
    auto lease = rt.acquire("dropbear", 30s);
    auto ran = lease.run("echo out; echo err >&2; exit 7");
    CHECK(ran.output == "out\n");
    CHECK(ran.error_output == "err\n");
    CHECK(ran.ended.code == 7);
    auto killed = lease.run("kill -TERM $$");
    CHECK(to_string(killed.ended).find("TERM") != std::string::npos);
    exec_request request;
    request.command = "cat";
    request.input = some_text(4u << 20);
    CHECK((lease.run(request).output == request.input)); // too long to be shown
    exec_request endless;
    endless.command = "exec sleep 600";
    endless.timeout = 200ms;
    CHECK(lease.run(endless).ended.cause.code == errc::command_timeout);
    CHECK(lease.run("pgrep -u $(id -u) -x sleep | wc -l").output == "0\n");
    // Eight at once share its connections.
    std::vector<moorage::lease> held;
    for (int i = 0; i < 8; ++i)
      held.push_back(rt.acquire("dropbear", 30s));
    for (auto& each : held) {
      CHECK(each.run("echo one of eight").output == "one of eight\n");
      CHECK(rt.probe(each));
    }
  }
  jump_by(settings);
}

TEST_CASE("an ordinary user's commands at an ordinary user's dropbear do as root's") {
  if (geteuid() != 0) {
    WARN("not tested: only root can become other users");
    return;
  }
  const auto ran = support::run_as_ordinary_user("[dropbear]");
  INFO(ran.output);
  CHECK(ran.cases == 1);
  CHECK(ran.passed);
}

TEST_CASE("Erlang's commands are run, its channels probed, and it carries") {
  support::erlang_server server;
  auto settings = cluster_at(server.place(), "erlang");
  {
    runtime rt{quiet_configuration({settings})};
    auto probed = rt.probe(rt.acquire("erlang", 30s));
    INFO(probed.error().text);
    CHECK(probed);
    // It ends the connection when it has closed a channel and hears of its window: the next has another one.
    for (int i = 0; i < 3; ++i) {
      auto ran = rt.acquire("erlang", 30s).run("seq 100000 | tail -n 1");
      CHECK(ran.output == "100000\n");
      CHECK(ran.ended.succeeded());
    }
  }
  jump_by(settings);
}
