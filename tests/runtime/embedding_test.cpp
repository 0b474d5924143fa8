// The embedding API in its forms: blocking, future, callback, message; with a system of its own and with the
// host's.
#include <catch2/catch.hpp>

#include <atomic>
#include <caf/all.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "runtime/actors.hpp"
#include "tests/runtime/embedding_fixture.hpp"
#include "tests/runtime/host_types.hpp"
#include "tests/support/scratch_folder.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

std::size_t entries_of(const char* folder) {
  auto all = std::filesystem::directory_iterator{folder};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Of all actor systems in this process.
std::size_t threads_of_actors() {
  std::size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
    std::ifstream file{each.path() / "comm"};
    std::string name;
    if (std::getline(file, name) && (name.starts_with("caf.") || name == "moorage.worker"))
      ++count;
  }
  return count;
}

} // namespace

TEST_CASE("futures and callbacks do what the blocking forms do") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto future = rt.async().acquire("alpha", 20s, "future").to_future();
  auto lease = future.get().value();
  CHECK(lease.async().run("exit 3").to_future().get().ended.code == 3);
  std::promise<int> told;
  lease.async().run("exit 4").then([&told](exec_result finished) { told.set_value(finished.ended.code); });
  CHECK(told.get_future().get() == 4);
  CHECK(rt.async().acquire("nowhere").to_future().get().error().code == errc::unknown_cluster);
}

TEST_CASE("a blocking call on a thread of the actor system is refused, for it would starve the scheduler") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  std::promise<std::pair<errc, outcome>> told;
  system_of(rt).spawn([&](caf::event_based_actor*) {
    auto refused = rt.try_acquire("alpha").error().code;
    told.set_value({refused, lease.run("true").ended});
  });
  auto [refused, ended] = told.get_future().get();
  CHECK(refused == errc::would_block_scheduler);
  CHECK(ended.kind == outcome_kind::never_sent);
  CHECK(ended.cause.code == errc::would_block_scheduler);
}

TEST_CASE("many threads share the pool's connections, and every command's outcome is its own") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < 16; ++number)
    threads.emplace_back([&, number] {
      for (int round = 0; round < 5; ++round) {
        auto lease = rt.acquire("alpha", 30s);
        auto result = lease.run("echo " + std::to_string(number) + "; exit " + std::to_string(number));
        right += result.ended.code == number && result.output == std::to_string(number) + "\n";
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(right == 80);
  CHECK(sshd.logins() <= 5);
  auto status = rt.pool("alpha").value();
  CHECK(status.counters.grants == 80);
  CHECK(status.leased + status.leases == 0);
}

TEST_CASE("a stop token withdraws an acquire, and ends a command") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  runtime rt{quiet_configuration({settings})};
  auto lease = rt.acquire("alpha", 20s);
  std::stop_source stop;
  auto waiting = rt.async().acquire("alpha", {.patience = 60s, .stop = stop.get_token()});
  stop.request_stop();
  CHECK(waiting.get().error().code == errc::cancelled);
  std::stop_source stop_command;
  std::jthread stopper{[&] { stop_command.request_stop(); }};
  auto result = lease.run({"sleep 600", {}, {}, {}, 0}, stop_command.get_token());
  CHECK(result.ended.kind != outcome_kind::exited);
  CHECK(result.ended.cause.code == errc::cancelled);
}

TEST_CASE("collected output is cut at the cap and marked") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  auto result = lease.run({"head -c 300000 /dev/zero; exit 5", {}, {}, {}, 1000});
  CHECK(to_string(result.ended) == "exited 5");
  CHECK(result.output.size() == 1000);
  CHECK(result.output_cut);
}

TEST_CASE("a cap that is changed holds from the next lease on, on the connection that is open") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  runtime rt{quiet_configuration({settings})};
  CHECK(!rt.acquire("alpha", 20s).run("head -c 10000 /dev/zero").output_cut);
  settings.output_max = 4096;
  REQUIRE(bool{rt.register_cluster(settings)});
  auto result = rt.acquire("alpha", 20s).run("head -c 10000 /dev/zero");
  CHECK(result.output_cut);
  CHECK(result.output.size() == 4096);
  CHECK(sshd.logins() == 1);
}

