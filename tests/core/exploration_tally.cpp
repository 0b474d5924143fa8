#include "tests/core/exploration_tally.hpp"

#include <algorithm>
#include <utility>

namespace moorage::test {

namespace {

using phase = observer::phase;

class mixer {
public:
  mixer& operator<<(std::uint64_t word) {
    state_ = (state_ ^ word) * 0x9E3779B97F4A7C15;
    state_ ^= state_ >> 29;
    return *this;
  }
  std::uint64_t value() const { return state_ == 0 ? 1 : state_; }

private:
  std::uint64_t state_ = 0x243F6A8885A308D3;
};

/// From now; what is past, and what never comes, are each the same whenever that is.
std::uint64_t until(const watched_pool& pool, time_point when) {
  if (when == time_point::max())
    return 1;
  return when <= pool.now ? 0 : static_cast<std::uint64_t>((when - pool.now).count());
}

bool present(const observer::connection_book& c) {
  return c.now != phase::unknown && c.now != phase::gone;
}

void mix_connections(mixer& all, const watched_pool& pool) {
  for (const auto& c : pool.watch.connections()) {
    if (!present(c))
      continue;
    all << static_cast<std::uint64_t>(c.now) << c.attempt << c.live.size() << c.asked.size()
        << c.probe_failures << c.exec_failures;
    std::uint64_t flags = 0;
    for (auto flag : {c.condemned, c.doubted, static_cast<bool>(c.probe), c.probe_runs, c.served, c.proved,
                      c.slow, c.flapped, c.silent_meanwhile, c.checking, c.ordered, c.failed_on_trial})
      flags = 2 * flags + flag;
    all << c.carriages.size() << flags << until(pool, c.renew_by) << until(pool, c.carries_until)
        << until(pool, c.carries_now_until);
  }
}

void mix_people(mixer& all, const watched_pool& pool) {
  for (auto request : pool.watch.waiting()) {
    const auto& r = pool.watch.requests()[request.value];
    all << 3 << r.holder.value << std::hash<std::string>{}(r.identity) << until(pool, r.deadline)
        << (2 * r.wait_for_ready + r.yields);
  }
  for (auto request : pool.watch.to_be_carried())
    all << 11 << pool.watch.requests()[request.value].holder.value
        << until(pool, pool.watch.requests()[request.value].deadline);
  const auto& connections = pool.watch.connections();
  for (const auto& l : pool.watch.leases()) {
    if (!l.live)
      continue;
    auto place = std::count_if(
        connections.begin(), connections.begin() + static_cast<std::ptrdiff_t>(l.connection.value), present);
    all << 5 << static_cast<std::uint64_t>(place) << l.holder.value
        << (4 * l.confirmed + 2 * l.leaked + l.unserved);
  }
  for (const auto& [permit, book] : pool.watch.permits())
    all << 7 << (4 * book.given + 2 * book.told_anew + static_cast<bool>(book.connection));
}

template <class... Alternatives>
std::array<std::string, sizeof...(Alternatives)> names(const std::variant<Alternatives...>*) {
  return {[] {
    if constexpr (requires { Alternatives{}.order; })
      return std::string{decltype(Alternatives{}.order)::name};
    else {
      auto line = to_string(pool_event{Alternatives{}});
      return line.substr(0, line.find(' '));
    }
  }()...};
}

template <class Effect>
bool any(const watched_pool& pool, bool (*is)(const Effect&)) {
  return std::any_of(pool.effects.begin(), pool.effects.end(), [is](const pool_effect& effect) {
    const auto* found = std::get_if<Effect>(&effect);
    return found != nullptr && is(*found);
  });
}

template <removal_reason why>
bool closes(const watched_pool& pool, const pool_event&) {
  return any<close_connection>(pool, [](const auto& e) { return e.reason == why; });
}

bool learns(const watched_pool& pool) {
  return any<announce>(pool, [](const auto& e) { return e.what == event_kind::learnt; });
}

bool grants(const watched_pool& pool) {
  return any<grant>(pool, [](const auto&) { return true; });
}

template <class Row>
void add_up(Row& sum, const Row& more) {
  for (std::size_t i = 0; i < sum.size(); ++i)
    sum[i] += more[i];
}

} // namespace

bool digest_set::insert(std::uint64_t digest) {
  auto mask = slots_.size() - 1;
  auto at = digest & mask;
  while (slots_[at] != 0 && slots_[at] != digest)
    at = (at + 1) & mask;
  if (std::exchange(slots_[at], digest) == digest)
    return false;
  if (2 * ++size_ < slots_.size())
    return true;
  auto full = std::exchange(slots_, std::vector<std::uint64_t>(4 * slots_.size()));
  size_ = 0;
  for (auto each : full)
    if (each != 0)
      insert(each);
  return true;
}

void digest_set::merge(const digest_set& other) {
  for (auto each : other.slots_)
    if (each != 0)
      insert(each);
}

const std::array<std::string, kinds_of_events>& event_kind_names() {
  static const auto all = names(static_cast<const pool_event*>(nullptr));
  return all;
}

const std::vector<policy_sign>& policy_signs() {
  static const std::vector<policy_sign> all{
      {"ageing", "one is closed for its age", closes<removal_reason::lifetime>},
      {"ageing", "one is closed for its idleness", closes<removal_reason::idle>},
      {"back_off", "the pool waits before it opens the next",
       [](auto& pool, auto&) {
         return any<announce>(pool, [](const auto& e) { return e.what == event_kind::backing_off; });
       }},
      {"channel_limit", "the pool learns how many leases one carries",
       [](auto& pool, auto& event) {
         return std::holds_alternative<channel_refused>(event) && learns(pool);
       }},
      {"check_clock", "a check is due",
       [](auto& pool, auto& event) {
         return std::holds_alternative<time_passed>(event) &&
                any<start_probe>(pool, [](const auto&) { return true; });
       }},
      {"grant_order", "one of several is chosen",
       [](auto& pool, auto&) { return grants(pool) && pool.watch.free_slot(); }},
      {"health", "one is closed for its failures", closes<removal_reason::probe_failures>},
      {"history", "one that fails every second check is closed", closes<removal_reason::flapping>},
      {"idle_limit", "the pool learns how long one may be idle",
       [](auto& pool, auto& event) {
         return !std::holds_alternative<channel_refused>(event) && learns(pool);
       }},
      {"certificate_watch", "people are warned of a certificate's end",
       [](auto& pool, auto&) {
         return any<announce>(pool, [](const auto& e) { return e.what == event_kind::expiring; });
       }},
      {"latch_watch", "the pool looks whether anything was mended",
       [](auto& pool, auto&) { return any<look_at_credentials>(pool, [](const auto&) { return true; }); }},
      {"overload", "one is refused since all wait for long",
       [](auto& pool, auto&) {
         return any<refuse>(pool, [](const auto& e) { return e.reason.code == errc::overloaded; });
       }},
      {"waiter_queue", "one is served who waited, and others wait on",
       [](auto& pool, auto& event) {
         return !std::holds_alternative<acquire_requested>(event) && grants(pool) &&
                !pool.watch.waiting().empty();
       }},
  };
  return all;
}

exploration_tally::last exploration_tally::look(const last& before, const watched_pool& pool,
                                                const pool_event& event) {
  ++steps;
  last now{event.index(), !pool.effects.empty(), digest(pool)};
  now.changed = now.changed || now.state != before.state;
  states.insert(now.state);
  if (before.kind < kinds_of_events) {
    ++told[before.kind][now.kind];
    changing[before.kind][now.kind] += before.changed && now.changed;
  }
  for (const auto& effect : pool.effects) {
    if (const auto* said = std::get_if<announce>(&effect))
      ++announced[static_cast<std::size_t>(said->what)];
    if (const auto* ends = std::get_if<close_connection>(&effect))
      ++closed[static_cast<std::size_t>(ends->reason)];
  }
  for (std::size_t i = 0; i < signs.size(); ++i)
    signs[i] += policy_signs()[i].seen(pool, event);
  return now;
}

void exploration_tally::merge(const exploration_tally& other) {
  sequences += other.sequences;
  steps += other.steps;
  played_out += other.played_out;
  states.merge(other.states);
  for (std::size_t i = 0; i < kinds_of_events; ++i) {
    add_up(told[i], other.told[i]);
    add_up(changing[i], other.changing[i]);
  }
  add_up(announced, other.announced);
  add_up(closed, other.closed);
  add_up(signs, other.signs);
}

std::uint64_t digest(const watched_pool& pool) {
  mixer all;
  const auto& watch = pool.watch;
  mix_connections(all, pool);
  mix_people(all, pool);
  all << static_cast<std::uint64_t>(watch.state())
      << (4 * watch.stopping() + 2 * watch.latched() + watch.on_trial()) << until(pool, watch.not_before())
      << until(pool, watch.not_before_alone()) << until(pool, watch.overload_begins())
      << watch.settings().pool_size << std::hash<std::string>{}(watch.settings().host)
      << until(pool, pool.due) << static_cast<std::uint64_t>(pool.status.idle_limit.count());
  return all.value();
}

} // namespace moorage::test
