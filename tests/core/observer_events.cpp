// What the pool is told, as the observer books it.
#include <algorithm>
#include <string>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;

template <class Book, class Tag>
Book& at(std::vector<Book>& books, id<Tag> id) {
  if (id.value >= books.size())
    books.resize(id.value + 1);
  return books[id.value];
}

template <class T>
bool take(std::vector<T>& from, const T& what) {
  auto position = std::find(from.begin(), from.end(), what);
  if (position == from.end())
    return false;
  from.erase(position);
  return true;
}

} // namespace

/// From now on the lease is over; the pool must say so to the connection, and to the holder if it is to be
/// noticed.
void observer::end(lease_id lease, bool ask, bool notice) {
  auto& book = leases_[lease.value];
  auto& c = connections_[book.connection.value];
  book.live = false;
  take(c.live, lease);
  if (ask)
    c.asked.push_back(lease);
  else if (!c.busy() && c.probe_failures == 0)
    c.unheard_since = time_point::max();
  ends_.push_back({lease, ask});
  if (notice)
    notices_.push_back(lease);
}

void observer::fresh_request(request_id request) {
  if (!request)
    return;
  auto& book = at(requests_, request);
  book = {};
  book.known = true;
  book.step = step_;
}

void observer::expect_answer(request_id request, errc code) {
  fresh_request(request);
  if (request)
    answers_.push_back({request, code});
}

bool observer::expect_stopping(request_id request) {
  if (stopping_)
    expect_answer(request, removed_ ? errc::unknown_cluster : errc::stopping);
  return stopping_;
}

void observer::hear(const acquire_requested& event) {
  fresh_request(event.request);
  auto& book = at(requests_, event.request);
  book.acquire = true;
  book.holder = event.holder;
  book.identity = event.identity;
  auto named = event.deadline != cluster_deadline;
  book.asked = now_ - event.waited;
  book.deadline = named ? event.deadline : book.asked + settings_.acquire_timeout;
  book.yields = !named && !event.wait_for_ready;
  book.wait_for_ready = event.wait_for_ready;
  book.carries = event.carries;
  // Whose time is over is refused before.
  hurried_now_ = event.carries && std::none_of(to_be_carried_.begin(), to_be_carried_.end(),
                                               [this](auto r) { return requests_[r.value].deadline > now_; });
  if (!event.carries)
    comes_to_turns(book);
  (event.carries ? to_be_carried_ : waiting_).push_back(event.request);
  if ((drains() || state_ == pool_state::suspended) && !stopping_)
    answers_.push_back({event.request, drains() ? errc::drained : errc::suspended});
}

void observer::hear(const acquire_cancelled& event) {
  auto& book = at(requests_, event.request);
  if (!book.known || !book.acquire)
    return;
  if (!book.answered)
    answers_.push_back({event.request, errc::cancelled});
}

void observer::hear(const lease_confirmed& event) {
  at(leases_, event.lease).confirmed = true;
}

void observer::hear(const lease_released& event) {
  auto& book = at(leases_, event.lease);
  if (!book.live || book.holder != event.holder)
    return expect_answer(event.request, late_release(event.lease, event.holder));
  end(event.lease, false, false);
  book.released = true;
  auto& c = connections_[book.connection.value];
  if (!event.discarded) {
    if (book.unserved)
      return expect_answer(event.request, errc::none);
    c.served = true;
    was_of_use(c);
  } else if (!c.condemned) {
    if (!c.proved)
      of_no_use(c);
    c.condemned = c.discarded = true;
  }
  expect_answer(event.request, errc::none);
}

void observer::hear(const holder_lost& event) {
  pauser_lost(event.holder);
  for (const auto* list : {&waiting_, &to_be_carried_})
    for (auto request : *list)
      if (requests_[request.value].holder == event.holder)
        answers_.push_back({request, errc::cancelled});
  for (std::uint64_t i = 0; i < leases_.size(); ++i)
    if (leases_[i].live && leases_[i].holder == event.holder)
      end(lease_id{i}, true, false);
}

void observer::hear(const carriage_ended& event) {
  auto& c = at(connections_, event.connection);
  if (c.now != phase::open || std::erase(c.carriages, event.carriage) == 0)
    return;
  was_of_use(c);
  if (!c.busy() && c.probe_failures == 0)
    c.unheard_since = time_point::max();
}

