// What was never sent is sent once more. Some servers close a connection when its last channel has closed,
// some just as the next command comes; that costs its user nothing as long as nothing has run: the lease goes
// on with another connection, acquired with what is left of the patience of its acquire, under the key that
// its owner knows.
//
// Only a lease under which nothing has run yet, so that nobody can tell the two apart; and only for a
// connection that the pool says it has lost, once, or for one whose server opens no more channels, or none in
// time, which the pool has learnt by then: the other one is another for certain.
#include <algorithm>
#include <utility>

#include "messages/durations.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

namespace {

/// How long the pool's word may take that a connection is lost, after a command on it was not sent.
constexpr std::chrono::seconds pool_word_time{1};
/// How often those who wait are looked at.
constexpr std::chrono::milliseconds parked_interval{100};

/// What is said of a command whose connection ended before it was sent.
bool for_want_of_connection(errc code) {
  return code == errc::connection_lost || code == errc::receiver_gone || code == errc::lease_ended;
}

} // namespace

/// Books the outcome of a command that was sent. True: it was not the last word, and the command is still
/// there.
bool client_state::goes_on(std::uint64_t call, command& what, outcome& ended) {
  auto now = self_->clock().now();
  ended.moves = what.moves.made();
  what.moves.tell_whole(ended.cause);
  auto found = leases_.find(what.lease);
  if (found == leases_.end())
    return false;
  auto& held = found->second;
  --held.under_way;
  auto unsent = ended.kind == outcome_kind::never_sent;
  held.used = held.used || !unsent;
  auto lacking = lacks_channel(ended.cause.code);
  auto for_want_of_channel = lacking && held.under_way == 0 && what.moves.may_go_on(now);
  if (unsent && what.once_more && !what.cancelled && !held.used &&
      (for_want_of_channel || for_want_of_connection(ended.cause.code))) {
    what.moves.go_on();
    what.once_more = for_want_of_channel;
    what.unsent = ended.cause;
    if (for_want_of_channel && !held.lost) {
      at_door([under = lease_key{what.lease.cluster, held.grant.lease}](auto& door) { door.release(under); });
      held.lost = true;
      held.loss = ended.cause;
    }
    park(call, what, held);
    return true;
  }
  if (unsent && (lacking || ended.cause.code == errc::command_timeout))
    ended.cause.text += what.moves.in_words(now);
  look_after(what.lease);
  return false;
}

/// It waits until the pool says that the connection is lost, and for another one.
void client_state::park(std::uint64_t call, command& what, held_lease& held) {
  what.parked = true;
  // Given up for a better one, it waits no longer than its patience, whoever is asked for that. (The pool
  // says so itself, and more.)
  auto now = self_->clock().now();
  auto until = lacks_channel(what.unsent.code) ? std::max(what.moves.waits_until(), now)
               : held.lost                     ? time_point::max()
                                               : now;
  what.parked_until = moorage::after(until, pool_word_time);
  held.parked.push_back(call);
  if (!std::exchange(watching_parked_, true))
    after(parked_interval, [](client_state& client) { client.watch_parked(); });
  look_after(lease_key{what.lease});
}

/// What is to be done for a lease whose connection has ended, once all that was sent under it is accounted
/// for.
void client_state::look_after(const lease_key& lease) {
  auto found = leases_.find(lease);
  if (found == leases_.end())
    return;
  auto& held = found->second;
  if (!held.lost || held.under_way > 0 || held.renewal != 0)
    return;
  if (held.used) {
    auto node = leases_.extract(found);
    let_go(node.mapped());
    is_lost(node.mapped(), node.mapped().loss);
  } else if (!held.parked.empty()) {
    renew(lease, held);
  }
}

void client_state::renew(const lease_key& lease, held_lease& held) {
  auto request = held.asked;
  request.call = held.renewal = gate_->next_call();
  // Of several that wait for it, the one with the most patience.
  auto now = self_->clock().now();
  auto by = [this](std::uint64_t call) -> const command_moves& { return find_command(call)->moves; };
  auto most = *std::max_element(held.parked.begin(), held.parked.end(),
                                [&by](auto a, auto b) { return by(a).waits_until() < by(b).waits_until(); });
  held.waited = by(most).waited(now);
  request.patience = by(most).patience(held.asked.patience, now);
  auto take = [this, lease](asked_acquire& asked, result<machine_grant> grant) {
    renewed(lease, asked, std::move(grant));
  };
  send_acquire(request.call, {request, held.machine, held.waited, now, take});
}

