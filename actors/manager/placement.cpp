// Clusters that are on other nodes, and those that move: see messages/placement.hpp.
#include <algorithm>
#include <caf/all.hpp>

#include "actors/manager/manager.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

/// Where nobody can say what is left of the budget: as if all was taken.
std::chrono::nanoseconds whole_budget(const cluster_settings& of) {
  return of.log_ins_per_minute == 0
             ? std::chrono::nanoseconds{0}
             : std::chrono::nanoseconds{std::chrono::minutes{1}} / of.log_ins_per_minute * of.pool_size;
}

template <class Answer, class Given>
void give(caf::typed_response_promise<Answer>& promise, Given&& given) {
  promise.deliver(std::forward<Given>(given));
}

permit_request terms_of(const cluster_settings& of) {
  permit_request terms;
  terms.host = of.host;
  terms.port = of.port;
  terms.pool_size = of.pool_size;
  terms.log_ins_per_minute = of.log_ins_per_minute;
  return terms;
}

} // namespace

/// At first sight; a cluster that was placed stays where it is until it is moved.
void manager_actor_state::place(cluster_settings settings) {
  auto name = settings.name;
  if (world_.nodes.has(settings)) {
    start_pool(name, clusters_.insert_or_assign(name, entry{std::move(settings)}).first->second);
    return;
  }
  auto node = world_.nodes.node_of(settings);
  elsewhere_.insert_or_assign(name, placed_elsewhere{std::move(settings), std::move(node)});
}

failure manager_actor_state::why_elsewhere(const std::string& cluster, const std::string& node) const {
  return {errc::elsewhere, "'" + cluster + "' is on " + world_.nodes.in_words(node) + ", not on this one"};
}

/// Settings of a cluster that is on another node are kept for when it comes here. False: it is not.
bool manager_actor_state::note_elsewhere(const cluster_settings& settings,
                                         caf::typed_response_promise<done>& promise) {
  auto found = elsewhere_.find(settings.name);
  if (found == elsewhere_.end()) {
    if (clusters_.contains(settings.name) || world_.nodes.has(settings))
      return false;
    place(settings);
    found = elsewhere_.find(settings.name);
  }
  found->second.settings = settings;
  promise.deliver(done{"it is on " + world_.nodes.in_words(found->second.node)});
  return true;
}

void manager_actor_state::locate(const locate_cluster& request, place_promise promise) {
  if (!request.node.empty()) {
    if (auto wrong = world_.nodes.check_target(request.node); wrong.code != errc::none)
      return give(promise, make_error(wrong));
    return give(promise, world_.nodes.place(request.cluster, request.node));
  }
  if (auto away = elsewhere_.find(request.cluster); away != elsewhere_.end())
    return give(promise, world_.nodes.place(request.cluster, away->second.node));
  auto here = clusters_.find(request.cluster);
  if (here == clusters_.end())
    return give(promise, unknown(request.cluster));
  const auto& it = here->second;
  auto place = world_.nodes.place(request.cluster, it.leaving_to.empty() ? world_.nodes.own : it.leaving_to);
  place.begun = !it.awaited;
  give(promise, place);
}

// --- from here to there

void manager_actor_state::hand_over(const hand_over_cluster& order, hand_over_promise promise) {
  if (auto wrong = world_.nodes.check_target(order.to); wrong.code != errc::none)
    return give(promise, make_error(wrong));
  if (auto away = elsewhere_.find(order.cluster); away != elsewhere_.end() && order.to != world_.nodes.own) {
    away->second.node = order.to;
    return tell_budget(away->second.settings, promise);
  }
  auto here = clusters_.find(order.cluster);
  if (here == clusters_.end() || stopping_)
    return give(promise, unknown(order.cluster));
  if (order.to == world_.nodes.own)
    return give(promise, make_error(errc::invalid_request, "'" + order.cluster + "' is on this node"));
  auto& leaving_to = here->second.leaving_to;
  if (!leaving_to.empty() && leaving_to != order.to)
    return give(promise,
                make_error(errc::invalid_request, "'" + order.cluster + "' is being handed over to " +
                                                      world_.nodes.in_words(leaving_to) +
                                                      ", which its resume calls off while it drains"));
  if (leaving_to.empty())
    tell_subscribers(order.cluster, event_kind::handed_over, "to " + world_.nodes.in_words(order.to),
                     order.by);
  leaving_to = order.to;
  ++here->second.leaving;
  self_
      ->request(here->second.pool, caf::infinite, drain_pool{order.cluster, order.within, order.by},
                order_sender{})
      .then([this, name = order.cluster, to = order.to,
             promise](const done&) mutable { drained_for(name, to, promise); },
            [this, name = order.cluster, promise](caf::error& error) mutable {
              if (auto stays = clusters_.find(name); stays != clusters_.end())
                if (auto& it = stays->second; it.leaving > 0 && --it.leaving == 0)
                  it.leaving_to.clear();
              promise.deliver(std::move(error));
            });
}

