// The manager. It knows the clusters by name, owns their pools, and passes every request to the right one;
// answers go straight from the pool to the asker, a session. A pool that a bug ended is replaced by a fresh
// one.
#pragma once

#include <array>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "actors/manager/event_account.hpp"
#include "actors/manager/policies/site_nodes.hpp"
#include "actors/pool/recording/recording_file.hpp"
#include "actors/pool/sleep_watch.hpp"
#include "actors/transport.hpp"
#include "messages/events.hpp"
#include "messages/internal_interfaces.hpp"

namespace moorage {

/// Something that the host does on a thread that may be left behind. Destroyed, it is abandoned.
class host_errand {
public:
  virtual ~host_errand() = default;
  /// What is wrong, or else what is to be said; none: it is not done yet, and its waker is called when it is.
  virtual std::optional<std::pair<failure, std::string>> outcome() = 0;
};

/// What the runtime hands to the manager.
struct manager_world {
  transport_factory transports;
  /// How a latched pool sees that a key file or known_hosts has changed. None: it does not.
  credentials_looker look_at_credentials;
  /// Writes what pools did lately to a file, by order and when a bug ends one. None: nothing is kept.
  recording_writer write_recording = {};
  /// Every pool's seed is drawn from it, so that two processes do not jitter in step.
  std::uint64_t seed = 1;
  /// How many connections may compute at once, over all pools; at least 1. The threads of the actor system
  /// less one, so that one stays free for messages.
  std::size_t turns = 1;
  /// Probes in flight, over all pools, of which no pool has more than half; 0: no limit.
  std::uint32_t probes_at_once = 200;
  /// Log-ins under way at once, over all pools; 0: no limit.
  std::uint32_t connects_at_once = 32;
  /// Told when a bug has ended a pool, or (with no cluster) what all pools share; called on the manager's
  /// thread, must not block.
  std::function<void(const std::string& cluster, const std::string& what)> report_bug;
  /// How long the machine has slept (actors/pool/sleep_watch.hpp). None: it never does.
  sleep_clock asleep;
  /// Ends the process, whose pools are drained; called on the manager's thread, must not block. None: the
  /// manager ends with its pools.
  std::function<void(const std::string& by)> shut_down = {};
  /// Begins to read the configuration again; must not block. None: there is nothing to read.
  std::function<std::unique_ptr<host_errand>(const std::string& by, waker wake)> reload = {};
  site_nodes nodes = {};
  /// Clusters that have no pool since their settings could not be read, and why.
  std::map<std::string, failure> unusable = {};
};

class manager_actor_state {
public:
  static inline const char* name = "moorage.manager";

  explicit manager_actor_state(manager_actor::stateful_pointer<manager_actor_state> self) : self_(self) {}
  /// Pools do not outlive their manager, however it ends.
  ~manager_actor_state();

  void begin(std::vector<cluster_settings> clusters, manager_world world);
  manager_actor::stateful_pointer<manager_actor_state> self() const { return self_; }

  /// The pool of that name, or nothing; then `unknown` says why.
  pool_actor pool_of(const std::string& cluster) const;
  caf::error unknown(const std::string& cluster) const;

  /// Passes it on to its cluster's pool, which answers the holder; keeps it until the pool has read it.
  void pass(acquire_for request);
  void cancel(cancel_acquire_for request);
  void take(const acquire_taken& read);
  void carry(carry_for& request);

  void add(const register_cluster& request, caf::typed_response_promise<done> promise);
  /// Has the cluster's pool answer the asker itself.
  template <class Request, class Answer>
  void pass_on(Request& request, caf::typed_response_promise<Answer> promise) {
    if (auto pool = pool_of(request.cluster))
      promise.delegate(pool, std::move(request));
    else
      promise.deliver(unknown(request.cluster));
  }
  template <class Order>
  void pass_on(Order& order, order_sender& sender, caf::typed_response_promise<done> promise) {
    if (auto pool = pool_of(order.cluster))
      promise.delegate(pool, std::move(order), std::move(sender));
    else
      promise.deliver(unknown(order.cluster));
  }
  void pass_on(resize_pool& order, order_sender& sender, caf::typed_response_promise<done> promise);
  void pass_on(resume_pool& order, order_sender& sender, caf::typed_response_promise<done> promise);
  void pass_on(set_setting& order, order_sender& sender, caf::typed_response_promise<done> promise);
  // --- every_pool.cpp
  /// Gives it to each pool as if it came for that alone.
  template <class Order>
  void pass_to_all(const Order& order, const order_sender& sender,
                   caf::typed_response_promise<done> promise) {
    if constexpr (
        requires { order.connection; } || requires { order.lease; })
      promise.deliver(make_error(errc::invalid_request,
                                 std::string{Order::name} + " is about one pool's own: name its cluster"));
    else
      order_each(
          [order = order, sender](const std::string& name) mutable {
            order.cluster = name;
            return caf::make_message(order, sender);
          },
          [promise](const failure& refused, std::string text) mutable {
            if (refused.code == errc::none)
              promise.deliver(done{std::move(text)});
            else
              promise.deliver(make_error(refused));
          });
  }
  void shut_down(const shut_down_pools& order, caf::typed_response_promise<done> promise);
  void reload(const reload_configuration& order, caf::typed_response_promise<done> promise);
  void reload_ended();

  void remove(const remove_cluster& order, caf::typed_response_promise<done> promise);
  // --- placement.cpp
  using place_promise = caf::typed_response_promise<cluster_place>;
  using hand_over_promise = caf::typed_response_promise<cluster_handed_over>;
  void locate(const locate_cluster& request, place_promise promise);
  void hand_over(const hand_over_cluster& order, hand_over_promise promise);
  void take_over(const take_over_cluster& order, caf::typed_response_promise<done> promise);

