// Does ThreadSanitizer see into an actor's handler? Two actors answer requests through CAF's real mailboxes
// and scheduler; with "plant" their handlers share one unsynchronised int, which is the mistake that the pass
// exists to find.
// Without it the program is correct, and every report is noise of a library's.
#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct tally_state {
  static inline const char* name = "tally";
  int own = 0;
};

// `shared` is null in the correct program. Each handler then writes only what its actor owns, and the ping it
// sends on crosses from worker to worker.
caf::behavior tally(caf::stateful_actor<tally_state>* self, std::shared_ptr<int> shared) {
  self->set_default_handler(caf::drop);
  return {
      [self, shared](int amount) {
        self->state.own += amount;
        if (shared)
          *shared += amount;
        return self->state.own;
      },
      [self](const caf::actor& peer, int rounds) {
        if (rounds > 0)
          self->send(peer, caf::actor_cast<caf::actor>(self), rounds - 1);
      },
  };
}

// Everything our actors use of CAF at once, so that a report which CAF brings about by itself shows up here
// first: requests with time-outs, monitors, delayed messages, sends from a foreign thread, actors that come
// and go.
void exercise(caf::actor_system& system, const std::shared_ptr<int>& shared) {
  auto left = system.spawn(tally, shared);
  auto right = system.spawn(tally, shared);
  caf::anon_send(left, right, 200);
  std::thread foreign{[&] {
    for (int i = 0; i < 2000; ++i) {
      caf::anon_send(left, 1);
      caf::anon_send(right, 1);
    }
  }};
  for (int round = 0; round < 200; ++round) {
    caf::scoped_actor host{system};
    auto brief = system.spawn(tally, std::shared_ptr<int>{});
    host->monitor(brief);
    for (const auto& target : {left, right, brief})
      host->request(target, std::chrono::seconds{10}, 1)
          .receive([](int) {}, [](const caf::error&) { std::abort(); });
    host->delayed_send(left, std::chrono::milliseconds{1}, 1);
    host->send_exit(brief, caf::exit_reason::user_shutdown);
    host->receive([](const caf::down_msg&) {});
  }
  foreign.join();
  for (const auto& target : {left, right})
    caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
}

} // namespace

int main(int argc, char** argv) {
  const bool planted = argc > 1 && std::string_view{argv[1]} == "plant";
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.load<caf::io::middleman>();
  caf::actor_system system{config};
  exercise(system, planted ? std::make_shared<int>(0) : nullptr);
  system.await_all_actors_done();
  std::cout << (planted ? "planted run over\n" : "correct run over\n");
}
