// When connections are checked, as the observer judges it. Every sentence here is a promise, and is seen
// broken once in planted_bugs.cpp.
#include <algorithm>
#include <cmath>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

void keep(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

nanoseconds times(double factor, nanoseconds length) {
  return nanoseconds{static_cast<std::int64_t>(factor * static_cast<double>(length.count()))};
}

std::size_t portions(std::size_t all, std::size_t at_once) {
  return (all + at_once - 1) / at_once;
}

} // namespace

void observer::hear(const ordered<probe_pool>& event) {
  if (expect_stopping(event.request))
    return;
  for (auto& c : connections_) {
    c.ordered = c.ordered || c.now == phase::open;
    c.in_line = c.in_line || (c.idle() && !c.probe);
  }
  expect_answer(event.request, errc::none);
}

void observer::hear(const machine_slept& event) {
  if (certificate_in_use())
    certificate_ends_ -=
        std::min<std::chrono::nanoseconds>(event.how_long, certificate_ends_.time_since_epoch());
  for (auto& c : connections_)
    c.doubted = c.doubted || (c.now == phase::open && !c.condemned);
}

void observer::see(const change_probes& effect) {
  keep(effect.method == settings_.probe && effect.command == settings_.probe_command &&
           effect.timeout == settings_.probe_timeout,
       "connections are probed as the settings say");
}

/// Who found it dead asked it first after so long: 0.8 of that, doubled each hour, is what no other is left
/// idle for.
void observer::learn(const connection_book& c) {
  if (c.busy() && (c.unheard_since == time_point::max() || now_ - c.unheard_since > 2min))
    return;
  auto idle = std::min(c.unheard_since, now_) - c.heard;
  if (idle < 10s || (fatal_idle_.count() > 0 && times(0.8, idle) >= idle_limit()))
    return;
  fatal_idle_ = idle;
  fatal_at_ = now_;
}

nanoseconds observer::idle_limit() const {
  auto hours = static_cast<double>((now_ - fatal_at_).count()) / 3.6e12;
  return times(std::min(0.8 * std::exp2(hours), 1e5), fatal_idle_);
}

/// A probe of the connection is about to begin.
void observer::check_turn(const connection_book& c) const {
  if (c.in_doubt())
    return;
  auto idle = std::count_if(connections_.begin(), connections_.end(), [](const auto& x) { return x.idle(); });
  auto checking = std::count_if(connections_.begin(), connections_.end(),
                                [](const auto& x) { return x.probe && x.checking; });
  auto most = std::max(1l, (idle * static_cast<long>(settings_.probe_share) + 99) / 100);
  keep(c.ordered || checking < most, "no more checks at a time than the pool's share");
  // A lesson is of ten seconds at least: 8 s, less a third for what is left to chance.
  nanoseconds shortest = std::min(settings_.probe_interval, settings_.probe_interval_unhealthy);
  keep(c.ordered || c.probe_failures > 0 ||
           now_ - c.heard >= std::min(times(0.8, shortest), nanoseconds{5333ms}),
       "what has answered just now is not checked");
  for (const auto& other : connections_)
    keep(!c.ordered || !other.in_line || !other.idle() || other.probe || other.doubted ||
             other.last >= c.last,
         "the connection that was checked longest ago goes first");
}

/// Whatever else happens, an idle connection is asked within what its settings say.
void observer::check_silences(time_point next_due) {
  auto at_once = settings_.probes_at_once == 0 ? settings_.pool_size : settings_.probes_at_once;
  auto turns = std::max(portions(settings_.pool_size, at_once), portions(100, settings_.probe_share));
  auto in_line = static_cast<int>(turns) * 2 * (nanoseconds{settings_.probe_timeout} + 1s);
  auto longest = times(1.2, std::max(settings_.probe_interval, settings_.probe_interval_max));
  for (auto& c : connections_) {
    if (!c.was_idle || !c.idle() || c.probe)
      c.quiet_since = std::max(c.quiet_since, now_);
    c.in_line = c.in_line && c.idle();
    c.was_idle = c.idle();
    if (!c.was_idle || next_due <= now_)
      continue;
    auto since = std::max(c.quiet_since, late_until_);
    keep(now_ <= since + longest + in_line, "an idle connection is asked in time");
    keep(fatal_idle_.count() == 0 || now_ <= std::max(since, fatal_at_) + idle_limit() + in_line,
         "an idle connection is asked before what others did not survive");
  }
}

void observer::check_doubts(time_point next_due) const {
  auto probing =
      std::count_if(connections_.begin(), connections_.end(), [](const auto& x) { return !!x.probe; });
  auto full = settings_.probes_at_once > 0 && probing >= static_cast<long>(settings_.probes_at_once);
  for (const auto& c : connections_)
    keep(!c.doubted || c.now != phase::open || c.condemned || c.probe || full || next_due <= now_,
         "who is doubted is asked at once");
}

} // namespace moorage::test
