// Openings: who needs one, its tries, and what becomes of what it opened.
#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"
#include "messages/permits.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

/// What a jump host on the way was refused for is latched there, seen to be mended there, and lifted there.
bool latches(const ssh_error& error) {
  return is_latching(error.kind) && error.stage != ssh_stage::connect;
}

} // namespace

/// Connections that are needed, and not open, on whichever machine: for the waiters, and to have `min_idle`
/// in reserve.
std::uint32_t pool_core::wanted_anywhere() const {
  auto channels = channels_.of(settings_.channels_per_connection);
  auto for_leases = (waiters_.for_leases() - waiters_.asking() + channels - 1) / channels;
  auto to_carry = (waiters_.to_be_carried() + settings_.carried_max - 1) / settings_.carried_max;
  // The same connections serve both.
  auto for_waiters = static_cast<std::uint32_t>(std::max(for_leases, to_carry));
  auto ready = static_cast<std::uint32_t>(idle_.size() - outlived_.size());
  auto in_reserve = !keeps_reserve() || ready >= settings_.min_idle ? 0 : settings_.min_idle - ready;
  return for_waiters + in_reserve;
}

/// With those of the waiters who ask for a machine.
std::uint32_t pool_core::wanted() const {
  std::size_t all = wanted_anywhere();
  for (const auto& machine : waiters_.machines_asked_for())
    all += needed_on(machine);
  return static_cast<std::uint32_t>(all);
}

/// What is opened for a machine is for those who ask for that, and what they do not need for all others; but
/// nothing else is for them.
openings_balance pool_core::balance() const {
  openings_balance result;
  auto anywhere = openings_.size();
  for (const auto& machine : waiters_.machines_asked_for()) {
    auto needed = needed_on(machine), under_way = std::min(needed, opening_for(machine));
    result.missing += needed - under_way;
    anywhere -= under_way;
  }
  std::size_t needed = wanted_anywhere();
  result.missing += needed - std::min(needed, anywhere);
  result.spare = anywhere - std::min(needed, anywhere);
  return result;
}

/// When an opening may begin, whoever needs it; `time_point::max()`: not before something else happens.
time_point pool_core::may_open_at() const {
  auto room = connections_.size() < settings_.pool_size;
  return !works() || !room ? time_point::max() : back_off_.may_open_at(!waiters_.empty());
}

/// How many more somebody needs than are under way, without being too many at once.
std::size_t pool_core::openings_lacking() const {
  std::size_t room = settings_.pool_size - std::min<std::size_t>(connections_.size(), settings_.pool_size);
  auto no_more_than = [&](std::size_t at_once) {
    room = std::min(room, at_once - std::min(openings_.size(), at_once));
  };
  if (settings_.connects_at_once > 0)
    no_more_than(settings_.connects_at_once);
  if (back_off_.on_trial())
    no_more_than(1);
  return room == 0 ? 0 : std::min(balance().missing, room);
}

void pool_core::open_new(permit_id permit) {
  connection_id id{next_connection_++};
  auto& c = connections_.emplace_hint(connections_.end(), id, connection{})->second;
  c.id = id;
  c.began = now_;
  c.asked_for = machine_to_open();
  ++count(connection_state::opening);
  attempt(c, permit);
}

void pool_core::attempt(connection& c, permit_id permit) {
  ++c.attempt;
  c.has_actor = true;
  c.awaits_permit = false;
  c.permit = permit;
  c.tried = now_;
  permits_.emplace(permit, c.id);
  refresh(c);
  ++counters_.openings;
  emit(open_connection{c.id, c.attempt, permit, choose_machine(c)});
  note(event_kind::opening, c.id, {}, which_try(c));
}