void observer::hear(const lease_cleared& event) {
  auto& c = at(connections_, event.connection);
  if (c.now != phase::open || !take(c.asked, event.lease))
    return;
  if (event.was_running)
    c.condemned = c.abandoned = true;
  if (!c.busy() && c.probe_failures == 0)
    c.unheard_since = time_point::max();
}

void observer::hear(const connection_opened& event) {
  auto& c = at(connections_, event.connection);
  if (c.now != phase::trying)
    return;
  c.now = phase::open;
  c.opened = c.heard = c.last = c.quiet_since = now_;
  c.carried = false;
  let_in_with(event.certificate);
  begins_with_lessons(c);
  if (c.tried >= useless_at_) // else it says nothing about those that are let in
    forgive();
}

void observer::hear(const connection_failed& event) {
  auto& c = at(connections_, event.connection);
  if (c.now == phase::closing) // it crossed the order to close
    c.now = phase::gone;
  if (c.now != phase::trying)
    return;
  c.now = phase::between_tries;
  c.failed = now_;
  c.files = event.files;
  c.trouble = event.error.text;
  c.trouble_as_before = event.error.kind == ssh_failure::timed_out ||
                        (!settings_.jump.empty() && event.error.stage == ssh_stage::connect);
  failed_try(c, event.error);
}

void observer::hear(const connection_lost& event) {
  auto& c = at(connections_, event.connection);
  if (c.now == phase::unknown || c.now == phase::gone)
    return;
  if (c.opening()) {
    c.now = phase::gone;
    failed_try(c, event.error);
    return gave_up(c, event.error.kind);
  }
  if (c.now == phase::open) {
    ended_early(c);
    using enum ssh_failure;
    if (auto kind = event.error.kind; kind == timed_out || kind == reset || kind == silent || kind == closed)
      learn(c);
  }
  c.now = phase::gone;
  for (auto lease : c.live) {
    leases_[lease.value].live = false;
    notices_.push_back(lease);
  }
  c.live.clear();
  c.asked.clear();
  c.probe = {};
}

void observer::hear(const connection_closed& event) {
  if (at(connections_, event.connection).now == phase::closing)
    connections_[event.connection.value].now = phase::gone;
  else
    hear(connection_lost{event.connection, {ssh_stage::session, ssh_failure::closed, {}}});
}

void observer::hear(const probe_passed& event) {
  auto& c = at(connections_, event.connection);
  if (c.now != phase::open || !c.probe || c.probe != event.probe)
    return;
  c.probe = {};
  c.checks_failed.push_back(false);
  c.checked_at = now_;
  if (!c.carried && c.last - c.heard > fatal_idle_)
    fatal_idle_ = 0ns;
  measure(c, event.rtt, c.probe_runs);
  answered_on(c, c.probe_runs);
  was_of_use(c);
}

void observer::hear(const connection_doubted& event) {
  auto& c = at(connections_, event.connection);
  if (c.now != phase::open || c.condemned)
    return;
  c.silent_meanwhile = c.silent_meanwhile || event.silent;
  if (!event.silent)
    c.doubted = true;
  else if (!c.probe && (c.probe_failures == 0 || now_ - c.last_failure >= settings_.probe_timeout))
    failed_on(c, true);
}

void observer::hear(const connection_answered& event) {
  auto& c = at(connections_, event.connection);
  if (c.now != phase::open)
    return;
  c.served = c.served || event.ran;
  for (auto lease : c.live)
    leases_[lease.value].unserved = leases_[lease.value].unserved && !event.ran;
  measure(c, event.rtt, false);
  if (!c.probe && (c.checked_at == time_point::min() || now_ - c.checked_at >= settings_.probe_interval)) {
    c.checks_failed.push_back(false);
    c.checked_at = now_;
  }
  answered_on(c, event.ran);
}

void observer::hear(const probe_failed& event) {
  auto& c = at(connections_, event.connection);
  if (c.now == phase::open && c.probe && c.probe == event.probe)
    probe_failed_on(c);
}

void observer::hear(const settings_changed& event) {
  if (expect_stopping(event.request))
    return;
  auto elsewhere = event.settings.host != settings_.host;
  if (elsewhere) {
    fatal_idle_ = 0ns;
    newcomer_ = {};
    for (auto& c : connections_)
      if (c.now == phase::open || c.opening())
        c.condemned = c.other_transport = true;
  }
  if (event.settings.leak_reclaim && !settings_.leak_reclaim)
    for (auto& book : leases_)
      book.leaked = false;
  settings_ = event.settings;
  for (auto& c : connections_)
    c.quiet_since = now_;
  for (auto& c : connections_)
    if (c.now == phase::open && c.probe_failures >= settings_.probe_failures_max && c.busy())
      c.condemned = c.failed_too_often = true;
  if (event.whole || elsewhere) {
    latched_ = false;
    given_up_ = 0;
    forgive();
  }
  expect_answer(event.request, errc::none);
}