TEST_CASE("a sink that has had enough ends the command") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  std::size_t bytes = 0;
  auto ended = lease.stream("yes", [&bytes](output_kind, std::string_view part) {
    bytes += part.size();
    return bytes < 100'000;
  });
  CHECK(ended.kind != outcome_kind::exited); // sshd passes the signal on, or not: root has to wait
  CHECK(ended.cause.code == errc::cancelled);
  CHECK(lease.run("true").ended.succeeded());
}

TEST_CASE("a connection that its user finds bad is not granted again, and whoever asks next has another") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  runtime rt{quiet_configuration({settings})};
  auto server_side = [](lease& held) { return held.run("echo $SSH_CONNECTION").output; };
  auto bad = rt.acquire("alpha", 20s);
  auto first = server_side(bad);
  CHECK(bad.discard("/scratch is gone there"));
  CHECK_FALSE(bad);
  auto again = bad.discard();
  REQUIRE_FALSE(again);
  CHECK(again.error().code == errc::already_released);
  auto next = rt.acquire("alpha", 20s);
  CHECK(server_side(next) != first);
  CHECK(rt.pool("alpha")->counters.removed[static_cast<std::size_t>(removal_reason::discarded)] == 1);
}

TEST_CASE("a lease that outlives its runtime is empty words, not a crash") {
  support::real_sshd sshd;
  lease kept;
  stream open;
  {
    runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
    kept = rt.acquire("alpha", 20s);
    open = kept.open({"cat", {}, {}, {}, 0});
  }
  stream::chunk chunk;
  CHECK_FALSE(open.read(chunk));
  CHECK(open.ended().kind != outcome_kind::exited);
  auto result = kept.run("true");
  CHECK(result.ended.kind == outcome_kind::never_sent);
  CHECK(result.ended.cause.code == errc::stopping);
}

TEST_CASE("a lease that is given back just before a stop is not taken back by it") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  settings.channels_per_connection = 100;
  auto config = quiet_configuration({settings});
  config.log_level = "warning";
  auto clean = 0;
  for (auto times = 0; times < 5; ++times) {
    config.log_file = folder / ("log" + std::to_string(times));
    runtime rt{config};
    std::vector<lease> leases;
    while (leases.size() < 100)
      leases.push_back(rt.acquire("alpha", 20s));
    leases.clear();
    rt.stop();
    clean += support::contents_of(config.log_file).empty() ? 1 : 0;
  }
  CHECK(clean >= 3); // a stop waits for that as for the rest, but not for ever
}

TEST_CASE("a stopped runtime leaves no thread, descriptor or connection behind") {
  support::real_sshd sshd;
  auto threads = entries_of("/proc/self/task");
  auto descriptors = entries_of("/proc/self/fd");
  for (int life = 0; life < 3; ++life) {
    runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
    std::vector<lease> leases;
    for (int i = 0; i < 3; ++i)
      leases.push_back(rt.acquire("alpha", 20s));
    CHECK(leases[1].run("true").ended.succeeded());
    auto began = std::chrono::steady_clock::now();
    rt.stop();
    CHECK(std::chrono::steady_clock::now() - began < 1s);
    CHECK(entries_of("/proc/self/fd") == descriptors);
  }
  // A thread that looked something up may linger for its next task; it holds nothing.
  CHECK(entries_of("/proc/self/task") <= threads + 3);
  CHECK(sshd.wait_for_connections(0, 5s));
}

TEST_CASE("in the host's own actor system, with types of its own, an actor works by messages") {
  support::real_sshd sshd;
  caf::actor_system_config config;
  runtime::configure(config);
  config.add_message_types<caf::id_block::host_types>();
  caf::actor_system system{config};
  {
    runtime rt{system, quiet_configuration({settings_for(sshd, "alpha")})};
    std::promise<exec_result> told;
    auto host = system.spawn(
        [&told, &rt](caf::event_based_actor* self, int) -> caf::behavior {
          auto session = session_of(rt, self);
          self->send(session, acquire{"alpha", 1, 20s, "actor"});
          self->set_default_handler(caf::drop);
          auto held = std::make_shared<lease_grant>();
          auto work = [self, held, session](const lease_grant& grant) {
            *held = grant;
            self->send(session,
                       run_command{grant.cluster, grant.lease, 1, {"echo by message", {}, {}, {}, 0}});
          };
          auto finish = [self, held, session, &told](run_ended& ended) {
            self->send(session, release_lease{held->cluster, held->lease});
            told.set_value(std::move(ended.result));
          };
          return {work, finish, [](const acquire_refused&) {}, [](const host_message&) {}};
        },
        0);
    CHECK(told.get_future().get().output == "by message\n");
    CHECK(system_of(rt).scheduler().num_workers() == system.scheduler().num_workers());
    caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
  }
}