void client_state::renewed(const lease_key& lease, const asked_acquire& asked, result<machine_grant> grant) {
  auto found = leases_.find(lease);
  if (found == leases_.end())
    return; // it was released, and this is its own cancel's answer
  auto& held = found->second;
  held.renewal = 0;
  if (!grant) {
    auto node = leases_.extract(found);
    failure more{grant.error().code, "; nor was there another connection: " + grant.error().text};
    let_go(node.mapped(), more);
    auto why = node.mapped().loss;
    why.text += more.text;
    note_loss(lease, why);
    return is_lost(node.mapped(), why);
  }
  auto now = self_->clock().now();
  renewed_.erase({lease.cluster, held.grant.lease});
  renewed_.emplace(lease_key{lease.cluster, grant->lease}, lease);
  held.notes->is_on(grant->machine);
  held.notes->add({std::move(grant->banner), std::move(grant->warnings)});
  held.grant = std::move(*grant);
  held.waited = asked.waited + (now - asked.asked);
  held.since = now;
  held.lost = false;
  for (auto call : std::exchange(held.parked, {})) {
    auto* what = find_command(call);
    if (what == nullptr)
      continue;
    what->parked = false;
    what->request.timeout = what->moves.timeout_from(now);
    send(call, *what);
  }
}

/// `more`: what keeps them from another connection, which is then what they are refused for.
void client_state::refuse_parked(held_lease& held, const failure& more) {
  auto now = self_->clock().now();
  for (auto call : std::exchange(held.parked, {})) {
    auto* what = find_command(call);
    if (what == nullptr)
      continue;
    auto cause = what->unsent;
    cause.text += what->moves.in_words(now, true) + more.text;
    if (more.code != errc::none)
      cause.code = more.code;
    if (what->moves.timed_out(now))
      cause = what->moves.timed_out_waiting(now, what->unsent);
    end(call, {outcome_kind::never_sent, 0, {}, std::move(cause)});
  }
}

/// Nobody waits longer than a command's own time-out, or for a pool that has nothing to say.
void client_state::watch_parked() {
  auto now = self_->clock().now();
  watching_parked_ = false;
  for (auto& [lease, held] : leases_) {
    auto waiting = std::exchange(held.parked, {});
    for (auto call : waiting) {
      auto* what = find_command(call);
      if (what == nullptr)
        continue;
      auto cause = what->unsent;
      if (what->moves.timed_out(now))
        cause = what->moves.timed_out_waiting(now, cause);
      else if (what->parked_until > now) {
        held.parked.push_back(call);
        continue;
      } else {
        cause.text += what->moves.in_words(now, true);
      }
      end(call, {outcome_kind::never_sent, 0, {}, std::move(cause)});
    }
    watching_parked_ = watching_parked_ || !held.parked.empty();
  }
  if (watching_parked_)
    after(parked_interval, [](client_state& client) { client.watch_parked(); });
}

// --- a lease's end ------------------------------------------------------------------------------------------------

void client_state::tell(lease_lost& lost) {
  lease_key under{lost.cluster, lost.lease};
  auto other = renewed_.find(under);
  auto lease = other != renewed_.end() ? other->second : lease_key{under.cluster, under.lease, link_};
  auto found = leases_.find(lease);
  if (found == leases_.end() || found->second.grant.lease != lost.lease)
    return;
  note_loss(lease, lost.reason);
  auto& held = found->second;
  if (lost.reason.code != errc::connection_lost || held.used) {
    auto node = leases_.extract(found);
    let_go(node.mapped());
    return is_lost(node.mapped(), lost.reason);
  }
  held.lost = true;
  held.loss = lost.reason;
  for (auto call : held.parked)
    if (auto* what = find_command(call))
      what->parked_until = time_point::max();
  look_after(lease);
}

void client_state::note_loss(const lease_key& lease, const failure& why) {
  lost_.emplace_back(lease, why);
  if (lost_.size() > lost_leases_kept)
    lost_.pop_front();
}

/// It is not in the books any more, and its holder has not given it back.
void client_state::is_lost(held_lease& held, const failure& why) {
  for (const auto& to : std::exchange(held.on_lost, {}))
    to.tell(held.grant.cluster, why);
}

void client_state::watch_lease(const lease_key& lease, loss_sink to) {
  if (auto found = leases_.find(lease); found != leases_.end())
    return found->second.on_lost.push_back(std::move(to));
  auto known = std::find_if(lost_.rbegin(), lost_.rend(), [&](const auto& x) { return x.first == lease; });
  to.tell(lease.cluster, known != lost_.rend()      ? known->second
                         : lease.link != link_      ? failure{errc::node_lost, loss_}
                         : gone_.code != errc::none ? gone_
                                                    : lost_lease(lease));
}

/// The lease is not in the books any more.
void client_state::let_go(held_lease& held, const failure& why) {
  renewed_.erase({held.grant.cluster, held.grant.lease});
  if (held.renewal != 0)
    cancel_acquire_of(held.renewal);
  refuse_parked(held, why);
}

} // namespace moorage