void observer::hear(const ordered<resize_pool>& event) {
  auto changed = settings_;
  changed.pool_size = event.order.size;
  if (!stopping_ && check_settings(changed).code != errc::none)
    return expect_answer(event.request, errc::invalid_settings);
  hear(settings_changed{event.request, changed, false});
}

/// Of the settings these are enough.
void observer::hear(const ordered<set_setting>& event) {
  if (expect_stopping(event.request))
    return;
  auto changed = settings_;
  if (event.order.key == "pool_size")
    changed.pool_size = static_cast<std::uint32_t>(std::stoul(event.order.value));
  else if (event.order.key == "host")
    changed.host = event.order.value;
  else
    return expect_answer(event.request, errc::invalid_settings);
  if (check_settings(changed).code != errc::none)
    return expect_answer(event.request, errc::invalid_settings);
  if (changed == settings_)
    return expect_answer(event.request, errc::none);
  hear(settings_changed{event.request, changed, false});
}

void observer::hear(const ordered<evict_connection>& event) {
  auto& c = at(connections_, event.order.connection);
  if (c.now == phase::unknown || c.now == phase::gone)
    return expect_answer(event.request, errc::unknown_connection);
  if (c.now != phase::closing)
    c.condemned = c.evicted = true;
  expect_answer(event.request, errc::none);
}

void observer::hear(const ordered<revoke_lease>& event) {
  auto& book = at(leases_, event.order.lease);
  if (!book.live)
    return expect_answer(event.request, late_release(event.order.lease, book.holder));
  end(event.order.lease, true, true);
  expect_answer(event.request, errc::none);
}

void observer::hear(const ordered<reset_pool>& event) {
  if (expect_stopping(event.request))
    return;
  latched_ = false;
  given_up_ = 0;
  forgive();
  fatal_idle_ = 0ns;
  newcomer_ = {};
  reset_ = true;
  for (auto& c : connections_) {
    c.probe_failures = c.exec_failures = 0;
    c.doubted = c.slow = c.late = false;
    c.checks_failed.clear();
    c.rate = 1;
    c.believed = 1h;
    c.carries_until = c.carries_now_until = time_point::min();
  }
  expect_answer(event.request, errc::none);
}

void observer::end_everything(request_id request) {
  disconnected_now_ = true;
  for (const auto* list : {&waiting_, &to_be_carried_})
    for (auto waiting : *list)
      answers_.push_back({waiting, !stopping_ ? errc::disconnected
                                   : removed_ ? errc::cluster_removed
                                              : errc::stopping});
  for (std::uint64_t i = 0; i < leases_.size(); ++i)
    if (leases_[i].live)
      end(lease_id{i}, false, true);
  for (auto& c : connections_)
    if (c.now == phase::open || c.opening()) {
      c.condemned = true;
      c.carriages.clear();
      c.asked.clear();
    }
  fresh_request(request);
  connection_id last;
  for (std::uint64_t i = 0; i < connections_.size(); ++i)
    if (connections_[i].now != phase::unknown)
      last = connection_id{i};
  pending_.push_back({request, last});
}

void observer::hear(const ordered<disconnect_pool>& event) {
  end_everything(event.request);
}

void observer::hear(const stop_requested& event) {
  removed_ = removed_ || (event.removed && !stopping_);
  stopping_ = true;
  end_everything(event.request);
}

/// Grants that nobody confirmed in time and that nothing else ends now.
void observer::unconfirmed_grants() {
  for (std::uint64_t i = 0; i < leases_.size(); ++i)
    if (leases_[i].live && !leases_[i].confirmed && now_ - leases_[i].granted >= std::chrono::seconds{5})
      end(lease_id{i}, true, true);
}

/// A probe that has told nothing a second after its time counts as failed.
void observer::silent_probes() {
  for (auto& c : connections_)
    if (c.now == phase::open && c.probe && c.probe_by <= now_ && !disconnected_now_)
      probe_failed_on(c);
}

} // namespace moorage::test
