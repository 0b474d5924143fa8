#include "runtime/async.hpp"

#include <algorithm>
#include <atomic>

#include "runtime/begin_call.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

using clock = pending_shared::clock;

struct asker {
  const std::shared_ptr<client_gate>& gate;
  bool waited;
  /// What is asked for, by itself; a day or more: nobody knows.
  std::chrono::milliseconds takes{0};
};

/// Asks the manager, and gives what `change` makes of its answer.
template <class Answer, class Change>
auto ask_by_message(const asker& from, std::string cluster, caf::message request, Change change) {
  using given = decltype(std::declval<result<Answer>>().transform(change));
  auto deadline = from.takes < std::chrono::hours{24} ? clock::now() + from.takes : clock::time_point::max();
  call_terms terms{.cluster = std::move(cluster), .deadline = deadline, .waited = from.waited};
  return begin_call<given>(from.gate, std::move(terms),
                           [request = std::move(request), change](client_state& client, auto give) mutable {
                             client.ask_manager<Answer>(std::move(request),
                                                        [give, change](result<Answer> answer) {
                                                          give(std::move(answer).transform(change));
                                                        });
                           });
}

template <class Answer, class Request, class Change>
auto ask(const asker& from, std::string_view cluster, Request request, Change change) {
  return ask_by_message<Answer>(from, std::string{cluster}, caf::make_message(std::move(request)),
                                std::move(change));
}

/// What has changed, in words.
std::string changed(done answer) {
  return std::move(answer.text);
}

/// Gives an order, in the host's name.
template <class Order>
pending<result<std::string>> order(const asker& from, Order what) {
  auto deadline = from.takes < std::chrono::hours{24} ? clock::now() + from.takes : clock::time_point::max();
  call_terms terms{.cluster = what.cluster, .deadline = deadline, .waited = from.waited};
  return begin_call<result<std::string>>(
      from.gate, std::move(terms), [what = std::move(what)](client_state& client, auto give) mutable {
        client.order(std::move(what),
                     [give](result<done> answer) { give(std::move(answer).transform(changed)); });
      });
}

} // namespace

// --- leases -------------------------------------------------------------------------------------------------------

namespace {

/// When the pool refuses at the latest. Of the cluster's own patience nothing is known here.
clock::time_point deadline_of(const acquire_options& options) {
  if (options.patience.count() < 0 || options.patience >= std::chrono::hours{24})
    return clock::time_point::max();
  return clock::now() + options.patience;
}

/// An acquire and its one run. Once it is posted it is the client's alone.
struct one_shot {
  std::uint64_t acquire = 0;
  std::uint64_t run = 0;
  exec_request request = {};
  bool withdrawn = false;
};

} // namespace

pending<result<lease>> async_runtime::acquire(std::string_view cluster, acquire_options options) const {
  auto call = gate_->next_call();
  moorage::acquire request{std::string{cluster}, call, options.patience, std::move(options.label),
                           options.wait_for_ready};
  call_terms terms{
      .cluster = request.cluster, .deadline = deadline_of(options), .stop = std::move(options.stop)};
  terms.withdraw = [gate = gate_, call] {
    gate->post([call](client_state& client) { client.cancel_acquire_of(call); });
  };
  return begin_call<result<lease>>(gate_, std::move(terms),
                                   [request = std::move(request)](client_state& client, auto give) mutable {
                                     client.acquire_lease(std::move(request), [give](result<lease> granted) {
                                       if (granted)
                                         granted->be_shared();
                                       give(std::move(granted));
                                     });
                                   });
}

/// Between the grant and the run it may be withdrawn as well: the run is posted, and finds out.
pending<exec_result> async_runtime::run(std::string_view cluster, exec_request request,
                                        acquire_options options) const {
  auto once = std::make_shared<one_shot>();
  once->acquire = gate_->next_call();
  once->run = gate_->next_call();
  call_terms terms{.cluster = std::string{cluster},
                   .deadline = command_deadline(deadline_of(options), request),
                   .stop = std::move(options.stop)};
  terms.withdraw = [gate = gate_, once] {
    gate->post([once](client_state& client) {
      once->withdrawn = true;
      client.cancel_acquire_of(once->acquire);
      client.cancel_run(once->run);
    });
  };
  moorage::acquire asked{terms.cluster, once->acquire, options.patience, std::move(options.label),
                         options.wait_for_ready};
  once->request = std::move(request);
  auto work = [gate = gate_, once, asked = std::move(asked)](client_state& client, auto give) mutable {
    client.acquire_lease(std::move(asked), [gate, once, give](result<lease> granted) {
      auto unsent = [give](failure reason) {
        give(refusal_as<exec_result>::make(std::move(reason), outcome_kind::never_sent));
      };
      if (!granted)
        return unsent(granted.error());
      auto held = std::make_shared<lease>(std::move(*granted));
      auto run = [once, held, give, unsent](client_state& client) mutable {
        if (once->withdrawn)
          return unsent({errc::cancelled, "it was cancelled before it was sent"});
        client.run(
            held->key(), once->run, std::move(once->request), [held, give](exec_result finished) mutable {
              held = nullptr; // before anybody hears of it, so that who does finds the lease given back
              give(std::move(finished));
            });
        held = nullptr;
      };
      gate->post(std::move(run), unsent);
    });
  };
  return begin_call<exec_result>(gate_, std::move(terms), std::move(work));
}

