// Commands without a lease at hand, and leases that go before what runs under them.
#include <catch2/catch.hpp>

#include <caf/all.hpp>
#include <fstream>
#include <string>
#include <thread>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

cluster_settings with_one_connection(const support::real_sshd& sshd) {
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  settings.channels_per_connection = 1;
  return settings;
}

bool leases_become(runtime& rt, std::uint32_t count) {
  for (auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;)
    if (auto status = rt.pool("alpha"); status && status->leases == count)
      return true;
  return false;
}

} // namespace

TEST_CASE("one call acquires, runs and gives back, so that who has its answer finds the slot free") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  CHECK(rt.run("alpha", "echo one").output == "one\n");
  for (int i = 0; i < 20; ++i)
    CHECK(rt.run("alpha", {.command = "cat", .input = "two"}, 20s).output == "two");
  auto ran = rt.run("alpha", exec_request{.command = "exit 3"}, {.patience = 20s, .label = "one shot"});
  CHECK(to_string(ran.ended) == "exited 3");
  for (int i = 0; i < 20; ++i) {
    CHECK(rt.async().run("alpha", "true", 20s).get().ended.succeeded());
    CHECK(bool{rt.try_acquire("alpha", 0s)});
  }
}

TEST_CASE("one call that gets no lease was never sent, and has the cause of the refusal") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  auto never = rt.run("nowhere", "true");
  CHECK(never.ended.kind == outcome_kind::never_sent);
  CHECK(never.ended.cause == rt.try_acquire("nowhere").error());
  auto held = rt.acquire("alpha", 20s);
  CHECK(rt.run("alpha", "true", 0s).ended.cause.code == errc::acquire_timeout);
  std::stop_source stop;
  auto waiting = rt.async().run("alpha", "true", {.patience = 1h, .stop = stop.get_token()});
  stop.request_stop();
  auto withdrawn = waiting.get().ended;
  CHECK(withdrawn.kind == outcome_kind::never_sent);
  CHECK(withdrawn.cause.code == errc::cancelled);
}

TEST_CASE("one call is withdrawn wherever it is: in the queue, granted, or running") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  CHECK(rt.run("alpha", "true").ended.succeeded());
  for (int i = 0; i < 60; ++i) {
    auto running = rt.async().run("alpha", "sleep 600");
    if (i % 3 == 1)
      static_cast<void>(rt.clusters()); // so that it has come a little further
    if (i % 3 == 2)
      CHECK_FALSE(running.wait_for(std::chrono::milliseconds{i}));
    running.cancel();
    auto ended = running.get().ended;
    CHECK(ended.kind != outcome_kind::exited);
    CHECK(ended.cause.code == errc::cancelled);
  }
  CHECK(leases_become(rt, 0));
}

TEST_CASE("a lease that goes before its run does not cut it, and is given back when it ends") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  auto go = folder / "go";
  auto until_told = "while [ ! -e " + go + " ]; do sleep 0.01; done; echo done";
  pending<exec_result> first, second;
  {
    auto lease = rt.acquire("alpha", 20s);
    first = lease.async().run(until_told);
    second = lease.async().run(until_told);
  }
  CHECK_FALSE(bool{rt.try_acquire("alpha", 0s)});
  CHECK(rt.run("alpha", "true", 0s).ended.cause.code == errc::acquire_timeout);
  std::ofstream{go}.put('\n');
  CHECK(first.get().output == "done\n");
  CHECK(second.get().output == "done\n");
  CHECK(bool{rt.try_acquire("alpha", 0s)});
}

TEST_CASE(
    "a lease that goes before its stream does not cut it, and is given back when the stream has ended") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  auto output = rt.acquire("alpha", 20s).open("read word; echo $word");
  CHECK_FALSE(bool{rt.try_acquire("alpha", 0s)});
  CHECK(output.write("late\n"));
  stream::line line;
  CHECK(output.read_line(line));
  CHECK(line.text == "late");
  CHECK(output.ended().succeeded());
  CHECK(leases_become(rt, 0));
}

TEST_CASE("a lease that is given back ends what runs under it, though that would keep it") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  auto lease = rt.acquire("alpha", 20s);
  auto running = lease.async().run("sleep 600");
  CHECK(lease.async().release().get().has_value());
  CHECK_FALSE(bool{lease});
  CHECK(running.get().ended.kind != outcome_kind::exited);
}

TEST_CASE("a run that nobody waits for ends, and its lease is given back") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({with_one_connection(sshd)})};
  { auto dropped = rt.acquire("alpha", 20s).async().run("sleep 600"); }
  CHECK(leases_become(rt, 0));
  CHECK(rt.run("alpha", "echo on", 20s).output == "on\n");
}
