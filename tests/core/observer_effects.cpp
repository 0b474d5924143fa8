// What the pool does, as the observer judges it. Every sentence here is a promise, and is seen broken once in
// planted_bugs.cpp.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;

void promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

template <class Book, class Tag>
Book& grown(std::vector<Book>& books, id<Tag> id) {
  if (id.value >= books.size())
    books.resize(id.value + 1);
  return books[id.value];
}

} // namespace

std::size_t observer::count(phase a, phase b) const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [&](const auto& c) { return c.now == a || c.now == b; }));
}

std::size_t observer::count_open(bool sound_only) const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(), [&](const auto& c) {
    return c.now == phase::open && !(sound_only && c.condemned);
  }));
}

bool observer::grantable(const connection_book& c) const {
  return c.now == phase::open && !c.condemned && c.in_use() < slots(c) &&
         (c.probe_failures == 0 || !c.busy()) && !c.late;
}

void observer::answered(request_id request) {
  promise(request.value < requests_.size() && requests_[request.value].known, "only requests are answered");
  promise(!requests_[request.value].answered, "a request is answered once");
  requests_[request.value].answered = true;
}

void observer::see(const open_connection& effect) {
  auto& c = grown(connections_, effect.connection);
  promise(!paused(), "a paused pool opens nothing");
  promise(!drains(), "a pool that drains opens nothing");
  auto others = count(phase::trying, phase::between_tries) - (effect.attempt > 1 ? 1u : 0u);
  promise(state_ != pool_state::suspended || others * slots(newcomer_) < waiting_.size() ||
              others * settings_.carried_max < to_be_carried_.size(),
          "a suspended pool opens for those who wait alone");
  promise(!stopping_ && !disconnected_now_, "a pool that is disconnected opens nothing by itself");
  promise(!latched_, "a latched pool knocks no more");
  if (effect.attempt > 1) {
    promise(c.now == phase::between_tries, "only a failed try is repeated");
    promise(effect.attempt == c.attempt + 1 && effect.attempt <= settings_.connect_tries,
            "an opening has three tries");
    promise(is_transient(c.failure), "only a passing failure is tried again");
    promise(now_ - c.failed >= (effect.attempt == 2 ? 800ms : 1600ms), "tries keep their distance");
  } else {
    promise(c.now == phase::unknown, "a connection's id is never used again");
    promise(settings_.connects_at_once == 0 ||
                count(phase::trying, phase::between_tries) < settings_.connects_at_once,
            "no more openings at once than allowed");
    promise(count(phase::trying, phase::between_tries) + count(phase::open, phase::closing) <
                settings_.pool_size,
            "no more connections than the pool's size, the closing ones counted");
    promise(now_ >= (waiters() == 0 ? not_before_alone_ : not_before_),
            "a pool backs off after an opening was given up");
    promise(!trial_ || count(phase::trying, phase::between_tries) == 0,
            "after a failure one trial at a time is made");
    c.began = now_;
  }
  use_permit(effect.permit, effect.connection);
  c.attempt = effect.attempt;
  c.tried = now_;
  c.now = phase::trying;
  c.waits_for.clear();
  c.hindered.clear();
}

void observer::see(const close_connection& effect) {
  auto& c = grown(connections_, effect.connection);
  promise(c.now == phase::open || c.opening(), "a connection is closed once");
  promise(c.live.empty(), "a connection with a lease is not closed");
  promise(c.asked.empty(), "a connection is not closed before it has said that the lease is over");
  check_reason(c, effect.reason);
  if (effect.reason == removal_reason::not_opened)
    gave_up(c, c.failure);
  if (effect.reason == removal_reason::probe_failures || effect.reason == removal_reason::flapping)
    ended_early(c);
  c.now = phase::closing;
  c.probe = {};
}