// --- probes -------------------------------------------------------------------------------------------------------

namespace {

template <class Change>
auto ask_probe(const asker& from, lease_key key, bool as_pool, Change change) {
  using given = decltype(std::declval<result<probe_answer>>().transform(change));
  call_terms terms{.cluster = key.cluster, .waited = from.waited};
  return begin_call<given>(from.gate, std::move(terms),
                           [key, as_pool, change](client_state& client, auto give) {
                             auto take = [give, change](result<probe_answer> answer) {
                               give(std::move(answer).transform(change));
                             };
                             if (key == lease_key{})
                               take(empty_lease());
                             else
                               client.probe(key, as_pool, std::move(take));
                           });
}

} // namespace

pending<result<std::chrono::nanoseconds>> async_runtime::round_trip(const lease& lease) const {
  return ask_probe({gate_, waited_}, lease ? lease.key() : lease_key{}, false,
                   [](const probe_answer& answer) { return answer.rtt; });
}

pending<result<probe_answer>> async_runtime::probe(const lease& lease) const {
  return ask_probe({gate_, waited_}, lease ? lease.key() : lease_key{}, true,
                   [](probe_answer answer) { return answer; });
}

// --- clusters and administration ----------------------------------------------------------------------------------

pending<result<void>> async_runtime::register_cluster(cluster_settings settings) const {
  auto name = settings.name;
  return ask<done>({gate_, waited_}, name, moorage::register_cluster{std::move(settings), gate_->name()},
                   [](done) {});
}

pending<result<void>> async_runtime::remove_cluster(std::string_view cluster) const {
  return ask<done>({gate_, waited_}, cluster, moorage::remove_cluster{std::string{cluster}, gate_->name()},
                   [](done) {});
}

pending<result<std::vector<cluster_settings>>> async_runtime::clusters() const {
  return ask<cluster_list>({gate_, waited_}, {}, list_clusters{},
                           [](cluster_list all) { return std::move(all.clusters); });
}

pending<result<std::vector<pool_status>>> async_runtime::pools() const {
  return ask<pool_list>({gate_, waited_}, {}, get_pools{},
                        [](pool_list all) { return std::move(all.pools); });
}

pending<result<pool_status>> async_runtime::pool(std::string_view cluster) const {
  return ask<pool_status>({gate_, waited_}, cluster, get_pool{std::string{cluster}},
                          [](pool_status one) { return one; });
}

pending<result<std::vector<connection_status>>> async_runtime::connections(std::string_view cluster) const {
  return ask<connection_list>({gate_, waited_}, cluster, get_connections{std::string{cluster}},
                              [](connection_list all) { return std::move(all.connections); });
}

pending<result<std::vector<lease_status>>> async_runtime::leases(std::string_view cluster) const {
  return ask<lease_list>({gate_, waited_}, cluster, get_leases{std::string{cluster}},
                         [](lease_list all) { return std::move(all.leases); });
}

pending<result<std::vector<waiter_status>>> async_runtime::waiters(std::string_view cluster) const {
  return ask<waiter_list>({gate_, waited_}, cluster, get_waiters{std::string{cluster}},
                          [](waiter_list all) { return std::move(all.waiters); });
}

pending<result<explanation>> async_runtime::explain(std::string_view cluster) const {
  return ask<explanation>({gate_, waited_}, cluster, get_explanation{std::string{cluster}},
                          [](explanation why) { return why; });
}

pending<result<std::vector<event_record>>> async_runtime::errors(std::string_view cluster) const {
  return ask<error_list>({gate_, waited_}, cluster, get_errors{std::string{cluster}},
                         [](error_list all) { return std::move(all.errors); });
}

pending<result<std::string>> async_runtime::pause(std::string_view cluster, bool keep) const {
  return order({gate_, waited_}, pause_pool{std::string{cluster}, keep});
}