void manager_actor_state::drained_for(const std::string& cluster, const std::string& to,
                                      hand_over_promise promise) {
  if (auto node = clusters_.extract(cluster); !node.empty()) {
    auto& left = node.mapped();
    end_pool(remove_cluster{cluster, {}}, left.pool, [] {});
    elsewhere_.insert_or_assign(cluster, placed_elsewhere{std::move(left.settings), to});
  }
  // Else another order of the same was answered first.
  auto away = elsewhere_.find(cluster);
  if (away == elsewhere_.end())
    return give(promise, make_error(errc::cluster_removed, "'" + cluster + "' was removed meanwhile"));
  tell_budget(away->second.settings, promise);
}

void manager_actor_state::tell_budget(const cluster_settings& of, hand_over_promise promise) {
  self_->request(permits_, caf::infinite, get_budget{of.host, of.port})
      .then(
          [promise, name = of.name](const site_budget& left) mutable {
            promise.deliver(cluster_handed_over{name, left.full_in});
          },
          [promise, name = of.name, all = whole_budget(of)](caf::error&) mutable {
            promise.deliver(cluster_handed_over{name, all}); // a bug ended who gives permits
          });
}

// --- from there to here

void manager_actor_state::take_over(const take_over_cluster& order,
                                    caf::typed_response_promise<done> promise) {
  if (auto wrong = world_.nodes.check_target(world_.nodes.own); wrong.code != errc::none)
    return give(promise, make_error(wrong));
  if (auto away = elsewhere_.find(order.cluster); away != elsewhere_.end() && !stopping_) {
    if (shutting_down_ > 0)
      return give(promise,
                  make_error(errc::stopping, "the pools are being shut down, and no new cluster is taken"));
    tell_subscribers(order.cluster, event_kind::handed_over,
                     "from " + world_.nodes.in_words(away->second.node), order.by);
    entry fresh{std::move(elsewhere_.extract(away).mapped().settings)};
    fresh.awaited = true;
    auto at = clusters_.insert_or_assign(order.cluster, std::move(fresh)).first;
    start_pool(at->first, at->second);
  }
  auto here = clusters_.find(order.cluster);
  if (here == clusters_.end() || stopping_)
    return give(promise, unknown(order.cluster));
  auto& it = here->second;
  if (it.settings.node.empty())
    return give(promise,
                make_error(errc::invalid_request, "'" + order.cluster +
                                                      "' is on every node of the site, since its "
                                                      "configuration gives it no node, and cannot be moved"));
  if (!it.leaving_to.empty())
    return give(promise, make_error(errc::invalid_request,
                                    "'" + order.cluster + "' is being handed over to " +
                                        world_.nodes.in_words(it.leaving_to) + "; wait for that"));
  if (!it.awaited || !order.begin)
    return give(promise, done{it.awaited ? "awaited" : "it is here"});
  it.awaited = false;
  self_->send(permits_, join_budget{terms_of(it.settings), order.budget_full_in});
  caf::anon_send(it.pool, register_cluster{it.settings, {}}); // with its reserve
  promise.delegate(it.pool, resume_pool{order.cluster, false, order.by}, order_sender{});
}

/// Whatever its pool was resumed by, it would open what the other node has open still.
void manager_actor_state::pass_on(resume_pool& order, order_sender& sender,
                                  caf::typed_response_promise<done> promise) {
  auto found = clusters_.find(order.cluster);
  if (found == clusters_.end())
    promise.deliver(unknown(order.cluster));
  else if (found->second.awaited)
    promise.deliver(make_error(errc::invalid_request, "'" + order.cluster +
                                                          "' is awaited from another node: what moves it "
                                                          "begins it here; move it again if that was cut "
                                                          "short"));
  else
    promise.delegate(found->second.pool, std::move(order), std::move(sender));
}

} // namespace moorage