/// Each try is made only if somebody still needs it: a server that is down is not knocked at for nobody.
void pool_core::retry_due() {
  while (works() && !retries_.empty() && retries_.first().first <= now_) {
    auto& c = need(retries_.first().second);
    c.awaits_permit = true;
    refresh(c);
  }
  while (works() && !awaiting_.empty() && balance().spare > 0) {
    // The newest; but none that somebody waits for who asks for its machine, whoever else gave up.
    auto spare = std::find_if(awaiting_.rbegin(), awaiting_.rend(), [this](connection_id id) {
      const auto& machine = connections_.at(id).asked_for;
      return machine.empty() || opening_for(machine) > needed_on(machine);
    });
    if (spare == awaiting_.rend())
      return;
    give_up(need(*spare), {});
  }
}

/// Each becomes an event. As they may be shown.
std::vector<std::string> pool_core::warn(connection_id connection, const std::vector<std::string>& warnings) {
  std::vector<std::string> shown;
  for (const auto& warning : warnings) {
    shown.push_back(printable(warning, printable_whole));
    note(event_kind::warned, connection, {}, shown.back());
  }
  return shown;
}

std::string banner_in_words(const std::string& banner) {
  return banner.empty() ? std::string{}
                        : "the server says: " + printable(banner, banner_in_event_max, lines::many);
}

void pool_core::on(const connection_opened& event) {
  auto* c = find(event.connection);
  if (c == nullptr)
    return;
  auto warnings = warn(c->id, event.warnings);
  if (c->state != connection_state::opening || !c->has_actor)
    return;
  permit_over(*c, permit_use::let_in);
  found_machines(event.machines, event.files);
  move_to(*c, event.machine);
  machines_.opened(now_, event.machine, event.host_key);
  c->last_error = {};
  c->began = now_;
  certificate_.used(now_, event.certificate);
  c->age.opened(now_, settings_.connection_lifetime, random_);
  c->checks.opened(now_, pace(), random_);
  channels_.lapse(now_);
  c->channels = channels_;
  ++counters_.opened;
  openings_rate_.add(true);
  back_off_.opened(c->tried);
  latch_watch_.forgive();
  becomes_idle(*c);
  note(announce{event_kind::opened,
                c->id,
                {},
                banner_in_words(event.banner),
                removal_reason::none,
                event.steps,
                {},
                {},
                event.keys});
  said_ = {c->id, event.banner, std::move(warnings)};
}

/// A person has something to do: nobody else can go on with it.
void pool_core::on(const connection_waits& event) {
  auto* c = find(event.connection);
  if (c == nullptr || c->state != connection_state::opening || !c->has_actor)
    return;
  auto before = std::exchange(c->waits_for, printable(event.for_what, printable_whole));
  c->waits_until = after(now_, event.lasts);
  waits_changed_ = true;
  if (!c->waits_for.empty() && c->waits_for != before)
    note(event_kind::asking, c->id, {}, "waiting for " + c->waits_for);
}

/// By its jump, or by a server that is slow. One jump after the other may pass it on, so it is cut.
void pool_core::on(const connection_hindered& event) {
  auto* c = find(event.connection);
  if (c == nullptr || c->state != connection_state::opening || !c->has_actor)
    return;
  c->hindered = printable(event.why, hindrance_bytes_max);
  c->jump_failed = event.failed && !event.why.empty();
  c->steps = event.steps;
  c->stepped_at = now_;
  for (auto& step : c->steps)
    step.text = printable(step.text, hindrance_bytes_max);
}

void pool_core::on(const connection_failed& event) {
  auto* c = find(event.connection);
  if (c == nullptr)
    return;
  auto error = event.error;
  for (const auto& warning : warn(c->id, event.warnings))
    error.text += "; besides, " + warning; // who waits is told by the refusal, if it comes to that
  if (c->state == connection_state::closing) {
    // It crossed the order to close, which nobody is left to carry out.
    permit_over(*c, use_of(error));
    return on(connection_closed{c->id});
  }
  if (c->state == connection_state::opening && c->has_actor)
    try_failed(*c, error, event);
}

