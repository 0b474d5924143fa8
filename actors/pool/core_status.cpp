// What the pool tells of itself, and whether its books agree with each other.
#include <algorithm>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/ensure.hpp"

namespace moorage {

pool_status pool_core::status(time_point now) const {
  now = std::max(now, now_);
  pool_status result;
  result.cluster = settings_.name;
  result.destination = (settings_.user.empty() ? "" : settings_.user + "@") + hosts_in_words(settings_) +
                       ":" + std::to_string(settings_.port);
  result.size = settings_.pool_size;
  result.total = static_cast<std::uint32_t>(connections_.size());
  result.opening = count(connection_state::opening);
  result.idle = count(connection_state::idle);
  result.leased = count(connection_state::leased);
  result.closing = count(connection_state::closing);
  result.leases = static_cast<std::uint32_t>(leases_.size());
  result.waiters = static_cast<std::uint32_t>(waiters_.size());
  result.probing = probing_;
  result.state = state();
  for (const auto& pause : pauses_)
    result.pauses.push_back({pause.holder, pause.by, pause.keep, between(pause.since, now)});
  result.machines = machines_.status(now);
  result.latched = back_off_.latch();
  result.backing_off = back_off_.reason();
  if (overload_.lasts())
    result.overloaded = overload_in_words();
  if (certificate_.ends()) {
    result.certificate = certificate_.in_words(now);
    result.certificate_left = certificate_.left(now);
  }
  result.log_ins_wait = delay_.why;
  if (!delay_.why.empty() && delay_.until != time_point::max())
    result.log_ins_wait_for = between(now, delay_.until);
  std::chrono::nanoseconds ages{0}, idles{0};
  std::uint32_t scores = 0;
  for (const auto& [id, c] : connections_) {
    if (c.open()) {
      ages += between(c.began, now);
      scores += c.past.score();
    }
    if (c.state == connection_state::idle)
      idles += between(c.idle_since, now);
  }
  if (auto open = result.idle + result.leased; open > 0) {
    result.average_age = ages / open;
    result.score = scores / open;
  }
  result.score = result.score * openings_rate_.percent() / 100;
  if (result.idle > 0)
    result.average_idle = idles / result.idle;
  result.counters = counters_;
  if (auto limit = idle_limit_.at(now); limit != std::chrono::nanoseconds::max())
    result.idle_limit = limit;
  result.acquire_latency = acquire_latency_.quantiles();
  result.probe_rtt = probe_rtt_.quantiles();
  return result;
}

std::vector<connection_status> pool_core::connections(time_point now) const {
  now = std::max(now, now_);
  std::vector<connection_status> result;
  result.reserve(connections_.size());
  for (const auto& [id, c] : connections_) {
    auto idle = c.state == connection_state::idle ? between(c.idle_since, now) : std::chrono::nanoseconds{0};
    auto suspect = c.health.probe() || c.health.doubted() || c.health.is_late() || c.health.failures() > 0 ||
                   c.past.slow();
    result.push_back({id, c.state, static_cast<std::uint32_t>(c.leases.size()),
                      static_cast<std::uint32_t>(c.carried.size()), c.health.failures(),
                      static_cast<bool>(c.health.probe()), c.condemned, c.leases_served,
                      between(c.began, now), idle, c.health.last_rtt(), c.past.usual_rtt(),
                      c.past.success_percent(), c.past.score(), suspect, c.waits_for, hindrance_of(c),
                      c.machine, c.past.outcomes(now)});
    auto& steps = result.back().steps = c.steps;
    if (!steps.empty())
      steps.back().took += between(c.stepped_at, now);
  }
  return result;
}

std::vector<lease_status> pool_core::leases(time_point now) const {
  now = std::max(now, now_);
  std::vector<lease_status> result;
  result.reserve(leases_.size());
  for (const auto& [id, l] : leases_)
    result.push_back({id, l.connection, l.holder, l.label, l.confirmed, between(l.granted, now)});
  return result;
}

std::vector<waiter_status> pool_core::waiters(time_point now) const {
  now = std::max(now, now_);
  std::vector<waiter_status> result;
  result.reserve(waiters_.size());
  for (auto place : waiters_.in_order()) {
    const auto& w = waiters_.at(place);
    result.push_back({w.request, w.holder, w.label, w.machine, static_cast<std::uint32_t>(result.size()),
                      between(w.asked, now), between(now, w.deadline)});
  }
  return result;
}

std::vector<connection_id> pool_core::with_actors() const {
  std::vector<connection_id> result;
  for (const auto& [id, c] : connections_)
    if (c.has_actor)
      result.push_back(id);
  return result;
}

std::vector<request_id> pool_core::unanswered() const {
  std::vector<request_id> result;
  for (const auto& each : pending_)
    if (each.request)
      result.push_back(each.request);
  return result;
}

void pool_core::verify() const {
  std::array<std::uint32_t, 4> counts{};
  std::uint32_t servable = 0, hanging = 0, probing = 0, checking = 0;
  std::size_t granting = 0, timers = 0;
  for (const auto& [id, c] : connections_) {
    ensure(id == c.id, "a connection is filed under its id");
    ++counts[static_cast<std::size_t>(c.state)];
    servable += c.servable;
    hanging += c.hangs();
    probing += static_cast<bool>(c.health.probe());
    checking += c.checking;
    granting += c.in_grants.listed();
    timers += c.in_timers.listed();
    verify_connection(c);
  }
  ensure(counts == counts_, "total = opening + idle + leased + closing");
  ensure(servable == servable_, "the servable connections are counted");
  ensure(probing == probing_ && checking == checking_, "the probes in flight are counted");
  ensure(granting == grantable_.size() && timers == timers_.size(), "an index holds nothing that is gone");
  ensure(idle_.size() == count(connection_state::idle), "every idle connection is listed as idle");
  ensure(openings_.size() == count(connection_state::opening), "every opening is listed");
  verify_leases();
  verify_waiters();
  verify_permits();
  verify_work();
  verify_drain();
  verify_pauses();
  ensure(hanging == hanging_, "the connections that hang are counted");
}

void pool_core::verify_connection(const connection& c) const {
  auto idle = c.state == connection_state::idle;
  ensure(c.has_actor || !c.open(), "an open connection has an actor");
  ensure(c.waits_for.empty() || (c.has_actor && c.state == connection_state::opening),
         "nobody but an opening waits for a person");
  ensure((c.state == connection_state::leased) == c.busy(), "exactly the leased connections carry anything");
  ensure(!c.condemned || c.state == connection_state::leased || c.state == connection_state::closing,
         "a condemned connection is closed as soon as it carries nothing");
  ensure(!c.health.probe() || c.open(), "only an open connection is under probe");
  ensure(!c.health.doubted() || c.health.probe() || c.probe_queued || c.condemned || !c.open(),
         "what is doubted is asked");
  ensure(c.servable == (c.open() && !c.condemned), "what is open and not condemned may serve");
  ensure(!needs_probe(c) || settings_.probe_interval.count() <= 0 ||
             (c.checks.due() > now_ && c.checks.due() != time_point::max()),
         "an open connection is checked sooner or later");
  auto grantable = c.in_grants.listed();
  ensure(!grantable || (c.open() && !c.condemned && (c.health.failures() == 0 || idle)),
         "a connection that is condemned, or doubtful and leased, is not granted");
  ensure(!grantable || c.in_use() < c.channels.of(settings_.channels_per_connection),
         "no slot is granted twice");
  auto takes = c.in_carriers.listed();
  ensure(!takes || (c.open() && !c.condemned && c.carried.size() < settings_.carried_max),
         "a connection that is condemned, or has no room, carries no more");
  auto k = keys_of(c);
  ensure(carriers_.agrees(c.in_carriers, k.carry), "the order of carrying agrees with the connection");
  ensure(grantable_.agrees(c.in_grants, k.grant), "the order of granting agrees with the connection");
  ensure(idle_.agrees(c.in_idle, k.idle), "the order of idleness agrees with the connection");
  ensure(retries_.agrees(c.in_retries, k.retry), "a try that is due is listed");
  ensure(openings_.agrees(c.in_openings, k.opening), "the openings are listed");
  ensure(outlived_.agrees(c.in_outlived, k.outlived), "what is to be replaced is listed");
  ensure(timers_.agrees(c.in_timers, k.timer), "a connection's next time is listed");
  ensure(doubts_.agrees(c.in_doubts, k.doubt) && checks_.agrees(c.in_checks, k.check),
         "who is to be asked is listed once");
}

void pool_core::verify_leases() const {
  ensure(leaks_due() > now_ || more_leaks_, "who holds a lease for long is told of");
  std::size_t held = 0, unconfirmed = 0, carried = 0;
  for (const auto& [id, c] : connections_) {
    held += c.leases.size();
    carried += c.carried.size();
    for (auto l : c.leases)
      ensure(leases_.count(l) == 1 && leases_.at(l).connection == id,
             "a connection carries leases that exist");
    for (auto l : c.ending)
      ensure(leases_.count(l) == 0, "a lease that was taken back is over");
  }
  for (const auto& [id, l] : leases_) {
    ensure(leases_of_.count({l.holder, id}) == 1, "a lease is known to its holder");
    unconfirmed += !l.confirmed;
    ensure(l.confirmed == (unconfirmed_.count(id) == 0), "an unconfirmed lease is watched");
    ensure(l.confirmed || after(l.granted, confirm_timeout) > now_ || more_unconfirmed_,
           "a grant that nobody confirms is taken back in time");
  }
  ensure(carried == carried_, "what is carried is counted");
  ensure(held == leases_.size(), "a lease belongs to exactly one connection");
  ensure(leases_of_.size() == leases_.size(), "a lease has exactly one holder");
  ensure(unconfirmed_.size() == unconfirmed, "nothing is watched that is confirmed");
  ensure(counters_.grants == counters_.releases + counters_.reclaimed + leases_.size(),
         "a lease ends once: released or reclaimed");
  ensure(counters_.acquires == counters_.grants + counters_.carriages + counters_.timeouts +
                                   counters_.cancelled + counters_.refusals + waiters_.size(),
         "an acquire is answered once");
}

void pool_core::verify_waiters() const {
  for (const auto& [place, w] : waiters_)
    ensure(w.deadline > now_ || more_expired_, "nobody waits beyond the deadline");
  waiters_.verify();
  verify_machines();
  auto next = may_grant() ? waiters_.turn(true, machines_that_grant()) : 0;
  ensure(next == 0 || waiters_.at(next).deadline <= now_, "nobody waits while a slot may be granted");
  ensure(!may_carry() || waiters_.to_be_carried() == 0 ||
             waiters_.at(waiters_.first_to_be_carried()).deadline <= now_,
         "nobody waits to be carried while a connection has room");
  ensure(!stopping_ || waiters_.empty(), "nobody waits for a pool that is stopping");
  ensure(waiters_.empty() || dooms_all() || !back_off_.latched() || servable() || latch_watch_.until() > now_,
         "nobody waits for a pool that cannot serve");
  ensure(!overload_.lasts() || (waiters_.for_leases() > waiters_.asking() && works() && servable()),
         "a pool is overloaded only while somebody waits that it could serve");
  ensure(overload_.begins_at(overload_bounds()) > now_, "overload begins in time");
}

/// What ought to be done is under way, or has its time.
void pool_core::verify_work() const {
  ensure(live() <= settings_.pool_size || (idle_.empty() && openings_.empty()) || shrinking_,
         "a pool that was made smaller keeps only what is leased");
  ensure(back_off_.may_open_at(true) <= now_ || back_off_.hindrance(now_).code != errc::none,
         "a pool backs off for a reason");
  ensure(!works() || retries_.empty() || retries_.first().first > now_, "a try that is due is made");
  ensure(timers_.empty() || timers_.first().first > now_, "what falls due is done");
  ensure(!stopping_ || (live() == 0 && leases_.empty()),
         "a pool that is stopping has only closing connections");
}

} // namespace moorage
