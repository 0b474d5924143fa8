// A peer that dies while its pool is busy, one that is only slow, and one that lets in and hangs up: with
// real sshds and the default time-outs.
#include <catch2/catch.hpp>

#include <csignal>

#include <condition_variable>
#include <mutex>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;
using steady = std::chrono::steady_clock;

namespace {

/// Counts events of one kind.
class event_count {
public:
  event_count(runtime& rt, const std::string& cluster, event_kind what)
      : watching_(rt.subscribe(cluster, [this, what](const event_record& event) {
                      std::lock_guard guard{mutex_};
                      if (event.what != what)
                        return;
                      ++count_;
                      texts_ += event.text + "\n";
                      changed_.notify_all();
                    }).value()) {}

  bool wait_for(int count, std::chrono::milliseconds patience) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, patience, [&] { return count_ >= count; });
  }

  int count() {
    std::lock_guard guard{mutex_};
    return count_;
  }
  std::string texts() {
    std::lock_guard guard{mutex_};
    return texts_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  std::string texts_;
  subscription watching_; // last: it ends first
};

exec_request command(std::string line, std::chrono::milliseconds timeout) {
  exec_request request;
  request.command = std::move(line);
  request.timeout = timeout;
  return request;
}

std::uint64_t removed(runtime& rt, removal_reason reason) {
  return rt.pool("alpha").value().counters.removed.at(static_cast<std::size_t>(reason));
}

} // namespace

TEST_CASE("a pool of one whose users cut all short after 500 ms notices that its server is frozen") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  runtime rt{quiet_configuration({settings})};
  auto first = rt.acquire("alpha", 20s);
  auto dead = first.connection();
  REQUIRE(first.run("true").ended.succeeded());
  REQUIRE(bool{first.release()});
  sshd.freeze();
  auto began = steady::now();
  int grants = 0;
  while (removed(rt, removal_reason::probe_failures) == 0 && steady::now() - began < 60s) {
    auto lease = rt.try_acquire("alpha", {500ms, "impatient", {}});
    if (!lease)
      continue;
    CHECK(lease->connection() == dead);
    ++grants;
    CHECK(lease->run(command("true", 500ms)).ended.kind != outcome_kind::exited);
    static_cast<void>(lease->release());
  }
  // Three probes of probe_timeout (5 s) each, begun at once.
  std::chrono::duration<double> took = steady::now() - began;
  INFO(grants << " grants in " << took.count() << " s");
  CHECK(removed(rt, removal_reason::probe_failures) == 1);
  CHECK(took < 40s);
  sshd.thaw();
  auto next = rt.acquire("alpha", 60s);
  CHECK(next.connection() != dead);
  CHECK(next.run("true").ended.succeeded());
}

TEST_CASE("slow commands on a server that answers cost no connection, however many users lose patience") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  settings.probe_failures_max = 1;
  runtime rt{quiet_configuration({settings})};
  auto held = rt.acquire("alpha", 20s).connection();
  for (int i = 0; i < 5; ++i) {
    auto lease = rt.acquire("alpha", 20s);
    CHECK(lease.connection() == held);
    CHECK(lease.run(command("sleep 2", 100ms)).ended.cause.code == errc::command_timeout);
  }
  CHECK(rt.pool("alpha").value().counters.probes_failed == 0);
  CHECK(sshd.logins() == 1);
}

TEST_CASE("a server that lets in and hangs up is left alone for longer each time") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.min_idle = 2;
  runtime rt{quiet_configuration({settings})};
  event_count opened{rt, "alpha", event_kind::opened};
  event_count backing_off{rt, "alpha", event_kind::backing_off};
  int seen = 0;
  for (auto until = steady::now() + 60s; steady::now() < until && !backing_off.wait_for(3, 20ms);)
    if (auto now = opened.count(); now > seen || rt.pool("alpha").value().idle > 0) {
      seen = now;
      sshd.kill_connections();
    }
  REQUIRE(backing_off.wait_for(3, 1s));
  // Twice what the reserve holds, with 1 s, then 1.6 s in between: two log-ins each time, and one that came
  // too late for it.
  CHECK(sshd.logins() <= 9);
  CHECK(backing_off.texts().find("was of no use") != std::string::npos);
}

TEST_CASE("a server that closes what is idle costs one connection, and the next is asked before") {
  support::real_sshd_settings server;
  server.config = {"UnusedConnectionTimeout 12s"};
  support::real_sshd sshd{server};
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  settings.probe = probe_method::exec; // a channel that ran nothing is no use of a connection to sshd
  runtime rt{quiet_configuration({settings})};
  event_count learnt{rt, "alpha", event_kind::learnt};
  auto use = [&rt] {
    auto lease = rt.acquire("alpha", 20s);
    CHECK(lease.run("true").ended.succeeded());
    return lease.connection();
  };
  auto first = use();
  REQUIRE(learnt.wait_for(1, 30s));
  INFO(learnt.texts());
  CHECK(rt.pool("alpha").value().idle_limit > 8s);
  CHECK(rt.pool("alpha").value().idle_limit < 12s);
  event_count passed{rt, "alpha", event_kind::probe_passed};
  auto second = use();
  CHECK(second != first);
  CHECK(passed.wait_for(2, 30s)); // 6.4 s each at least, together more than it survives without
  CHECK(use() == second);
  CHECK(sshd.logins() == 2);
}

TEST_CASE("a command on a connection that hangs runs on another one, long before reply_timeout") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 2;
  settings.reply_timeout = 10min;
  settings.probe_timeout = 1min; // so that it is not the probes that find it
  runtime rt{quiet_configuration({settings})};
  event_count moved{rt, "alpha", event_kind::moved};
  auto parent = rt.run("alpha", "echo $PPID", 30s); // this connection's process, in the server
  REQUIRE(parent.ended.succeeded());
  auto process = static_cast<pid_t>(std::stol(parent.output));
  REQUIRE(kill(process, SIGSTOP) == 0);
  auto result = rt.run("alpha", "echo here", 10min);
  CHECK(kill(process, SIGCONT) == 0);
  CHECK(result.ended.succeeded());
  CHECK(result.output == "here\n");
  CHECK(result.ended.moves == 1);
  CHECK(moved.count() == 1);
  CHECK(sshd.logins() == 2);
}