void observer::check_reason(const connection_book& c, removal_reason reason) const {
  auto idle = std::count_if(connections_.begin(), connections_.end(), [](const auto& x) { return x.idle(); });
  auto kept = false;
  switch (reason) {
  case removal_reason::probe_failures:
    kept = c.failed_too_often || c.probe_failures >= settings_.probe_failures_max;
    break;
  case removal_reason::flapping:
    kept = c.flapped;
    break;
  case removal_reason::lifetime:
    kept = c.idle() && now_ - c.opened >= settings_.connection_lifetime * 9 / 10;
    break;
  case removal_reason::idle:
    kept = c.idle() && static_cast<std::uint32_t>(idle) > settings_.min_idle;
    break;
  case removal_reason::shrunk:
    kept = count(phase::trying, phase::between_tries) + count_open(false) > settings_.pool_size;
    break;
  case removal_reason::evicted:
    kept = c.evicted;
    break;
  case removal_reason::abandoned:
    kept = c.abandoned;
    break;
  case removal_reason::discarded:
    kept = c.discarded;
    break;
  case removal_reason::settings:
    kept = c.other_transport;
    break;
  case removal_reason::disconnected:
    kept = disconnected_now_;
    break;
  case removal_reason::reconnected:
    kept = c.renew_by < time_point::max();
    break;
  case removal_reason::drained:
    kept = drains() && (c.opening() || c.idle());
    break;
  case removal_reason::made_room: // nobody asks for a machine in this world: see machine_lives.cpp
    break;
  case removal_reason::not_opened:
    kept = c.now == phase::between_tries;
    break;
  case removal_reason::lost:
  case removal_reason::count_:
    break;
  }
  promise(kept, "a connection is closed for the reason that is given");
}

void observer::see(const grant& effect) {
  auto place = std::find(waiting_.begin(), waiting_.end(), effect.request);
  promise(place != waiting_.end(), "a lease is granted to one who waits");
  auto& request = requests_[effect.request.value];
  promise(request.holder == effect.holder, "a lease goes to the holder who asked");
  promise(request.deadline > now_ || request.step == step_, "nobody is granted a lease after the deadline");
  promise(works(), "a pool that is paused, drained or stopping grants nothing");
  takes_turn(effect.request);
  auto& c = grown(connections_, effect.connection);
  promise(c.now == phase::open, "a lease is granted on an open connection");
  promise(!c.condemned, "a condemned connection takes no new lease");
  promise(c.in_use() < slots(c), "a slot is granted once until its end is known");
  promise(!c.late, "a connection that opens channels too late takes no new lease");
  promise(grantable(c), "a connection that failed its probe is not leased twice");
  check_choice(effect.connection);
  auto& l = grown(leases_, effect.lease);
  promise(!l.known, "a lease's id is never used again");
  l = {effect.connection, effect.holder, effect.request, now_, true, false, true, false, false};
  c.live.push_back(effect.lease);
  c.carried = true;
  c.unheard_since = std::min(c.unheard_since, now_);
  waiting_.erase(place);
  if (now_ - request.asked <= settings_.overload_target && in_vain_since_ != time_point::max())
    in_vain_since_ = now_;
  answered(effect.request);
}

/// Sound ones before doubtful ones, and among these the ones not under probe.
void observer::check_choice(connection_id chosen) const {
  auto badness = [](const connection_book& c) {
    return c.probe_failures > 0 ? 4 : c.doubted ? 3 : c.slow ? 2 : c.probe ? 1 : 0;
  };
  auto mine = badness(connections_[chosen.value]);
  for (const auto& c : connections_) {
    if (!grantable(c) || now_ - c.opened >= settings_.connection_lifetime * 9 / 10)
      continue;
    promise(mine < 2 || badness(c) >= mine, "a doubtful connection is granted last");
    promise(mine != 1 || badness(c) != 0, "a connection that is not under probe is preferred");
    // The pool does not tell those apart that do nearly as well.
    promise(mine > 1 || badness(c) != mine || connections_[chosen.value].rate + 0.3 >= c.rate,
            "the connection that did better is granted first");
  }
}

