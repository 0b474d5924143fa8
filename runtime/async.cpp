#include "runtime/async.hpp"

#include <algorithm>

#include "runtime/begin_call.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/leading.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

using clock = pending_shared::clock;

struct asker {
  std::shared_ptr<client_gate> gate;
  bool waited;
  std::shared_ptr<known_nodes> nodes = {}; ///< those that it may be led to
  /// What is asked for, by itself; a day or more: nobody knows.
  std::chrono::milliseconds takes{0};

  clock::time_point deadline() const {
    return takes < std::chrono::hours{24} ? clock::now() + takes : clock::time_point::max();
  }
  /// The same where it may have to be connected to another node first.
  clock::time_point led_deadline() const {
    auto here = deadline();
    return here == clock::time_point::max() ? here : here + nodes->connect_timeout();
  }
};

/// Whatever is answered by more than `done` is a question.
template <class Answer>
constexpr bool asks_only = !std::is_same_v<Answer, done>;

/// What each node said of an order to every pool, by the nodes' addresses.
result<std::string> told_by_all(call_of_all<result<std::string>>::answers all) {
  failure refused;
  std::string text;
  for (const auto& [address, told] : all) {
    if (!told && refused.code == errc::none)
      refused.code = told.error().code;
    text += (text.empty() ? "" : "; ") + address + ": " + (told ? *told : told.error().text);
  }
  if (refused.code == errc::none)
    return text;
  refused.text = std::move(text);
  return refused;
}

/// One list of those of every node that can be reached.
template <class Item>
result<std::vector<Item>> list_of_all(typename call_of_all<result<std::vector<Item>>>::answers all) {
  auto some = std::any_of(all.begin(), all.end(), [](const auto& each) { return each.second.has_value(); });
  if (!some)
    return std::move(all.front().second);
  std::vector<Item> items;
  for (auto& [address, list] : all)
    if (list)
      items.insert(items.end(), std::make_move_iterator(list->begin()), std::make_move_iterator(list->end()));
  return items;
}

/// Asks the manager there, and gives what `change` makes of its answer.
template <class Answer, class Change>
auto ask_there(const asker& from, std::string cluster, caf::message request, Change change) {
  using given = decltype(std::declval<result<Answer>>().transform(change));
  call_terms terms{.cluster = std::move(cluster), .deadline = from.deadline(), .waited = from.waited};
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
  using given = decltype(std::declval<result<Answer>>().transform(change));
  auto name = std::string{cluster};
  auto message = caf::make_message(std::move(request));
  if (!from.nodes || cluster.empty())
    return ask_there<Answer>(from, std::move(name), std::move(message), std::move(change));
  return led_call<given>::begin(from.gate, from.nodes, {name, from.led_deadline(), {}, asks_only<Answer>},
                                [=, waited = from.waited, takes = from.takes](const auto& there, auto) {
                                  return ask_there<Answer>({there, waited, {}, takes}, name, message, change);
                                });
}

/// What has changed, in words.
std::string changed(done answer) {
  return std::move(answer.text);
}

failure name_one_node() {
  return {errc::invalid_request, "that is for one node, and this runtime knows several: connect to that one"};
}

/// Gives an order, in the host's name.
template <class Order>
pending<result<std::string>> order(const asker& from, Order what) {
  auto ask_there = [what, waited = from.waited, takes = from.takes](const auto& there, auto...) {
    return order({there, waited, {}, takes}, what);
  };
  if (from.nodes && what.cluster == every_pool && from.nodes->several())
    return call_of_all<result<std::string>>::begin(from.gate, from.nodes, ask_there, told_by_all);
  if (from.nodes && what.cluster != every_pool)
    return led_call<result<std::string>>::begin(from.gate, from.nodes, {what.cluster, from.led_deadline()},
                                                ask_there);
  call_terms terms{.cluster = what.cluster, .deadline = from.deadline(), .waited = from.waited};
  return begin_call<result<std::string>>(
      from.gate, std::move(terms), [what = std::move(what)](client_state& client, auto give) mutable {
        client.order(std::move(what),
                     [give](result<done> answer) { give(std::move(answer).transform(changed)); });
      });
}

} // namespace

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
  return ask_probe({gate_, waited_, nodes()}, lease ? lease.key() : lease_key{}, false,
                   [](const probe_answer& answer) { return answer.rtt; });
}