void pool_core::on(const connection_lost& event) {
  auto* c = find(event.connection);
  if (c == nullptr)
    return;
  if (c->state == connection_state::closing) {
    note(event_kind::closed, c->id, {}, {}, c->reason);
    return remove(*c, c->reason);
  }
  if (c->state == connection_state::opening) {
    permit_over(*c, use_of(event.error));
    ++counters_.open_failures;
    openings_rate_.add(false);
    note(announce{
        event_kind::open_failed, c->id, {}, to_string(event.error), removal_reason::none, {}, event.error});
    auto began = c->began;
    auto reason = cannot_connect(c->attempt, event.error);
    auto asked_for = c->asked_for;
    remove(*c, removal_reason::not_opened);
    return given_up(began, std::move(reason), event.error, {}, asked_for, false);
  }
  note(announce{event_kind::lost, c->id, {}, to_string(event.error), removal_reason::lost, {}, event.error});
  auto why = in_words(event.error);
  count_if_useless(*c, why);
  learn_idle_limit(*c, event.error.kind);
  cut_off(*c, {errc::connection_lost, "the connection to '" + settings_.name + "' was lost: " + why}, false);
  remove(*c, removal_reason::lost);
}

void pool_core::on(const connection_closed& event) {
  auto* c = find(event.connection);
  if (c == nullptr)
    return;
  if (c->state != connection_state::closing) // nobody asked for it
    return on(
        connection_lost{event.connection, {ssh_stage::session, ssh_failure::closed, "it closed by itself"}});
  note(event_kind::closed, c->id, {}, {}, c->reason);
  remove(*c, c->reason);
}

void pool_core::try_failed(connection& c, const ssh_error& error, const connection_failed& told) {
  ++counters_.open_failures;
  openings_rate_.add(false);
  c.has_actor = false;
  waits_changed_ = waits_changed_ || !c.waits_for.empty();
  c.waits_for.clear();
  c.hindered.clear();
  c.jump_failed = false;
  c.steps.clear();
  permit_over(c, use_of(error));
  found_machines(told.machines, told.files);
  move_to(c, {});
  c.last_error = error;
  c.failed_there = std::any_of(told.machines.begin(), told.machines.end(), [&c](const machine_seen& seen) {
    return seen.machine == c.asked_for && seen.found != machine_finding::listed;
  });
  // What latches the pool is told whole by the latch.
  auto what = latches(error) && !back_off_.latched() ? ssh_error{error.stage, error.kind, {}} : error;
  note(announce{event_kind::open_failed,
                c.id,
                {},
                which_try(c) + ": " + to_string(what),
                removal_reason::none,
                told.steps,
                error,
                {},
                told.keys});
  if (error.kind == ssh_failure::turned_away || error.kind == ssh_failure::denied_too_often)
    note(event_kind::turned_away, c.id, {},
         "a sign of a ban, or of too many log-ins: none begins for a while");
  auto retry = back_off_.retry_at(now_, error.kind, c.attempt, settings_.connect_tries, random_);
  if (!retry)
    return give_up(c, told.files);
  c.retry_at = *retry;
  refresh(c);
}

void pool_core::give_up(connection& c, const files_used& files) {
  auto began = c.began;
  auto reason = cannot_connect(c.attempt, c.last_error);
  auto error = c.last_error;
  auto asked_for = c.asked_for;
  auto of_machine = c.failed_there;
  close(c, removal_reason::not_opened);
  given_up(began, std::move(reason), error, files, asked_for, of_machine);
}