void observer::see(const refuse& effect) {
  answered(effect.request);
  promise(!effect.reason.text.empty(), "a refusal says why");
  const auto& request = requests_[effect.request.value];
  auto expected = std::find_if(answers_.begin(), answers_.end(),
                               [&](const expected_answer& a) { return a.request == effect.request; });
  if (!request.acquire) {
    promise(expected != answers_.end() && expected->code == effect.reason.code,
            "a request is answered with what became of it");
    return;
  }
  auto& list = request.carries ? to_be_carried_ : waiting_;
  list.erase(std::find(list.begin(), list.end(), effect.request));
  switch (effect.reason.code) {
  case errc::acquire_timeout:
    promise(request.deadline <= now_, "nobody is refused for the time before the deadline");
    return;
  case errc::queue_full:
    promise(waiters() >= settings_.queue_depth, "a queue is full only at its depth");
    return;
  case errc::overloaded:
    return refused_for_overload(request);
  case errc::unknown_cluster:
    promise(removed_, "only a pool whose cluster was removed says that there is none");
    return;
  case errc::stopping:
    promise(stopping_ && !removed_, "only a pool that is stopping says so");
    return;
  case errc::cancelled:
  case errc::disconnected:
  case errc::drained:
  case errc::suspended:
  case errc::cluster_removed:
    promise(expected != answers_.end() && expected->code == effect.reason.code,
            "only who withdrew, or was cut off, is told so");
    return;
  default:
    if (request.wait_for_ready && request.deadline <= now_)
      return; // the last error, instead of the time
    promise(count_open(true) == 0, "one opening's failure refuses nobody whom an open connection can serve");
    promise(latched_ || count(phase::trying, phase::between_tries) == 0,
            "one opening's failure refuses nobody whom another opening can serve");
    promise(latched_ || gave_up_now_, "nobody is refused for a failure that is not theirs");
    promise(!request.wait_for_ready || latched_ || fatal_now_,
            "who waits for the cluster to be ready is not refused for what may pass");
  }
}

void observer::see(const acknowledge& effect) {
  answered(effect.request);
  promise(!requests_[effect.request.value].acquire, "an acquire is answered with a lease or a refusal");
  auto expected = std::find_if(answers_.begin(), answers_.end(),
                               [&](const expected_answer& a) { return a.request == effect.request; });
  if (expected != answers_.end())
    return promise(expected->code == errc::none, "a request is answered with what became of it");
  for (auto p = pending_.begin(); p != pending_.end(); ++p) {
    if (p->first != effect.request)
      continue;
    for (std::uint64_t i = 0; i <= p->second.value && i < connections_.size(); ++i)
      promise(connections_[i].now == phase::unknown || connections_[i].now == phase::gone,
              "an end is acknowledged when nothing is left");
    pending_.erase(p);
    return;
  }
}

void observer::see(const end_lease& effect) {
  auto expected =
      std::find_if(ends_.begin(), ends_.end(), [&](const auto& e) { return e.lease == effect.lease; });
  promise(expected != ends_.end(), "a lease ends once, and for a reason");
  promise(leases_[effect.lease.value].connection == effect.connection, "a lease ends on its own connection");
  promise(expected->ask == effect.ask,
          "a connection is asked whether a command was cut off unless the holder let go");
  ends_.erase(expected);
}

void observer::see(const notify_holder& effect) {
  auto expected = std::find(notices_.begin(), notices_.end(), effect.lease);
  promise(expected != notices_.end(), "a holder is told once of what it did not do itself");
  promise(leases_[effect.lease.value].holder == effect.holder, "the one who held the lease is told");
  notices_.erase(expected);
}

void observer::see(const start_probe& effect) {
  auto& c = grown(connections_, effect.connection);
  promise(effect.probe.value > last_probe_, "a probe's id is never used again");
  promise(c.idle() || (c.now == phase::open && !c.condemned && c.in_question()),
          "only an idle connection, or one in doubt, is probed");
  promise(effect.run == (c.idle() && settings_.probe == probe_method::exec),
          "a probe runs a command only where no lease is, and only if that is the pool's way");
  promise(effect.timeout == settings_.probe_timeout, "a probe has the time that the settings give it");
  promise(!c.probe, "a connection has one probe at a time");
  auto probing =
      std::count_if(connections_.begin(), connections_.end(), [](const auto& x) { return !!x.probe; });
  promise(settings_.probes_at_once == 0 || probing < static_cast<long>(settings_.probes_at_once),
          "no more probes at once than allowed");
  check_turn(c);
  last_probe_ = effect.probe.value;
  c.checking = !c.in_doubt();
  c.silent_meanwhile = false;
  c.ordered = c.in_line = false;
  c.last = now_;
  c.unheard_since = std::min(c.unheard_since, now_);
  c.probe = effect.probe;
  c.probe_runs = effect.run;
  c.probe_by = now_ + settings_.probe_timeout + 1s;
}