TEST_CASE("without patience one gets a lease at once or a refusal at once") {
  support::real_sshd sshd;
  auto settings = settings_for(sshd, "alpha");
  settings.pool_size = 1;
  runtime rt{quiet_configuration({settings})};
  CHECK(rt.try_acquire("alpha", {0s, {}, {}}).error().code == errc::acquire_timeout);
  auto first = rt.acquire("alpha", 20s);
  CHECK(rt.try_acquire("alpha", {0s, {}, {}}).error().code == errc::acquire_timeout);
  REQUIRE(bool{first.release()});
  CHECK(bool{rt.try_acquire("alpha", {0s, {}, {}})});
}

TEST_CASE("a runtime may be stopped by several threads at once, and each returns when it is over") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  auto lease = rt.acquire("alpha", 20s);
  std::vector<std::future<errc>> stopped;
  for (int i = 0; i < 4; ++i)
    stopped.push_back(std::async(std::launch::async, [&rt] {
      rt.stop();
      return rt.try_acquire("alpha", {1s, {}, {}}).error().code;
    }));
  for (auto& each : stopped)
    CHECK(each.get() == errc::stopping);
}

TEST_CASE("a runtime may be stopped, and may end, in a callback of its own") {
  support::real_sshd sshd;
  auto rt = std::make_shared<runtime>(quiet_configuration({settings_for(sshd, "alpha")}));
  std::promise<errc> over;
  rt->async().acquire("alpha", 20s).then([&over, mine = rt](result<lease> granted) mutable {
    mine->stop();
    mine = nullptr;
    over.set_value(granted ? errc::none : granted.error().code);
  });
  rt = nullptr;
  CHECK(over.get_future().get() == errc::none);
  CHECK(sshd.wait_for_connections(0, 20s));
}

TEST_CASE("after a subscription's end no call to its callback begins, and it may end itself in one") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  std::atomic<bool> over = false;
  std::atomic<int> late = 0;
  std::promise<void> heard;
  auto once = std::make_shared<subscription>();
  auto end_itself = [&, once](const event_record&) {
    *once = {};
    heard.set_value(); // a second time would throw
  };
  *once = rt.subscribe({}, end_itself).value();
  for (int round = 0; round < 50; ++round) {
    over = false;
    auto watching = rt.subscribe("alpha", [&](const event_record&) { late += over; }).value();
    std::thread busy{[&] {
      for (int i = 0; i < 20; ++i)
        rt.acquire("alpha", 20s);
    }};
    watching = {};
    over = true;
    busy.join();
  }
  CHECK(late == 0);
  heard.get_future().get();
}

TEST_CASE("a runtime of one thread has pools of its own like any other, and ends with work under way") {
  support::real_sshd sshd;
  for (int i = 0; i < 5; ++i) {
    runtime rt{quiet_configuration({settings_for(sshd, "alpha")}), {.threads = 1}};
    CHECK(rt.run("alpha", "echo hello").output == "hello\n");
    auto asked = rt.async().acquire("alpha", 20s);
    auto lease = rt.acquire("alpha", 20s);
    auto busy = lease.open({.command = "sleep 60"});
    rt.stop();
    CHECK(busy.ended().kind != outcome_kind::exited);
  }
}

TEST_CASE("a runtime that is linked has as few threads as it can, and does the same with more") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  runtime node{quiet_configuration({settings_for(sshd, "alpha")})};
  auto path = node.serve(folder / "socket").value();
  auto taken_with = [&](std::size_t threads) {
    auto before = threads_of_actors();
    auto linked = runtime::connect(path, 20s, {.reconnect = false, .threads = threads});
    CHECK(linked.run("alpha", "echo hello").output == "hello\n");
    auto lease = linked.acquire("alpha", 20s);
    auto last = lease.open_last({.command = "cat"});
    last.write("last");
    last.end_input();
    std::string read;
    for (stream::chunk chunk; last.read(chunk);)
      read += chunk.bytes;
    CHECK(read == "last");
    CHECK(linked.pool("alpha").value().leased == 0);
    return threads_of_actors() - before;
  };
  auto usual = taken_with(2);
  // Made and ended over and over: what is left at the end has its turn there.
  for (int i = 0; i < 20; ++i)
    CHECK(taken_with(0) + 2 <= usual);
}
