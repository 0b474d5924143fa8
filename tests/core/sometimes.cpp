#include "tests/core/sometimes.hpp"

#include <algorithm>

namespace moorage::test {

namespace {

using moment = sometimes::moment;

template <class Effect>
bool does(
    const moment& now, bool (*is)(const Effect&) = [](const Effect&) { return true; }) {
  return std::any_of(now.pool.effects.begin(), now.pool.effects.end(), [is](const pool_effect& effect) {
    const auto* found = std::get_if<Effect>(&effect);
    return found != nullptr && is(*found);
  });
}

template <class Event>
bool is(const moment& now) {
  return std::holds_alternative<Event>(now.event);
}

template <event_kind kind>
bool tells(const moment& now) {
  return does<announce>(now, [](const announce& e) { return e.what == kind; });
}

template <errc code>
bool refuses(const moment& now) {
  return does<refuse>(now, [](const refuse& e) { return e.reason.code == code; });
}

template <removal_reason why>
bool closes(const moment& now) {
  return does<close_connection>(now, [](const close_connection& e) { return e.reason == why; });
}

/// A grant at the very time of the deadline.
bool grants_at_the_last_moment(const moment& now) {
  return std::any_of(now.pool.effects.begin(), now.pool.effects.end(), [&](const pool_effect& effect) {
    const auto* given = std::get_if<grant>(&effect);
    return given != nullptr && now.pool.watch.requests()[given->request.value].deadline <= now.pool.now;
  });
}

bool leaves_alone(const moment& now) {
  return !tells<event_kind::backing_off>(now) && !now.pool.watch.on_trial();
}

bool does_write(const moment& now) {
  return does<write_recording>(now);
}

const std::vector<sometimes::row>& all_rows() {
  using enum event_kind;
  static const std::vector<sometimes::row> all{
      {"a latch", tells<latched>},
      {"a latch that is lifted since files have changed",
       [](auto& now) { return is<credentials_seen>(now) && now.was_latched && !now.pool.watch.latched(); }},
      {"a shed: an acquire is refused for overload", refuses<errc::overloaded>},
      {"the end of an overload", tells<relieved>},
      {"a move: the connection is lost before its lease was confirmed",
       [](auto& now) { return now.carried_unconfirmed && does<notify_holder>(now); }},
      {"a late grant: it is confirmed when it has been taken back",
       [](auto& now) { return is<lease_confirmed>(now) && now.lease_was_over; }},
      {"a grant at the last moment", grants_at_the_last_moment},
      {"a half-open end that is good: the trial is let in",
       [](auto& now) { return is<connection_opened>(now) && now.was_on_trial && leaves_alone(now); }},
      {"a half-open end that is bad: the trial fails",
       [](auto& now) { return now.was_on_trial && !is<time_passed>(now) && tells<backing_off>(now); }},
      {"a limit that is learnt: of idleness",
       [](auto& now) { return !is<channel_refused>(now) && tells<learnt>(now); }},
      {"a limit that is learnt: of channels",
       [](auto& now) { return is<channel_refused>(now) && tells<learnt>(now); }},
      {"a sign of a ban", tells<turned_away>},
      {"a log-in that waits for leave", tells<delayed>},
      {"leave that nobody needs any more",
       [](auto& now) {
         return is<permit_given>(now) &&
                does<return_permit>(now, [](const return_permit& e) { return e.use == permit_use::unused; });
       }},
      {"leave in use that a new giver is told of",
       [](auto& now) { return does<request_permit>(now, [](const request_permit& e) { return e.held; }); }},
      {"a drain that is undone while somebody waits for its end",
       [](auto& now) {
         return is<ordered<resume_pool>>(now) && now.was_draining && refuses<errc::cancelled>(now);
       }},
      {"a drain that cuts leases off at its deadline",
       [](auto& now) { return is<time_passed>(now) && now.was_draining && does<end_lease>(now); }},
      {"a drain's end", tells<drained>},
      {"a reconnect at once",
       [](auto& now) {
         return is<ordered<reconnect_pool>>(now) && closes<removal_reason::reconnected>(now);
       }},
      {"a reconnect that is spread",
       [](auto& now) { return is<time_passed>(now) && closes<removal_reason::reconnected>(now); }},
      {"one that fails every second check is closed", closes<removal_reason::flapping>},
      {"a lease that is held for too long is taken back",
       [](auto& now) { return tells<leaked>(now) && does<end_lease>(now); }},
      {"a probe that dies without a word",
       [](auto& now) { return is<time_passed>(now) && tells<probe_failed>(now); }},
      {"a lease that is given back twice", refuses<errc::already_released>},
      {"a lease that is given back when it had ended", refuses<errc::lease_ended>},
      {"a full queue", refuses<errc::queue_full>},
      {"an acquire that comes while the pool is suspended", refuses<errc::suspended>},
      {"a command is moved, since its channel is late",
       [](auto& now) { return is<channel_late>(now) && does<give_up_channel>(now); }},
      {"the machine slept, and who is open is asked",
       [](auto& now) { return is<machine_slept>(now) && does<start_probe>(now); }},
      {"the process stood still, and an acquire is what it finds first",
       [](auto& now) { return is<acquire_requested>(now) && now.late > std::chrono::minutes{1}; }},
      {"the process stood still, and what was due is done at last",
       [](auto& now) {
         return is<time_passed>(now) && now.late > std::chrono::minutes{1} && !now.pool.effects.empty();
       }},
      {"a recording is asked for", does_write},
      {"one is closed since the pool was made smaller", closes<removal_reason::shrunk>},
      {"a setting that there is not, or that cannot be so, is refused",
       [](auto& now) { return is<ordered<set_setting>>(now) && refuses<errc::invalid_settings>(now); }},
  };
  return all;
}

} // namespace

const std::vector<sometimes::row>& sometimes::rows() {
  return all_rows();
}

void sometimes::coming(const watched_pool& pool, const pool_event& event) {
  late_ = pool.due < pool.now ? pool.now - pool.due : std::chrono::nanoseconds{0};
  was_latched_ = pool.watch.latched();
  was_on_trial_ = pool.watch.on_trial();
  was_draining_ = pool.watch.state() == pool_state::draining;
  const auto& leases = pool.watch.leases();
  const auto& connections = pool.watch.connections();
  const auto* confirmed = std::get_if<lease_confirmed>(&event);
  lease_was_over_ = confirmed != nullptr && confirmed->lease.value < leases.size() &&
                    leases[confirmed->lease.value].known && !leases[confirmed->lease.value].live;
  const auto* lost = std::get_if<connection_lost>(&event);
  carried_unconfirmed_ = false;
  if (lost != nullptr && lost->connection.value < connections.size())
    for (auto lease : connections[lost->connection.value].live)
      carried_unconfirmed_ = carried_unconfirmed_ || !leases[lease.value].confirmed;
}

void sometimes::happened(const watched_pool& pool, const pool_event& event) {
  moment now{pool,          event,           was_latched_,         was_on_trial_,
             was_draining_, lease_was_over_, carried_unconfirmed_, late_};
  for (std::size_t i = 0; i < counts_.size(); ++i)
    counts_[i] += rows()[i].seen(now);
}

void sometimes::merge(const sometimes& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i)
    counts_[i] += other.counts_[i];
}

const std::set<event_kind>& events_not_of_the_core() {
  static const std::set<event_kind> all{event_kind::warned,     event_kind::internal,  event_kind::reloaded,
                                        event_kind::ending,     event_kind::node_lost, event_kind::node_back,
                                        event_kind::handed_over};
  return all;
}

} // namespace moorage::test