pending<result<probe_answer>> async_runtime::probe(const lease& lease) const {
  return ask_probe({gate_, waited_, nodes()}, lease ? lease.key() : lease_key{}, true,
                   [](probe_answer answer) { return answer; });
}

// --- clusters and administration ----------------------------------------------------------------------------------

pending<result<void>> async_runtime::register_cluster(cluster_settings settings) const {
  auto name = settings.name;
  return ask<done>({gate_, waited_, nodes()}, name,
                   moorage::register_cluster{std::move(settings), gate_->name()}, [](done) {});
}

pending<result<void>> async_runtime::remove_cluster(std::string_view cluster) const {
  return ask<done>({gate_, waited_, nodes()}, cluster,
                   moorage::remove_cluster{std::string{cluster}, gate_->name()}, [](done) {});
}

pending<result<std::vector<cluster_settings>>> async_runtime::clusters() const {
  auto ask_there = [waited = waited_](const std::shared_ptr<client_gate>& there) {
    return ask<cluster_list>({there, waited}, {}, list_clusters{},
                             [](cluster_list all) { return std::move(all.clusters); });
  };
  if (auto all = nodes(); all && all->several())
    return call_of_all<result<std::vector<cluster_settings>>>::begin(gate_, all, ask_there,
                                                                     list_of_all<cluster_settings>);
  return ask_there(gate_);
}

pending<result<std::vector<pool_status>>> async_runtime::pools() const {
  auto ask_there = [waited = waited_](const std::shared_ptr<client_gate>& there) {
    return ask<pool_list>({there, waited}, {}, get_pools{},
                          [](pool_list all) { return std::move(all.pools); });
  };
  if (auto all = nodes(); all && all->several())
    return call_of_all<result<std::vector<pool_status>>>::begin(gate_, all, ask_there,
                                                                list_of_all<pool_status>);
  return ask_there(gate_);
}

pending<result<pool_status>> async_runtime::pool(std::string_view cluster) const {
  return ask<pool_status>({gate_, waited_, nodes()}, cluster, get_pool{std::string{cluster}},
                          [](pool_status one) { return one; });
}

pending<result<std::vector<connection_status>>> async_runtime::connections(std::string_view cluster) const {
  return ask<connection_list>({gate_, waited_, nodes()}, cluster, get_connections{std::string{cluster}},
                              [](connection_list all) { return std::move(all.connections); });
}

pending<result<std::vector<lease_status>>> async_runtime::leases(std::string_view cluster) const {
  return ask<lease_list>({gate_, waited_, nodes()}, cluster, get_leases{std::string{cluster}},
                         [](lease_list all) { return std::move(all.leases); });
}

pending<result<std::vector<waiter_status>>> async_runtime::waiters(std::string_view cluster) const {
  return ask<waiter_list>({gate_, waited_, nodes()}, cluster, get_waiters{std::string{cluster}},
                          [](waiter_list all) { return std::move(all.waiters); });
}

pending<result<explanation>> async_runtime::explain(std::string_view cluster) const {
  return ask<explanation>({gate_, waited_, nodes()}, cluster, get_explanation{std::string{cluster}},
                          [](explanation why) { return why; });
}

pending<result<std::vector<event_record>>> async_runtime::errors(std::string_view cluster) const {
  return ask<error_list>({gate_, waited_, nodes()}, cluster, get_errors{std::string{cluster}},
                         [](error_list all) { return std::move(all.errors); });
}

pending<result<std::string>> async_runtime::pause(std::string_view cluster, bool keep) const {
  return order({gate_, waited_, nodes()}, pause_pool{std::string{cluster}, keep});
}

