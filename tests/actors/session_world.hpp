// An actor of a host that speaks to its session alone, and writes down what it hears and of whom.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/session/session.hpp"
#include "tests/actors/virtual_world.hpp"

namespace moorage::test {

struct guest_memory {
  std::vector<lease_grant> grants;
  std::vector<acquire_refused> refusals;
  std::vector<lease_lost> lost;
  std::vector<run_ended> runs;
  std::vector<stream_chunk> chunks;
  std::vector<stream_room> rooms;
  std::vector<stream_end> ends;
  std::vector<event_record> events;
  std::vector<failure> answers;      ///< to requests; code none: well
  std::set<caf::actor_addr> senders; ///< of what came as a message; events have none
};

class guest {
public:
  /// With a session of its own.
  explicit guest(virtual_world& world, session_bounds bounds = {}, std::string known_as = {},
                 access_rights rights = access_rights::everything())
      : world_(world) {
    actor_ = world.system.spawn(behave, heard);
    session = world.system.spawn(moorage::session, world.manager,
                                 caf::actor_cast<caf::strong_actor_ptr>(actor_), bounds, known_as, rights);
    world.settle();
  }
  /// Another actor of the same outsider's.
  guest(virtual_world& world, const guest& first) : guest(world, first.session) {}
  guest(virtual_world& world, session_actor of) : session(std::move(of)), world_(world) {
    actor_ = world.system.spawn(behave, heard);
    world.settle();
  }
  ~guest() {
    session = nullptr;
    die();
  }
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  /// One message to the session, in this actor's name.
  template <class Message>
  void say(Message what) {
    caf::send_as(actor_, caf::actor_cast<caf::actor>(session), std::move(what));
  }
  template <class Message>
  void tell(Message what) {
    say(std::move(what));
    world_.settle();
  }
  /// The same as a request, whose answer is of no interest but whether it is an error.
  template <class Answer, class Message>
  void ask(Message what) {
    ask<Answer>(session, std::move(what), [](const Answer&) {});
  }
  /// The same of a message that may have no answer, or any.
  template <class Message>
  void ask_anything(Message what) {
    ask<done>(caf::actor_cast<caf::actor>(session), std::move(what), [](const done&) {});
  }
  /// Names, as the session lists them.
  std::vector<std::string> clusters() {
    return names<cluster_list>(list_clusters{}, [](const cluster_list& list, auto name) {
      for (const auto& each : list.clusters)
        name(each.name);
    });
  }
  std::vector<std::string> pools() {
    return names<pool_list>(get_pools{}, [](const pool_list& list, auto name) {
      for (const auto& each : list.pools)
        name(each.cluster);
    });
  }

  void acquire(std::uint64_t call = 1, std::chrono::nanoseconds patience = 30s) {
    tell(moorage::acquire{world_.cluster.name, call, patience, "guest"});
  }
  run_command command(std::uint64_t call, const std::string& text, std::size_t lease = 0) const {
    const auto& grant = heard->grants.at(lease);
    run_command order{grant.cluster, grant.lease, call, {}};
    order.what.command = text;
    return order;
  }
  void run(std::uint64_t call, const std::string& text, std::size_t lease = 0) {
    tell(command(call, text, lease));
  }
  void release(std::size_t lease = 0) {
    ask<done>(release_lease{heard->grants.at(lease).cluster, heard->grants.at(lease).lease});
  }
  void die() {
    if (!actor_)
      return;
    caf::anon_send_exit(actor_, caf::exit_reason::kill);
    actor_ = nullptr;
    world_.settle();
  }
  bool session_over() const {
    return caf::actor_cast<caf::abstract_actor*>(session)->getf(caf::abstract_actor::is_terminated_flag);
  }

  std::shared_ptr<guest_memory> heard = std::make_shared<guest_memory>();
  session_actor session;

private:
  using chore = std::function<void(caf::event_based_actor*)>;

  template <class Answer, class Whom, class Message, class Take>
  void ask(const Whom& whom, Message what, Take take) {
    caf::anon_send(
        actor_,
        local_call{std::make_shared<chore>([memory = heard, whom, what, take](caf::event_based_actor* self) {
          self->request(whom, caf::infinite, what)
              .then(
                  [memory, take](const Answer& answer) {
                    memory->answers.push_back({});
                    take(answer);
                  },
                  [memory](const caf::error& error) { memory->answers.push_back(to_failure(error)); });
        })});
    world_.settle();
  }
  template <class Answer, class Message, class Each>
  std::vector<std::string> names(Message what, Each each) {
    auto result = std::make_shared<std::vector<std::string>>();
    ask<Answer>(session, std::move(what), [result, each](const Answer& answer) {
      each(answer, [&](const std::string& name) { result->push_back(name); });
    });
    std::sort(result->begin(), result->end());
    return *result;
  }

  static caf::behavior behave(caf::event_based_actor* self, std::shared_ptr<guest_memory> memory) {
    self->set_default_handler(caf::drop);
    auto note = [self, memory](auto list) {
      return [self, memory, list](auto what) {
        memory->senders.insert(caf::actor_cast<caf::actor_addr>(self->current_sender()));
        ((*memory).*list).push_back(std::move(what));
      };
    };
    return {
        [self](const local_call& call) { (*std::static_pointer_cast<chore>(call.what))(self); },
        [n = note(&guest_memory::grants)](lease_grant& x) { n(std::move(x)); },
        [n = note(&guest_memory::refusals)](acquire_refused& x) { n(std::move(x)); },
        [n = note(&guest_memory::lost)](lease_lost& x) { n(std::move(x)); },
        [n = note(&guest_memory::runs)](run_ended& x) { n(std::move(x)); },
        [n = note(&guest_memory::chunks)](stream_chunk& x) { n(std::move(x)); },
        [n = note(&guest_memory::rooms)](stream_room& x) { n(std::move(x)); },
        [n = note(&guest_memory::ends)](stream_end& x) { n(std::move(x)); },
        [memory](event_record& record) { memory->events.push_back(std::move(record)); },
    };
  }

  virtual_world& world_;
  caf::actor actor_;
};

} // namespace moorage::test
