// A pool: the shell around the pool core. It turns messages into events and effects into messages, and
// decides nothing. It holds promises, handles and one timer; it does no I/O of any kind, so that its answer
// always comes from its own memory.
#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <deque>
#include <map>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "actors/manager/event_credit.hpp"
#include "actors/pool/core.hpp"
#include "actors/pool/protocol.hpp"
#include "actors/pool/recording/flight_recorder.hpp"
#include "actors/pool/recording/recording_file.hpp"
#include "actors/pool/sleep_watch.hpp"
#include "actors/transport.hpp"
#include "messages/events.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

/// What a pool is made with; the runtime supplies it through the manager.
struct pool_world {
  transport_factory transports;
  /// Looks whether what a denied log-in used has changed. None: nothing is looked at.
  credentials_looker look_at_credentials;
  /// Where its connections ask for their turns to compute.
  turns_actor turns;
  /// Where its probes ask for theirs. None: they begin at once.
  turns_actor probe_turns;
  /// Whom it asks for leave to log in. None: it has that, at once.
  permits_actor permits;
  /// Seeds the core's jitter.
  std::uint64_t seed = 1;
  /// Ids begin here. A pool that takes the place of a failed one begins where its predecessor cannot have
  /// come.
  std::uint64_t first_id = 1;
  /// Writes what its flight recorder keeps. None: nothing is kept.
  recording_writer write_recording = {};
  /// How long the machine has slept. None: it never does.
  sleep_clock asleep;
  /// Passes on to other pools what is to be carried by them, and this one to whoever wants to be carried.
  /// None: nothing is carried.
  caf::actor manager;
};

class pool_actor_state {
public:
  static inline const char* name = "moorage.pool";

  explicit pool_actor_state(pool_actor::stateful_pointer<pool_actor_state> self) : self_(self) {}
  /// Whatever ends the pool, everybody who waits is told, and its connections end.
  ~pool_actor_state();

  void begin(cluster_settings settings, pool_world world);
  pool_actor::stateful_pointer<pool_actor_state> self() const { return self_; }

  /// Who sent an order, as the core needs to know it: of a pause and of a resume.
  template <class Order>
  holder_id whose(const Order&, const order_sender& sender) {
    if constexpr (std::is_same_v<Order, pause_pool>)
      return sender.whom ? holder_of(sender.whom) : holder_id{};
    else if constexpr (std::is_same_v<Order, resume_pool>)
      return known_holder(sender.whom);
    else
      return {};
  }

  // Messages that become events.
  void take(acquire_for& request);
  void take(carry_for& request);
  void take(passed_acquire& passed);
  void take(const cancel_acquire_for& request);
  void take(const release_lease_for& request, caf::typed_response_promise<done> promise);
  void take(const turns_replaced& order);
  void take(const permits_replaced& order);
  void take(connection_opened& report);
  void take(connection_failed& report);
  void take(connection_lost& report);
  void take(const connection_closed& report);
  void take(const wake_up& wake);
  void take(const caf::down_msg& down);
  /// For every other request that is answered with `done`: makes the event with a request id that leads back
  /// here.
  template <class Event>
  void request(Event event, caf::typed_response_promise<done> promise) {
    event.request = remember(std::move(promise));
    step(std::move(event));
  }
  void step(pool_event event);

  // Reads.
  pool_status status() const { return core_->status(self_->clock().now()); }
  const pool_core& core() const { return *core_; }
  error_list errors() const { return {{errors_.begin(), errors_.end()}}; }
  /// Checks that what is kept here agrees with the core's books; throws `broken_invariant`. Looks at
  /// everything: for tests.
  void verify() const;

  void subscribe_to_events(const subscribe_for& request);
  void credit_events(const grant_event_credit_for& request);
  void end_subscriptions_of(const caf::actor_addr& whom);

private:
  const cluster_settings& settings() const { return core_->settings(); }

  /// Who is to be told what becomes of an acquire, and under which number of its own.
  struct asker {
    holder_id holder;
    std::uint64_t call = 0;
    caf::strong_actor_ptr whom;              ///< kept alive until it is told, as by a request of CAF's
    std::shared_ptr<carry_for> carried = {}; ///< it wants no lease, but this
  };
  struct subscriber {
    caf::strong_actor_ptr whom;
    event_credit credit;
    event_filter wanted;
  };

  request_id remember(caf::typed_response_promise<done> promise);
  /// Monitored from then on.
  holder_id holder_of(const caf::strong_actor_ptr& whom);
  /// 0: nothing was ever asked or held in its name.
  holder_id known_holder(const caf::strong_actor_ptr& whom) const;
  template <class T>
  void tell(holder_id holder, T what);
  asker forget(std::unordered_map<request_id, asker>::iterator entry);

  void apply(const request_permit& effect);
  void apply(const return_permit& effect);
  void apply(const look_at_credentials& effect);
  void apply(const open_connection& effect);
  void apply(const close_connection& effect);
  void apply(grant& effect);
  void apply(const begin_carriage& effect);
  void apply(const tell_of_wait& effect);
  void apply(const tell_of_hindrance& effect);
  void apply(const refuse& effect);
  void apply(const acknowledge& effect);
  void apply(const write_recording& effect);
  void apply(const end_lease& effect);
  void apply(const give_up_channel& effect);
  void apply(const notify_holder& effect);
  void apply(const start_probe& effect);
  void apply(const change_probes& effect);
  void apply(announce& effect);
  event_record recorded(announce& effect) const;
  void carry_out(const pool_event& event);
  void set_timer();

  // --- shell_recording.cpp
  /// Of a longer banner the core, and with it the recording, has the beginning.
  static constexpr std::size_t banner_recorded_max = 1u << 10;
  void step_core(const pool_event& event);
  recording_header header_of(std::string why) const;
  void recording_is_written();

  pool_actor::stateful_pointer<pool_actor_state> self_;
  std::unique_ptr<pool_core> core_;
  transport_factory transports_;
  credentials_looker looker_;
  std::unique_ptr<credentials_look> look_; ///< that is under way
  bool look_for_machines_ = false;         ///< as the core asked
  turns_actor turns_, probe_turns_;
  permits_actor permits_;
  caf::actor manager_;
  std::uint64_t requests_ = 0;
  std::uint64_t holders_seen_ = 0;
  std::unordered_map<request_id, caf::typed_response_promise<done>> promises_;
  std::unordered_map<request_id, asker> askers_;
  std::map<std::pair<holder_id, std::uint64_t>, request_id> calls_;
  std::unordered_map<caf::actor_addr, holder_id> holder_ids_;
  std::unordered_map<holder_id, caf::actor_addr> holders_;
  std::unordered_map<connection_id, connection_actor> connections_;
  std::vector<subscriber> subscribers_;
  std::deque<event_record> errors_; ///< the latest
  pool_effects effects_;
  std::string whole_banner_; ///< only while an opening is told whose banner the core has cut
  recording_writer writer_;
  flight_recorder recorder_;
  /// A recording that is being written, and who waits for that.
  struct being_written {
    std::unique_ptr<recording_file> file;
    caf::typed_response_promise<done> promise;
  };
  std::optional<being_written> written_;
  sleep_watch sleep_;
  time_point timer_due_ = time_point::max();
  std::uint64_t timer_generation_ = 0;
};

pool_actor::behavior_type pool(pool_actor::stateful_pointer<pool_actor_state> self, cluster_settings settings,
                               pool_world world);

} // namespace moorage