void observer::check_expectations() {
  promise(ends_.empty(), "a lease that is over is fenced at once");
  promise(notices_.empty(), "a holder is told at once that its lease is over");
  promise(leaks_.empty(), "a lease that is held for too long is told of");
  promise(!late_ || !must_move_, "a command whose channel is late is moved where another connection is idle");
  for (const auto& a : answers_)
    promise(requests_[a.request.value].answered, "a request is answered at once");
  for (const auto& p : pending_) {
    auto left =
        std::any_of(connections_.begin(),
                    connections_.begin() +
                        static_cast<long>(std::min<std::uint64_t>(connections_.size(), p.second.value + 1)),
                    [](const auto& c) { return c.now != phase::unknown && c.now != phase::gone; });
    promise(left || !p.first, "an end is acknowledged as soon as nothing is left");
  }
  std::erase_if(pending_, [](const auto& p) { return !p.first; });
}

void observer::check_waiters(time_point next_due) const {
  for (const auto* list : {&waiting_, &to_be_carried_})
    for (auto request : *list) {
      promise(requests_[request.value].deadline > now_, "everybody is answered by the deadline");
      promise(next_due <= requests_[request.value].deadline, "the pool wakes up for each deadline");
    }
  promise(waiters() <= std::max<std::size_t>(settings_.queue_depth, waited_before_),
          "the queue is not deeper than its depth");
  if (waiters() == 0 || paused())
    return;
  for (const auto& c : connections_) {
    promise(waiting_.empty() || !grantable(c), "nobody waits while a slot is free");
    promise(to_be_carried_.empty() || !takes_carriage(c), "nobody waits while a connection has room for it");
  }
  auto openings = count(phase::trying, phase::between_tries);
  auto total = openings + count(phase::open, phase::closing);
  if (latched_)
    return promise(count_open(true) > 0 || now_ < looking_until_,
                   "nobody waits for a latched pool that cannot serve");
  auto room = (settings_.connects_at_once == 0 || openings < settings_.connects_at_once) &&
              (!trial_ || openings == 0) && total < settings_.pool_size;
  auto covered = (openings * settings_.channels_per_connection >= waiting_.size() &&
                  openings * settings_.carried_max >= to_be_carried_.size()) ||
                 wishes() > 0;
  promise(!room || covered || next_due <= std::max(now_, not_after_),
          "what the waiters need is being opened, or has its time");
}

void observer::check_connections(time_point next_due) const {
  for (const auto& c : connections_) {
    check_history(c);
    promise(c.now != phase::open || !c.condemned || c.busy(),
            "a condemned connection is closed when it is free");
    promise(!c.opening() || !c.condemned, "a condemned opening is closed");
    promise(c.now != phase::open || c.probe_failures < settings_.probe_failures_max || c.busy(),
            "a connection is closed when its probes have failed too often");
    promise(c.now != phase::between_tries ||
                (!latched_ && c.attempt < 3 && is_transient(c.failure) && !c.failed_on_trial),
            "an opening that is not tried again is given up");
  }
  auto live = count(phase::trying, phase::between_tries) + count_open(false);
  auto spare = std::any_of(connections_.begin(), connections_.end(),
                           [](const auto& c) { return c.idle() || c.opening(); });
  promise(live <= settings_.pool_size || !spare || next_due <= now_,
          "a pool that was made smaller keeps only what is leased");
}

void observer::check_status(const pool_status& status) const {
  std::size_t opening = 0, idle = 0, leased = 0, closing = 0, leases = 0, probing = 0;
  for (const auto& c : connections_) {
    opening += c.opening();
    idle += c.idle();
    leased += c.now == phase::open && !c.idle();
    closing += c.now == phase::closing;
    leases += c.live.size();
    probing += !!c.probe;
  }
  promise(status.opening == opening && status.idle == idle && status.leased == leased &&
              status.closing == closing && status.total == opening + idle + leased + closing,
          "the pool counts its connections right: total = opening + idle + leased + closing");
  promise(status.leases == leases && status.waiters == waiting_.size() + to_be_carried_.size() &&
              status.probing == probing,
          "the pool counts its leases, waiters and probes right");
  promise(fatal_idle_.count() == 0 ? status.idle_limit.count() == 0
                                   : status.idle_limit.count() > 0 && status.idle_limit <= idle_limit() + 1us,
          "the pool says how long it leaves a connection idle, which is no longer than it learnt");
  check_pauses(status);
  promise(status.state == state() && (status.latched.code != errc::none) == latched_,
          "the pool says whom it serves, and whether it is latched");
}

} // namespace moorage::test
