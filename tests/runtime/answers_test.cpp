// Every request has one answer, whose code says what happened, in every form that it may be asked in.
#include <catch2/catch.hpp>

#include <atomic>
#include <caf/all.hpp>
#include <thread>

#include "runtime/actors.hpp"
#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

/// On a busy machine the answer may take longer than the caller waits: then it is asked again.
void wait_for_waiters(runtime& rt, std::uint32_t count) {
  for (;;) {
    auto status = rt.pool("alpha");
    if (status && status->waiters == count)
      return;
    std::this_thread::yield();
  }
}

/// What four waiters, one of each form, are told when `happens` happens.
std::vector<errc> told(const std::function<void(runtime&)>& happens) {
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  std::promise<errc> blocking, called, message;
  std::thread thread{[&] { blocking.set_value(rt.try_acquire("alpha", {1h, {}, {}}).error().code); }};
  auto future = rt.async().acquire("alpha", 1h).to_future();
  rt.async().acquire("alpha", 1h).then([&called](result<lease> answer) {
    called.set_value(answer.error().code);
  });
  // It ends with its answer: an actor in the runtime's own system holds up the runtime's end.
  system_of(rt).spawn(
      [&message, &rt](caf::event_based_actor* self, int) -> caf::behavior {
        self->send(session_of(rt, self), acquire{"alpha", 1, 1h, "actor"});
        return {[self, &message](const acquire_refused& refusal) {
                  self->quit();
                  message.set_value(refusal.reason.code);
                },
                [](const lease_grant&) {}};
      },
      0);
  wait_for_waiters(rt, 4);
  happens(rt);
  std::vector<errc> codes{blocking.get_future().get(), called.get_future().get(), message.get_future().get()};
  codes.push_back(future.get().error().code);
  thread.join();
  return codes;
}

} // namespace

TEST_CASE("one happening has one code, for the blocking form, the future, the callback and the message") {
  CHECK(told([](runtime& rt) { rt.remove_cluster("alpha").value(); }) ==
        std::vector<errc>(4, errc::cluster_removed));
  CHECK(told([](runtime& rt) { rt.disconnect("alpha").value(); }) ==
        std::vector<errc>(4, errc::disconnected));
  CHECK(told([](runtime& rt) { rt.stop(); }) == std::vector<errc>(4, errc::stopping));
}

TEST_CASE("a run and a stream under way when their pool ends hear the code that waiters hear") {
  support::real_sshd sshd;
  auto told = [&sshd](const std::function<void(runtime&)>& happens) {
    runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
    auto lease = rt.acquire("alpha", 20s);
    std::promise<errc> ran;
    lease.async().run("cat; sleep 600").then([&ran](exec_result finished) {
      ran.set_value(finished.ended.cause.code);
    });
    auto running = lease.open({"echo begun; sleep 600", {}, {}, {}, 0});
    stream::chunk begun;
    CHECK(running.read(begun));
    happens(rt);
    return std::vector<errc>{ran.get_future().get(), running.ended().cause.code};
  };
  CHECK(told([](runtime& rt) { rt.remove_cluster("alpha").value(); }) ==
        std::vector<errc>(2, errc::cluster_removed));
  CHECK(told([](runtime& rt) { rt.disconnect("alpha").value(); }) ==
        std::vector<errc>(2, errc::disconnected));
  CHECK(told([](runtime& rt) { rt.stop(); }) == std::vector<errc>(2, errc::stopping));
}

TEST_CASE(
    "more requests than a runtime may have without an answer are refused at once, and the others served") {
  constexpr int most = 200'000;
  runtime rt{quiet_configuration({unreachable("alpha")})};
  rt.pause("alpha").value();
  std::atomic<int> refused = 0, others = 0;
  std::stop_source stop;
  for (int i = 0; i < most + 5; ++i)
    rt.async().acquire("alpha", {.patience = 1h, .stop = stop.get_token()}).then([&](result<lease> answer) {
      ++(answer.error().code == errc::too_many_requests ? refused : others);
    });
  CHECK(refused == 5);
  CHECK(rt.try_acquire("alpha").error().code == errc::too_many_requests);
  wait_for_waiters(rt, most);
  CHECK(others == 0);
  stop.request_stop();
  while (others < most)
    std::this_thread::yield();
  wait_for_waiters(rt, 0);
  CHECK(rt.try_acquire("alpha", {0s, {}, {}}).error().code == errc::acquire_timeout);
}

TEST_CASE("a server that closes each connection before its first command costs nobody a command") {
  support::real_sshd sshd;
  runtime rt{quiet_configuration({settings_for(sshd, "alpha")})};
  for (int round = 0; round < 10; ++round) {
    auto lease = rt.acquire("alpha", 20s);
    sshd.kill_connections();
    auto result = lease.run({"cat", {}, "round " + std::to_string(round), {}, 0});
    CHECK(to_string(result.ended) == "exited 0");
    CHECK(result.output == "round " + std::to_string(round));
  }
  for (int round = 0; round < 10; ++round) {
    auto lease = rt.acquire("alpha", 20s);
    sshd.kill_connections();
    auto output = lease.open({"cat", {}, {}, {}, 0});
    CHECK(output.write("some "));
    CHECK(output.write("input"));
    output.end_input();
    stream::chunk chunk;
    std::string all;
    while (output.read(chunk))
      all += chunk.bytes;
    CHECK(to_string(output.ended()) == "exited 0");
    CHECK(all == "some input");
  }
}
