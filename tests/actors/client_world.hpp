// A client in virtual time, asked as the embedding API asks it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/session/session.hpp"
#include "runtime/client/client.hpp"
#include "tests/actors/virtual_world.hpp"

namespace moorage::test {

class client_world : public virtual_world {
public:
  /// `through_node`: it asks a session, as over a link, instead of being one.
  explicit client_world(cluster_settings settings, bool through_node = false)
      : virtual_world(std::move(settings)) {
    if (through_node)
      node = system.spawn(session, manager, caf::strong_actor_ptr{}, session_bounds{}, std::string{},
                          access_rights::everything());
    client = system.spawn(moorage::client, through_node ? manager_actor{} : manager, session_at_node{node},
                          gate, node_loss{{}, through_node});
    gate->open(client, through_node);
    sched.run();
  }
  ~client_world() {
    held.clear();
    gate->close();
    sched.run();
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
    client = nullptr;
    node = nullptr;
    sched.run();
  }

  /// Leaves the client a message; the answer is `answers[call]`, once it has come.
  std::uint64_t post_acquire(std::chrono::nanoseconds patience = 30s, const std::string& name = "alpha") {
    auto call = gate->next_call();
    gate->post([this, name, call, patience](client_state& state) {
      state.acquire_lease({acquire{name, call, patience, "client"}}, [this, call](result<lease> answer) {
        ++answered[call];
        answers[call] = answer.error();
        answered_at[call] = now();
        if (answer)
          held.push_back(std::move(*answer));
      });
    });
    return call;
  }
  std::uint64_t ask(std::chrono::nanoseconds patience = 30s, const std::string& name = "alpha") {
    auto call = post_acquire(patience, name);
    sched.run();
    return call;
  }
  void post_cancel(std::uint64_t call) {
    gate->post([call](client_state& state) { state.cancel_acquire_of(call); });
  }
  using virtual_world::ask;

  /// Callbacks are called there and then, this being the only thread, or kept for the test to call.
  bool keeps_callbacks = false;
  std::vector<std::function<void()>> kept;
  std::shared_ptr<callback_threads> callbacks =
      std::make_shared<callback_threads>([this](std::function<void()> call) {
        if (keeps_callbacks)
          kept.push_back(std::move(call));
        else
          call();
      });
  std::shared_ptr<client_gate> gate = std::make_shared<client_gate>(callbacks);
  session_actor node; ///< none: the client is one
  caf::actor client;
  std::vector<lease> held;
  std::map<std::uint64_t, int> answered;
  std::map<std::uint64_t, failure> answers;
  std::map<std::uint64_t, std::chrono::nanoseconds> answered_at;
};

} // namespace moorage::test