pending<result<std::string>> async_runtime::suspend(std::string_view cluster) const {
  return order({gate_, waited_, nodes()}, suspend_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::resume(std::string_view cluster, bool all) const {
  return order({gate_, waited_, nodes()}, resume_pool{std::string{cluster}, all});
}

pending<result<std::string>> async_runtime::drain(std::string_view cluster,
                                                  std::chrono::milliseconds within) const {
  // A later drain may give it more time, a day at most; a node that is gone is noticed by its link.
  return order({gate_, waited_, nodes(), std::chrono::hours{25}}, drain_pool{std::string{cluster}, within});
}

pending<result<std::string>> async_runtime::probe(std::string_view cluster) const {
  return order({gate_, waited_, nodes()}, probe_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::evict(std::string_view cluster, connection_id connection) const {
  return order({gate_, waited_, nodes()}, evict_connection{std::string{cluster}, connection});
}

pending<result<std::string>> async_runtime::revoke(std::string_view cluster, lease_id lease) const {
  return order({gate_, waited_, nodes()}, revoke_lease{std::string{cluster}, lease});
}

pending<result<std::string>> async_runtime::resize(std::string_view cluster, std::uint32_t size) const {
  return order({gate_, waited_, nodes()}, resize_pool{std::string{cluster}, size});
}

pending<result<std::string>> async_runtime::set(std::string_view cluster, std::string_view key,
                                                std::string_view value) const {
  return order({gate_, waited_, nodes()},
               set_setting{std::string{cluster}, std::string{key}, std::string{value}});
}

pending<result<std::string>> async_runtime::reset(std::string_view cluster) const {
  return order({gate_, waited_, nodes()}, reset_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::reconnect(std::string_view cluster,
                                                      std::chrono::milliseconds spread) const {
  return order({gate_, waited_, nodes()}, reconnect_pool{std::string{cluster}, spread});
}

pending<result<std::string>> async_runtime::disconnect(std::string_view cluster) const {
  return order({gate_, waited_, nodes()}, disconnect_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::record(std::string_view cluster) const {
  return order({gate_, waited_, nodes()}, record_pool{std::string{cluster}});
}

pending<result<std::string>> async_runtime::shut_down(std::chrono::milliseconds within) const {
  if (auto all = nodes(); all && all->several())
    return refused_call<result<std::string>>(gate_, name_one_node());
  return ask<done>({gate_, waited_, nodes(), std::chrono::hours{25}}, {},
                   shut_down_pools{within, gate_->name()}, changed);
}

pending<result<std::string>> async_runtime::reload() const {
  if (auto all = nodes(); all && all->several())
    return refused_call<result<std::string>>(gate_, name_one_node());
  return ask<done>({gate_, waited_, nodes(), std::chrono::minutes{10}}, {},
                   reload_configuration{gate_->name()}, changed);
}

// --- several nodes ------------------------------------------------------------------------------------------------

std::shared_ptr<known_nodes> async_runtime::nodes() const {
  return leads_ && gate_ ? gate_->nodes() : nullptr;
}

pending<result<cluster_place>> async_runtime::locate(locate_cluster what) const {
  auto cluster = what.cluster;
  return ask<cluster_place>({gate_, waited_}, cluster, std::move(what),
                            [](cluster_place place) { return place; });
}

pending<result<std::chrono::nanoseconds>> async_runtime::hand_over(hand_over_cluster order) const {
  order.by = gate_->name();
  auto cluster = order.cluster;
  return ask<cluster_handed_over>({gate_, waited_, {}, std::chrono::hours{25}}, cluster, std::move(order),
                                  [](const cluster_handed_over& left) { return left.budget_full_in; });
}

pending<result<std::string>> async_runtime::take_over(take_over_cluster order) const {
  order.by = gate_->name();
  auto cluster = order.cluster;
  return ask<done>({gate_, waited_}, cluster, std::move(order), changed);
}

} // namespace moorage
