// The core as bytes, and back: what a recording begins with.
//
// What only helps to find things (the indexes and the places in them, the counts) is not written but made
// anew. A member that is forgotten here makes the copy another than the original, which the tests see at
// every state that they reach.
#include "actors/pool/core.hpp"

#include <algorithm>
#include <exception>

#include "actors/pool/recording/archive.hpp"
#include "messages/ensure.hpp"

namespace moorage {

/// Settings, ids, and what is known of whom.
template <class Inspector>
void pool_core::inspect_books(Inspector& f) {
  f(settings_, random_, first_id_, next_connection_, next_lease_, next_probe_, next_stamp_, next_permit_,
    now_);
  f(back_off_, latch_watch_, certificate_, openings_rate_, channels_, machines_, held_back_, connections_,
    wishes_, permits_, delay_, anew_);
  f(leases_, watched_, ended_, waiters_, overload_, counters_, acquire_latency_, probe_rtt_);
}

/// What is to be done still, and what was ordered. Whether anybody hears announcements is told before each
/// step, and no more knowledge than the time.
template <class Inspector>
void pool_core::inspect_work(Inspector& f) {
  f(overload_told_, dooms_, more_expired_, more_unconfirmed_, more_leaks_, shrinking_, idle_limit_,
    doubt_from_, shorten_from_, probe_wait_, probing_, checking_, asked_doubt_, checking_all_, said_, gone_);
  f(hindrance_, hindrance_told_to_, hindrance_stale_to_);
  f(state_, pauses_, drain_by_, stopping_, removed_, dormant_, pending_);
}

/// As it was made.
bool pool_core::is_fresh() const {
  pool_core fresh{settings_, 0, first_id_};
  fresh.random_ = random_;
  fresh.announcing_ = announcing_;
  fresh.probe_wait_ = probe_wait_;
  return fresh == *this;
}

void pool_core::write(archive_writer& to) const {
  inspect(to, const_cast<pool_core&>(*this)); // which changes nothing
}

std::optional<pool_core> pool_core::read(archive_reader& from) {
  pool_core core{{}, 0};
  inspect(from, core);
  if (from.failed())
    return {};
  try {
    auto settings = core.settings_;
    settings.min_idle = std::min(settings.min_idle, settings.pool_size); // a core bears that
    if (auto wrong = check_settings(settings); wrong.code != errc::none) {
      from.fail("its settings are none: " + wrong.text);
      return {};
    }
    ensure(core.acquire_latency_.sound() && core.probe_rtt_.sound(), "what is measured has its bucket");
    for (auto& [id, c] : core.connections_) {
      ensure(c.reason != removal_reason::none, "a connection leaves for a reason");
      ++core.count(c.state);
      core.carried_ += c.carried.size();
      core.refresh(c);
    }
    for (const auto& [id, lease] : core.leases_) {
      core.leases_of_.emplace(lease.holder, id);
      if (!lease.confirmed)
        core.unconfirmed_.insert(id);
    }
    if (core.now_ == time_point::min())
      ensure(core.is_fresh(), "nothing happens before the first event");
    else
      core.verify();
  } catch (const std::exception& broken) {
    from.fail(std::string{"its books do not agree: "} + broken.what());
    return {};
  }
  return core;
}

} // namespace moorage
