// The client of a node that goes away and comes back: what it says meanwhile, who may wait for it, and what
// begins anew. Who connects again is not the client's business (runtime/node/link_keeper.hpp).
//
// A node that came back is another process, or has forgotten us: no lease outlives its link, and since a new
// process numbers its leases as the old one did, each of ours is known by its link as well.
#include <algorithm>
#include <utility>
#include <vector>

#include "messages/durations.hpp"
#include "messages/exec.hpp"
#include "messages/exit_words.hpp"
#include "messages/settings.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

namespace {

/// How often the clock is looked at while somebody waits by it: no timer can be called off, and each holds up
/// the end of the actor system.
constexpr std::chrono::milliseconds clock_interval{100};

} // namespace

/// For what is asked when there is nobody to ask.
failure client_state::refusal() const {
  if (!away())
    return gone_;
  auto text = loss_ + " " + to_text(self_->clock().now() - lost_at_) +
              " ago, and moorage is trying to reach it again since then";
  if (!last_try_.text.empty())
    text += "; the last try: " + last_try_.text;
  return {errc::node_lost, text + ". An acquire with wait_for_ready waits for it"};
}

void client_state::lose(const caf::down_msg& down) {
  if (ending_) {
    gone_ = {errc::stopping, "the runtime has stopped"};
    fail_everything(failure{gone_});
    return;
  }
  loss_ = "the node went away (" + in_words(down.reason) + ")";
  gone_ = {errc::node_lost, loss_ + "; what ran on it may have run: " +
                                (on_loss_.reconnects ? "moorage tries to reach it again" : "connect again")};
  if (on_loss_.told)
    on_loss_.told(); // first: whoever hears of the loss finds it in `wait_for_loss` as well
  ++link_;
  lost_at_ = self_->clock().now();
  last_try_ = {};
  told_.clear();
  std::set<std::uint64_t> renewals; // end with their leases
  for (const auto& [lease, held] : leases_)
    renewals.insert(held.renewal);
  std::vector<decltype(acquires_)::node_type> kept;
  for (auto each = acquires_.begin(); each != acquires_.end();)
    if (auto here = each++; away() && here->second.request.wait_for_ready && !renewals.contains(here->first))
      kept.push_back(acquires_.extract(here));
  fail_everything(failure{gone_});
  for (auto& each : kept) {
    auto call = each.key();
    await_node(call, acquires_.insert(std::move(each)).position->second);
  }
  tell_watchers(event_kind::node_lost, loss_, true);
}

/// A try to reach it was in vain. That nobody listens is what everybody expects; something else is told.
void client_state::node_is_away(const failure& reason) {
  if (!away())
    return;
  last_try_ = reason;
  if (reason.code == errc::no_node || reason.text == told_)
    return;
  told_ = reason.text;
  tell_watchers(event_kind::node_lost, reason.text, false);
}

void client_state::node_is_back(const session_at_node& node) {
  if (!away())
    return;
  gone_ = {};
  node_.begin(node);
  says_arrived_ = false; // another session, which has counted nothing
  auto other = node_.version_in_words();
  tell_watchers(event_kind::node_back, "the node is there again" + (other.empty() ? "" : ", and is " + other),
                false);
  for (const auto& [number, entry] : watchers_)
    if (entry.subscribes)
      subscribe_again(number);
  ask_what_awaits();
}

// --- who waits by the clock ---------------------------------------------------------------------------------------

/// Of an acquire while there is no node, which alone could tell a cluster's own patience.
client_state::time_point client_state::deadline_of(const asked_acquire& entry) const {
  static const std::chrono::nanoseconds usual = cluster_settings{}.acquire_timeout;
  auto patience = entry.request.patience.count() < 0 ? usual : entry.request.patience;
  auto left = std::max(patience - entry.waited, std::chrono::nanoseconds{0});
  return entry.asked + std::min<std::chrono::nanoseconds>(left, longest_timeout);
}

void client_state::await_node(std::uint64_t call, asked_acquire& entry) {
  if (entry.request.patience.count() < 0) { // the cluster's own, of which only the node knows: it begins anew
    entry.waited = {};
    entry.asked = self_->clock().now();
  }
  awaiting_node_.emplace(deadline_of(entry), call);
  if (!watching_clock_)
    watch_clock();
}

void client_state::ask_what_awaits() {
  auto now = self_->clock().now();
  for (const auto& [until, call] : std::exchange(awaiting_node_, {})) {
    auto found = acquires_.find(call);
    if (found == acquires_.end())
      continue;
    auto& entry = found->second;
    entry.waited += now - entry.asked;
    entry.asked = now;
    auto lack = entry.machine.empty() ? failure{} : node_.lacks(node_door::machine_words);
    if (lack.code == errc::none)
      node_.acquire(entry.request, entry.waited, entry.machine);
    else if (auto node = acquires_.extract(call); !node.empty()) // it came back as an older one
      node.mapped().answer(node.mapped(), std::move(lack));
  }
}

void client_state::watch_deadline(std::chrono::nanoseconds left, std::weak_ptr<pending_shared> call) {
  // Most are answered long before, and are found out in numbers.
  if (deadlines_.size() >= deadlines_max_) {
    std::erase_if(deadlines_, [](const auto& each) { return each.second.expired(); });
    deadlines_max_ = std::max(deadlines_looked_at, 2 * deadlines_.size());
  }
  deadlines_.emplace(self_->clock().now() + left, std::move(call));
  if (!watching_clock_)
    watch_clock();
}

void client_state::watch_clock() {
  watching_clock_ = true;
  auto now = self_->clock().now();
  while (!awaiting_node_.empty() && awaiting_node_.begin()->first <= now) {
    auto call = awaiting_node_.extract(awaiting_node_.begin()).value().second;
    auto reason = away() ? refusal() : failure{errc::stopping, "the node is stopping, it says, and has not"};
    if (auto node = acquires_.extract(call); !node.empty())
      node.mapped().answer(node.mapped(), std::move(reason));
  }
  // The clock need not go on for calls that have their answer.
  if (deadlines_.size() <= deadlines_looked_at)
    std::erase_if(deadlines_, [](const auto& each) { return each.second.expired(); });
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    if (auto call = deadlines_.extract(deadlines_.begin()).mapped().lock())
      call->give_up();
  auto first = time_point::max();
  if (!awaiting_node_.empty())
    first = awaiting_node_.begin()->first;
  if (!deadlines_.empty())
    first = std::min(first, deadlines_.begin()->first);
  watching_clock_ = !awaiting_node_.empty() || !deadlines_.empty();
  if (watching_clock_)
    after(std::min<std::chrono::nanoseconds>(first - now, clock_interval),
          [](client_state& client) { client.watch_clock(); });
}

} // namespace moorage