  cluster_list clusters() const;
  // --- collecting.cpp
  void collect(caf::typed_response_promise<pool_list> promise);
  void go_on_collecting();
  /// Remembered, so that it also hears the pools that come later: a pool's replacement, or new clusters.
  /// False: it is for the cluster's pool to answer.
  bool take(const subscribe_for& request);
  void take(grant_event_credit_for& request);
  void take(const end_subscriptions& order);
  void stop(caf::typed_response_promise<done> promise);
  void lost(const caf::down_msg& down);

private:
  struct entry {
    cluster_settings settings;
    pool_actor pool = {};
    std::uint64_t registered = 0; ///< when, as a number
    std::string leaving_to = {};  ///< the node to which it is being handed over
    std::size_t leaving = 0;      ///< by how many orders
    bool awaited = false;         ///< it was taken over, and must not begin yet
  };
  struct placed_elsewhere {
    cluster_settings settings; ///< for when it comes here
    std::string node;
  };

  /// What a pool has been passed and has not said that it read: lost with it when it ends, and then asked
  /// again.
  struct unread {
    struct passed {
      acquire_for request;
      std::chrono::steady_clock::time_point at;
    };
    struct cancelled {
      cancel_acquire_for request;
      std::uint64_t after = 0; ///< the last acquire passed before it
    };
    std::map<std::uint64_t, passed> acquires; ///< by number, in the order of passing
    std::deque<cancelled> cancels;            ///< those that may concern one of these
  };

  /// One who hears events, of one pool or of every pool.
  struct subscription {
    caf::strong_actor_ptr whom;
    std::string cluster; ///< empty: of every pool
    std::uint32_t credit = 0;
    event_filter wanted;
    event_account_actor account; ///< of every pool, unless the credit is without limit
  };

  template <class Order>
  void pass_change(Order& order, order_sender& sender, caf::typed_response_promise<done> promise,
                   std::function<void(cluster_settings&)> change);
  /// Told once all have answered: in words what each said, or why it is not done everywhere.
  using all_answered = std::function<void(const failure& refused, std::string text)>;
  void order_each(std::function<caf::message(const std::string& cluster)> make, all_answered then);

  // --- givers.cpp
  /// Who gives turns of a kind, and is replaced when a bug ends it.
  struct turns_giver {
    turns_actor at; ///< none: nobody waits
    std::chrono::steady_clock::time_point began;
    std::chrono::nanoseconds pause{0}; ///< before the next one takes its place
    caf::actor pausing;                ///< ends when that is over
  };
  void start_turns(turn_kind what);
  void turns_ended(turn_kind what, const caf::error& reason);
  void start_permits(bool replaces);
  void permits_ended(const caf::error& reason);
  /// Whether it was one of these that ended.
  void giver_lost(const caf::down_msg& down);
  turns_giver& giver_of(turn_kind what) { return givers_[static_cast<std::size_t>(what)]; }

  failure circle_through(const cluster_settings& settings) const;

  // --- placement.cpp
  void place(cluster_settings settings);
  failure why_elsewhere(const std::string& cluster, const std::string& node) const;
  bool note_elsewhere(const cluster_settings& settings, caf::typed_response_promise<done>& promise);
  void drained_for(const std::string& cluster, const std::string& to, hand_over_promise promise);
  void tell_budget(const cluster_settings& of, hand_over_promise promise);

  void start_pool(const std::string& name, entry& cluster);
  void end_pool(const remove_cluster& order, const pool_actor& pool, std::function<void()> then);
  // --- collecting.cpp
  struct collection;
  void collect_more(const std::shared_ptr<collection>& all);
  void pass_again(unread lost);
  void one_stopped();
  void tell_subscribers(const std::string& cluster, event_kind what, const std::string& text,
                        const std::string& by = {});
  subscription* subscription_of(const caf::strong_actor_ptr& whom, const std::string& cluster);
  /// It is told by this pool by virtue of this subscription; each event is told once, whatever else it
  /// subscribed to.
  bool hears(const subscription& one, const std::string& cluster);
  static caf::actor hearer(const subscription& one);
  bool forget_subscriber(const caf::actor_addr& whom);
  void change_filter(subscription& one, const event_filter& wanted);
  static void subscribe_at(const pool_actor& pool, const subscription& one);

  manager_actor::stateful_pointer<manager_actor_state> self_;
  manager_world world_;
  std::array<turns_giver, 2> givers_; ///< by what their turns are for
  permits_actor permits_;
  caf::actor permits_pausing_; ///< the same, before the next one takes the place of whoever gave permits
  std::map<std::string, entry> clusters_;
  std::map<std::string, placed_elsewhere> elsewhere_;
  std::set<pool_actor> removed_; ///< still closing
  std::unordered_map<caf::actor_addr, unread> unread_;
  std::uint64_t passed_ = 0;
  std::vector<subscription> subscribers_;
  std::uint64_t pools_started_ = 0;
  std::uint64_t registrations_ = 0;
  /// Pools that a name has had, also removed ones: a lease of an earlier life must not be taken for one of a
  /// later.
  std::map<std::string, std::uint64_t> lives_;
  std::vector<std::shared_ptr<collection>> resting_;
  std::unique_ptr<host_errand> reloading_;
  std::string reload_by_;
  std::optional<caf::typed_response_promise<done>> reload_promise_;
  std::size_t shutting_down_ = 0; ///< how many have ordered that, and wait
  bool stopping_ = false;
  std::size_t still_stopping_ = 0;
  std::vector<caf::typed_response_promise<done>> stop_promises_;
};

manager_actor::behavior_type manager(manager_actor::stateful_pointer<manager_actor_state> self,
                                     std::vector<cluster_settings> clusters, manager_world world);

} // namespace moorage
