// What the two processes of these tests say to each other, and the actor systems they say it in.
#pragma once

#include "messages/type_ids.hpp"
#include "runtime/node/message_allowance.hpp"
#include "runtime/node/socket.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace node_tests {

/// An actor of the client, which the server monitors and asks.
using friend_actor = caf::typed_actor<caf::replies_to<std::string>::with<std::string>>;

inline bool says(const moorage::failure& what, const std::string& text) {
  return what.text.find(text) != std::string::npos;
}

} // namespace node_tests

CAF_BEGIN_TYPE_ID_BLOCK(node_tests, ::moorage::next_type_id)
CAF_ADD_TYPE_ID(node_tests, (node_tests::friend_actor))
CAF_ADD_ATOM(node_tests, node_tests, watch_atom, "watch")
CAF_ADD_ATOM(node_tests, node_tests, call_atom, "callback")
CAF_END_TYPE_ID_BLOCK(node_tests)

namespace node_tests {

using namespace std::chrono_literals;

/// What the server offers: echo; be told of an actor and watch it; ask that actor and pass on its answer.
using echo_actor = caf::typed_actor<caf::replies_to<std::string>::with<std::string>,
                                    caf::replies_to<watch_atom, friend_actor>::with<bool>,
                                    caf::replies_to<call_atom, friend_actor, std::string>::with<std::string>>;

/// Something that the server does not offer.
using other_actor = caf::typed_actor<caf::replies_to<double>::with<double>>;

/// How often the two ends show that they live: as shipped, or fast enough for a test that waits for their
/// silence.
enum class heartbeat { shipped, quick };
constexpr auto quick_heartbeat = 100ms;
constexpr auto quick_silence_max = 1s;

struct node_config : caf::actor_system_config {
  explicit node_config(heartbeat pace, std::uint32_t rate = moorage::link_messages_a_second) {
    load<caf::io::middleman>();
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 2);
    moorage::add_message_types(*this);
    add_message_types<caf::id_block::node_tests>();
    moorage::configure_node(*this);
    auto put = [this](std::string_view name, auto value) {
      caf::put(content, caf::string_view{name.data(), name.size()}, std::move(value));
    };
    put(moorage::node_more_types, std::vector<std::string>{"node_tests::friend_actor"});
    put(moorage::node_messages_a_second, rate);
    if (pace == heartbeat::quick) {
      set("middleman.heartbeat-interval", caf::timespan{quick_heartbeat});
      set("middleman.connection-timeout", caf::timespan{quick_silence_max});
    }
  }
};

/// A system that measures its own end.
class node_system {
public:
  explicit node_system(heartbeat pace = heartbeat::shipped,
                       std::uint32_t rate = moorage::link_messages_a_second)
      : config_(pace, rate), system_(new caf::actor_system{config_}) {}

  caf::actor_system& operator*() { return *system_; }
  caf::actor_system* operator->() { return system_.get(); }

  std::chrono::milliseconds end() {
    auto start = std::chrono::steady_clock::now();
    system_.reset();
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  }

private:
  node_config config_;
  struct ending {
    void operator()(caf::actor_system* system) const { moorage::end_node_system(system); }
  };
  std::unique_ptr<caf::actor_system, ending> system_;
};

/// The server's actor. `tell` is called with "down REASON" for every watched actor that goes, `met` with
/// every actor that is to be watched.
inline echo_actor spawn_echo(
    caf::actor_system& system, std::function<void(std::string)> tell,
    std::function<void(const friend_actor&)> met = [](const friend_actor&) {}) {
  return system.spawn([tell, met](echo_actor::pointer self) -> echo_actor::behavior_type {
    self->set_error_handler([](caf::error&) {});
    self->set_down_handler([=](caf::down_msg& down) { tell("down " + self->system().render(down.reason)); });
    return {
        [](std::string& text) { return std::move(text); },
        [=](watch_atom, const friend_actor& whom) {
          self->monitor(whom);
          met(whom);
          return true;
        },
        [=](call_atom, const friend_actor& whom, std::string& text) -> caf::result<std::string> {
          auto promise = self->make_response_promise<std::string>();
          self->request(whom, 5s, std::move(text))
              .then([=](std::string& answer) mutable { promise.deliver(std::move(answer)); },
                    [=](caf::error& reason) mutable { promise.deliver(std::move(reason)); });
          return promise;
        },
    };
  });
}

inline friend_actor spawn_friend(caf::actor_system& system) {
  return system.spawn([](friend_actor::pointer self) -> friend_actor::behavior_type {
    self->set_error_handler([](caf::error&) {});
    return {[](const std::string& text) { return "friend of " + text; }};
  });
}

/// Calls `tell` with "down REASON" when `whom` goes.
inline caf::actor spawn_watcher(caf::actor_system& system, const caf::strong_actor_ptr& whom,
                                std::function<void(std::string)> tell) {
  return system.spawn([=](caf::event_based_actor* self) -> caf::behavior {
    self->set_down_handler([=](caf::down_msg& down) {
      tell("down " + self->system().render(down.reason));
      self->quit();
    });
    self->monitor(caf::actor_cast<caf::actor>(whom));
    return {[](caf::unit_t) {}};
  });
}

/// One request from a thread that is no actor. An error is given back as "error: TEXT".
template <class Answer = std::string, class Handle, class... Ts>
std::string ask(caf::actor_system& system, const Handle& whom, Ts&&... what) {
  caf::scoped_actor self{system, true};
  std::string result;
  self->request(whom, 30s, std::forward<Ts>(what)...)
      .receive(
          [&](Answer& answer) {
            if constexpr (std::is_same_v<Answer, bool>)
              result = answer ? "yes" : "no";
            else
              result = std::move(answer);
          },
          [&](caf::error& reason) { result = "error: " + system.render(reason); });
  return result;
}

} // namespace node_tests
