// Machines: on which one a connection is, where the next is opened, and those who ask for one of them.
//
// Who asks for a machine waits in the same turns as all others, and is passed over while that has no slot. A
// connection is opened there for it; where the pool is full, one of another machine makes room, once it is
// the turn of who asks: an idle one is closed, else the one with the fewest leases takes no new one while
// somebody waits so.
#include <algorithm>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"
#include "messages/printable.hpp"

namespace moorage {

/// As the settings have them. What is behind a jump or a proxy command has no address here.
void pool_core::know_machines() {
  const auto& s = settings_;
  if (!s.hosts.empty())
    return machines_.is_made_of(s.hosts, true);
  auto elsewhere = !s.jump.empty() || !s.proxy_command.empty();
  if (elsewhere && !s.host.empty())
    machines_.is_made_of({s.host}, true);
  else
    machines_.is_made_of({}, false);
}

/// Where it is, or heads for.
void pool_core::move_to(connection& c, const std::string& machine) {
  if (c.machine == machine)
    return;
  machines_.left(now_, c.machine);
  c.machine = machine;
  machines_.joined(machine);
}

void pool_core::found_machines(const std::vector<machine_seen>& machines, const files_used& files) {
  // Of each machine that the name stands for, and of each that failed: what failed is told last.
  std::size_t listed = 0, failed = 0;
  std::vector<machine_seen> seen;
  for (const auto& each : machines)
    if (++(each.found == machine_finding::listed ? listed : failed) <= machines_max)
      seen.push_back({each.machine, each.found, printable(each.text, printable_whole), each.code});
  machines_.found(now_, seen, files.host_keys);
}

/// For a try that begins now.
machine_choice pool_core::choose_machine(connection& c) {
  auto choice = machines_.choose(now_, settings_.spread);
  choice.only = c.asked_for;
  auto heads_for = !choice.only.empty() ? choice.only : choice.first.empty() ? "" : choice.first.front();
  move_to(c, heads_for);
  machines_.tried(now_, heads_for);
  return choice;
}

/// Looks at the connections that could be granted, best first; only for those who ask for a machine.
connection_id pool_core::grantable_on(const std::string& machine) const {
  for (const auto& rank : grantable_)
    if (connections_.at(rank.connection).machine == machine)
      return rank.connection;
  return {};
}

bool pool_core::servable_on(const std::string& machine) const {
  return std::any_of(connections_.begin(), connections_.end(), [&machine](const auto& each) {
    return each.second.servable && each.second.machine == machine;
  });
}

/// Of those that are asked for.
std::vector<std::string> pool_core::machines_that_grant() const {
  if (waiters_.asking() == 0 || !may_grant())
    return {};
  auto asked = waiters_.machines_asked_for();
  std::erase_if(asked, [this](const auto& each) { return !grantable_on(each); });
  return asked;
}

std::size_t pool_core::opening_for(const std::string& machine) const {
  std::size_t count = 0;
  for (auto id : openings_)
    count += connections_.at(id).asked_for == machine;
  return count;
}

/// Connections that those need who ask for this machine; while it may not be gone to, no more than are being
/// opened for them.
std::size_t pool_core::needed_on(const std::string& machine) const {
  auto channels = channels_.of(settings_.channels_per_connection);
  auto needed = (waiters_.asking_for(machine) + channels - 1) / channels;
  return machines_.may_open_at(machine) <= now_ ? needed : std::min(needed, opening_for(machine));
}

/// Those that are asked for where one more connection is needed than is being opened, and may be opened.
std::vector<std::string> pool_core::machines_lacking() const {
  auto lacking = waiters_.machines_asked_for();
  std::erase_if(lacking, [this](const auto& each) { return needed_on(each) <= opening_for(each); });
  return lacking;
}

/// For the next opening; empty: any. While one opening at a time is tried, that is for those who take any.
std::string pool_core::machine_to_open() const {
  if (waiters_.asking() == 0 || (back_off_.on_trial() && waiters_.asking() < waiters_.size()))
    return {};
  auto next = waiters_.turn(false, machines_lacking());
  return next == 0 ? std::string{} : waiters_.at(next).machine;
}

/// Refuses who asks for a machine that is none of the cluster's, or may not be gone to.
bool pool_core::may_wait_for(const acquire_requested& event) {
  auto wrong = [&](errc code, const std::string& text) {
    refuse_acquire(event.request, {code, text});
    return false;
  };
  auto named = "'" + printable(event.machine) + "'";
  if (!machines_.may_have(event.machine) || event.machine.size() > 255)
    return wrong(errc::unknown_machine,
                 "'" + settings_.name + "' has no machine " + named +
                     (machines_.in_words().empty() ? "" : "; it has " + machines_.in_words()));
  // A latched pool looks itself.
  if (!machines_.distrusts(event.machine) || servable_on(event.machine) || back_off_.latched())
    return true;
  if (machines_.ask(now_))
    emit(look_at_credentials{true, true});
  if (machines_.looks_until() > now_ && (event.deadline == cluster_deadline || event.deadline > now_))
    return true;
  refuse_acquire(event.request, distrusted(event.machine));
  return false;
}

failure pool_core::distrusted(const std::string& machine) const {
  return {machines_.distrusted_as(machine),
          "no connection is opened to '" + printable(machine) + "' of '" + settings_.name +
              "' until the files of known host keys change, or the pool is reset: " +
              machines_.trouble_of(machine)};
}

/// Those who wait for a machine whose host key is not trusted: another's opening may have found that out, or
/// it was seen that nothing was mended.
void pool_core::refuse_distrusted() {
  if (waiters_.asking() == 0 || machines_.looks_until() > now_ || back_off_.latched())
    return;
  for (const auto& machine : waiters_.machines_asked_for()) {
    if (!machines_.distrusts(machine) || servable_on(machine) || dooms(machine))
      continue;
    auto tried = std::any_of(openings_.begin(), openings_.end(), [this, &machine](connection_id id) {
      const auto& c = connections_.at(id);
      return c.asked_for == machine && c.has_actor; // which tells them itself
    });
    if (!tried)
      refuse_waiters(distrusted(machine), whom::of_machine, machine);
  }
}

/// An opening for those who ask for this machine was given up: no reason for others to wait.
void pool_core::given_up_on(const std::string& machine, failure reason, bool may_pass) {
  if (waiters_.asking_for(machine) == 0 || servable_on(machine) || opening_for(machine) > 0)
    return;
  if (dooms(machine))
    return; // they are being refused already
  refuse_waiters(std::move(reason), may_pass ? whom::impatient_of_machine : whom::of_machine, machine);
}

/// Those whom a latched pool has nothing to serve with, though others may be served.
void pool_core::refuse_in_vain() {
  if (!back_off_.latched() || waiters_.empty() || latch_watch_.until() > now_)
    return;
  if (!servable() && !dooms_all())
    return refuse_waiters(in_vain());
  for (const auto& machine : waiters_.machines_asked_for())
    if (!servable_on(machine) && !dooms(machine))
      refuse_waiters(in_vain(), whom::of_machine, machine);
}

/// True: another one may be granted again.
bool pool_core::hold_back(connection_id which) {
  if (held_back_ == which)
    return false;
  auto before = std::exchange(held_back_, which);
  for (auto id : {before, which})
    if (auto* c = find(id))
      refresh(*c);
  return static_cast<bool>(before);
}

/// One connection at a time: whoever needs a second waits until the first has gone and come back. True: what
/// was held back may be granted again.
bool pool_core::make_room() {
  auto full = works() && waiters_.asking() > 0 && connections_.size() >= settings_.pool_size &&
              back_off_.may_open_at(true) <= now_;
  auto lacking = full ? machines_lacking() : std::vector<std::string>{};
  // Nobody's connection ends for what may be a slip of the pen.
  std::erase_if(lacking, [this](const auto& each) { return !machines_.knows(each); });
  auto next = lacking.empty() ? 0 : waiters_.turn(true, lacking);
  if (next == 0 || waiters_.at(next).machine.empty())
    return hold_back({});
  if (count(connection_state::closing) > 0)
    return false;
  const auto& wanted = waiters_.at(next).machine;
  connection* least = nullptr;
  for (auto& [id, c] : connections_) {
    if (!c.open() || c.machine == wanted || (c.condemned && c.busy()))
      continue;
    if (least == nullptr || c.in_use() + c.carried.size() < least->in_use() + least->carried.size())
      least = &c;
  }
  if (least == nullptr)
    return hold_back({});
  if (least->busy())
    return hold_back(least->id);
  const bool let_go = hold_back({});
  close(*least, removal_reason::made_room, "for one on " + wanted);
  return let_go;
}

/// When a machine that is asked for, and failed, may be gone to again.
time_point pool_core::machines_due() const {
  auto due = time_point::max();
  if (waiters_.asking() == 0 || !works())
    return due;
  for (const auto& machine : waiters_.machines_asked_for())
    if (auto at = machines_.may_open_at(machine); at > now_)
      due = std::min(due, at);
  return due;
}

/// " on login2, which could not be reached: …": where a waiter's lease is to be.
std::string pool_core::machine_in_words(const waiter& w) const {
  if (w.machine.empty())
    return {};
  auto trouble = machines_.trouble_of(w.machine);
  return " on " + printable(w.machine) + (trouble.empty() ? "" : " (" + trouble + ")");
}

void pool_core::verify_machines() const {
  std::size_t known = 0;
  for (const auto& [id, c] : connections_) {
    known += !c.machine.empty();
    ensure(c.asked_for.empty() || c.state != connection_state::opening || !c.has_actor ||
               c.machine == c.asked_for,
           "an opening for a machine heads for it");
  }
  ensure(known == machines_.connections(), "every connection is counted at its machine");
  ensure(!held_back_ || waiters_.asking() > 0, "nothing is held back for nobody");
}

} // namespace moorage