/// One opening's end is no reason to refuse waiters whom another connection can still serve, nor, when the
/// cause may pass, those who wait until it has.
void pool_core::given_up(time_point began, failure reason, const ssh_error& error, const files_used& files,
                         const std::string& asked_for, bool of_machine) {
  // One machine of several says nothing of the others, unless it would not have us log in.
  auto denied = error.kind == ssh_failure::denied || error.kind == ssh_failure::denied_too_often ||
                error.kind == ssh_failure::no_credentials ||
                error.kind == ssh_failure::known_hosts_unreadable;
  // An address that the name has not got does not come to it by waiting.
  auto passes =
      is_transient(error.kind) && (error.kind != ssh_failure::name_not_found || !settings_.hosts.empty());
  // Nor does the failure of a jump host say anything of the machines behind it, which none of them is booked,
  // whatever became of earlier tries there.
  of_machine = of_machine && machines_.several();
  if (!asked_for.empty() && (of_machine || !machines_.knows(asked_for)) && !denied)
    return given_up_on(asked_for, std::move(reason), passes);
  auto of_asked = reason;
  auto how_far = use_of(error) == permit_use::unreached ? back_off::reach::nobody : back_off::reach::site;
  if (latches(error))
    latch(std::move(reason), files);
  else if (!back_off_.latched())
    delay_openings(began, std::move(reason), how_far, {});
  if (servable() || !openings_.empty() || waiters_.empty()) {
    if (!asked_for.empty() && !back_off_.latched())
      given_up_on(asked_for, std::move(of_asked), passes);
    return;
  }
  if (back_off_.latched())
    return refuse_waiters(back_off_.latch());
  refuse_waiters(back_off_.reason(), is_transient(error.kind) ? whom::impatient : whom::all);
}

/// `more`: what those who watch were not told yet of the reason.
void pool_core::delay_openings(time_point began, failure reason, back_off::reach how_far,
                               const std::string& more) {
  if (!back_off_.failed(now_, began, std::move(reason), how_far, random_))
    return;
  auto alone = back_off_.may_open_at(false), waited_for = back_off_.may_open_at(true);
  note(
      event_kind::backing_off, {}, {},
      "next try in " + to_text(between(now_, alone)) +
          (waited_for < alone ? ", or in " + to_text(between(now_, waited_for)) + " if somebody waits" : "") +
          (more.empty() ? "" : "; " + more));
}

void pool_core::was_of_use(connection& c) {
  if (c.health.proves(now_, c.began, settings_.proving_time))
    back_off_.proved(c.began);
}

/// A connection that ends, without our wish, before it was of any use is no better than one that could not be
/// opened.
void pool_core::count_if_useless(const connection& c, const std::string& why) {
  if (back_off_.latched() || !c.health.useless(now_, c.began, settings_.proving_time, c.busy()))
    return;
  auto use = "was of no use: it ended " + to_text(between(c.began, now_)) + " after the log-in";
  delay_openings(c.began,
                 {errc::connect_failed, "the connection to '" + settings_.name + "' " + use + ": " + why},
                 back_off::reach::inside, to_string(c.id) + " " + use);
}

/// Trying again would be denied again, and sites ban those who do. Openings that wait for another try end; a
/// try that is under way is let end by itself.
void pool_core::latch(failure reason, const files_used& files) {
  if (back_off_.latched())
    return;
  if (reason.code == errc::auth_denied) // the other texts say what to mend
    reason.text += "; mend the credentials (user, key_files, or what the site has of your keys)";
  note(event_kind::latched, {}, {},
       "no further try until the settings or a file that log-ins use change, or the pool is reset: " +
           reason.text);
  back_off_.set_latch(std::move(reason));
  latch_watch_.latched(latched_for_host_keys() ? files.host_keys : files.credentials);
  std::vector<connection_id> waiting;
  for (const auto& retry : retries_)
    waiting.push_back(retry.second);
  waiting.insert(waiting.end(), awaiting_.begin(), awaiting_.end());
  for (auto id : waiting)
    close(need(id), removal_reason::not_opened);
}

bool pool_core::latched_for_host_keys() const {
  auto code = back_off_.latch().code;
  return code != errc::auth_denied && code != errc::no_credentials;
}

void pool_core::on(const credentials_seen& event) {
  auto of_host_keys = event.machines || (back_off_.latched() && latched_for_host_keys());
  if (of_host_keys && machines_.looked(now_, event.state))
    note(event_kind::changed, {}, {},
         "the files of known host keys have changed, so machines that were not trusted are tried again");
  if (event.machines)
    return;
  if (!latch_watch_.seen(event.state) || !back_off_.latched() || stopping_)
    return;
  back_off_.lift();
  note(event_kind::changed, {}, {},
       "a file that log-ins use has changed since they were given up, so they are tried again");
}

} // namespace moorage