pending<result<std::string>> async_runtime::suspend(std::string_view cluster) const {
  return order({gate_, waited_}, suspend_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::resume(std::string_view cluster, bool all) const {
  return order({gate_, waited_}, resume_pool{std::string{cluster}, all});
}

pending<result<std::string>> async_runtime::drain(std::string_view cluster,
                                                  std::chrono::milliseconds within) const {
  // A later drain may give it more time, a day at most; a node that is gone is noticed by its link.
  return order({gate_, waited_, std::chrono::hours{25}}, drain_pool{std::string{cluster}, within});
}

pending<result<std::string>> async_runtime::probe(std::string_view cluster) const {
  return order({gate_, waited_}, probe_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::evict(std::string_view cluster, connection_id connection) const {
  return order({gate_, waited_}, evict_connection{std::string{cluster}, connection});
}

pending<result<std::string>> async_runtime::revoke(std::string_view cluster, lease_id lease) const {
  return order({gate_, waited_}, revoke_lease{std::string{cluster}, lease});
}

pending<result<std::string>> async_runtime::resize(std::string_view cluster, std::uint32_t size) const {
  return order({gate_, waited_}, resize_pool{std::string{cluster}, size});
}

pending<result<std::string>> async_runtime::set(std::string_view cluster, std::string_view key,
                                                std::string_view value) const {
  return order({gate_, waited_}, set_setting{std::string{cluster}, std::string{key}, std::string{value}});
}

pending<result<std::string>> async_runtime::reset(std::string_view cluster) const {
  return order({gate_, waited_}, reset_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::reconnect(std::string_view cluster,
                                                      std::chrono::milliseconds spread) const {
  return order({gate_, waited_}, reconnect_pool{std::string{cluster}, spread});
}

pending<result<std::string>> async_runtime::disconnect(std::string_view cluster) const {
  return order({gate_, waited_}, disconnect_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::record(std::string_view cluster) const {
  return order({gate_, waited_}, record_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::shut_down(std::chrono::milliseconds within) const {
  return ask<done>({gate_, waited_, std::chrono::hours{25}}, {}, shut_down_pools{within, gate_->name()},
                   changed);
}

pending<result<std::string>> async_runtime::reload() const {
  return ask<done>({gate_, waited_, std::chrono::minutes{10}}, {}, reload_configuration{gate_->name()},
                   changed);
}

// --- events -------------------------------------------------------------------------------------------------------

pending<result<subscription>> async_runtime::subscribe(std::string_view cluster,
                                                       std::function<void(const event_record&)> callback,
                                                       event_filter wanted) const {
  if (!callback)
    return refused_call<result<subscription>>(gate_,
                                              {errc::invalid_request, "a subscription needs a callback"});
  // edge: the thread that withdraws it meets the client, which answers. Whichever comes first: after the
  // withdrawal no event is told.
  struct question {
    std::atomic<bool> open{true};
    std::function<void(result<subscription>)> answer; ///< the client's
  };
  auto asked = std::make_shared<question>();
  auto made = std::make_shared<subscription>();
  made->gate_ = gate_;
  made->number_ = gate_->next_call();
  made->callback_ = std::make_shared<callback_strand>(gate_->callbacks());
  event_sink to{std::move(callback), made->callback_, wanted};
  call_terms terms{.cluster = std::string{cluster}, .deadline = clock::now(), .waited = waited_};
  terms.withdraw = [asked, gate = gate_, strand = made->callback_, number = made->number_] {
    if (!asked->open.exchange(false))
      return;
    if (on_scheduler_thread())
      strand->close();
    else
      strand->end();
    gate->post([asked, number](client_state& client) {
      client.unwatch(number);
      if (auto answer = std::exchange(asked->answer, {}))
        answer(failure{errc::cancelled, "the subscription was cancelled before the answer came"});
    });
  };
  auto told = [made, asked](const result<void>& watched) {
    if (!asked->open.exchange(false) && watched)
      return; // the withdrawal answers
    if (auto answer = std::exchange(asked->answer, {})) {
      if (watched)
        answer(std::move(*made));
      else
        answer(watched.error());
    }
  };
  auto begin = [number = made->number_, asked, told, cluster = std::string{cluster},
                to = std::move(to)](client_state& client, auto give) mutable {
    asked->answer = give;
    client.watch(number, cluster, std::move(to), told);
  };
  return begin_call<result<subscription>>(gate_, std::move(terms), std::move(begin));
}

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    unsubscribe();
    gate_ = std::move(other.gate_);
    number_ = other.number_;
    callback_ = std::move(other.callback_);
  }
  return *this;
}

subscription::~subscription() {
  unsubscribe();
}

void subscription::unsubscribe() {
  auto callback = std::exchange(callback_, nullptr);
  auto gate = std::exchange(gate_, nullptr);
  if (callback && on_scheduler_thread())
    callback->close();
  else if (callback)
    callback->end();
  if (gate)
    gate->post([number = number_](client_state& client) { client.unwatch(number); });
}

} // namespace moorage
