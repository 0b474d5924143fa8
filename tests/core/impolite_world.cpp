#include "tests/core/impolite_world.hpp"

#include <algorithm>
#include <string>

namespace moorage::test {

using namespace std::chrono_literals;

namespace {

/// The generator is owned by the world, which is made after its pool.
seeded_random first_draw(std::uint64_t seed) {
  return seeded_random{seed * 2 + 1};
}

} // namespace

cluster_settings impolite_world::draw_settings(seeded_random& random) {
  auto below = [&](std::uint64_t limit) { return static_cast<std::uint32_t>(random.next() % limit); };
  cluster_settings settings;
  settings.name = "lumi";
  settings.host = "h";
  settings.pool_size = 1 + below(6);
  settings.channels_per_connection = 1 + below(3);
  settings.min_idle = below(3);
  settings.connects_at_once = below(4);
  settings.queue_depth = 1 + below(12);
  settings.probes_at_once = below(3);
  settings.probe_failures_max = 1 + below(6);
  settings.probe_interval = std::chrono::seconds{5 + below(60)};
  settings.probe_interval_max = std::chrono::seconds{5 + below(150)};
  settings.probe_interval_unhealthy = std::chrono::seconds{2 + below(10)};
  settings.probe_share = below(2) == 0 ? 100 : 1 + below(99);
  settings.idle_timeout = std::chrono::seconds{10 + below(100)};
  settings.proving_time = std::chrono::seconds{below(12)};
  settings.probe = below(3) == 0 ? probe_method::exec : probe_method::channel;
  settings.connection_lifetime = std::chrono::seconds{30 + below(300)};
  settings.spread_leases = below(2) == 0;
  settings.leak_threshold = std::chrono::seconds{below(3) == 0 ? 0 : 3 + below(30)};
  settings.leak_reclaim = below(3) == 0;
  settings.acquire_timeout = std::chrono::seconds{5 + below(100)};
  settings.overload_target = std::chrono::milliseconds{below(4) == 0 ? 0 : 100 + below(3'000)};
  settings.overload_interval = std::chrono::milliseconds{100 + below(6'000)};
  return settings;
}

impolite_world::impolite_world(std::uint64_t seed)
    : pool(
          [&] {
            auto random = first_draw(seed);
            return draw_settings(random);
          }(),
          seed),
      random_(seed), trouble_(random_.unit() * 0.6),
      pace_(std::chrono::milliseconds{200 + below(8) * below(8) * 400}) {
  pool.permitted = false;
}

std::chrono::nanoseconds impolite_world::up_to(std::chrono::nanoseconds longest) {
  // Many short ones, few long ones.
  auto share = random_.unit();
  return std::chrono::nanoseconds{
      static_cast<std::int64_t>(static_cast<double>(longest.count()) * share * share)};
}

void impolite_world::later(std::chrono::nanoseconds delay, pool_event event) {
  coming_.emplace(pool.now + delay, std::move(event));
}

void impolite_world::step(const pool_event& event) {
  seen.coming(pool, event);
  pool.step(event);
  seen.happened(pool, event);
  auto effects = pool.effects; // answered with events of their own
  for (const auto& effect : effects)
    std::visit([this](const auto& what) { answer(what); }, effect);
}

void impolite_world::answer(const request_permit& effect) {
  permits_ = std::max(permits_, effect.permit.value);
  if (effect.held || (!kind_ && chance(0.1))) // lost
    return;
  auto delay = up_to(chance(0.2) ? 20s : 200ms);
  if (chance(0.3))
    later(up_to(delay), permit_delayed{effect.permit, chance(0.3) ? time_point::max() : pool.now + delay,
                                       chance(0.5) ? "others log in" : "the budget is used up"});
  later(delay, permit_given{effect.permit});
  if (!kind_ && chance(0.1))
    later(delay + up_to(10s), permit_given{effect.permit});
}

void impolite_world::answer(const open_connection& effect) {
  connections_.push_back(effect.connection);
  auto c = effect.connection;
  if (!kind_ && weather_ == weather::frozen)
    return later(30s, connection_failed{c, {ssh_stage::connect, ssh_failure::timed_out, "frozen"}});
  if (!kind_ && weather_ == weather::banned)
    return later(up_to(1s),
                 connection_failed{c, {ssh_stage::key_exchange, ssh_failure::turned_away, "banned"}});
  if (!kind_ && weather_ == weather::flapping)
    later(3s + up_to(10s), connection_lost{c, {ssh_stage::session, ssh_failure::reset, "flaps"}});
  // By their numbers: what else happens does not hang on it.
  if (persons && c.value % 10 == 3)
    later(1ms, connection_waits{c, "a touch", 5s});
  certificate_used certificate;
  if (persons && c.value % 7 == 0)
    certificate = {"id-cert.pub", "jane", c.value % 2 == 0 ? "today" : "tomorrow", 20min * (c.value % 4), 1h};
  if (kind_ || !chance(trouble_))
    return later(up_to(3s), connection_opened{c, {}, {}, {}, certificate});
  constexpr ssh_failure kinds[] = {ssh_failure::refused,     ssh_failure::reset,
                                   ssh_failure::unreachable, ssh_failure::name_not_found,
                                   ssh_failure::protocol,    ssh_failure::descriptor_limit,
                                   ssh_failure::turned_away};
  if (chance(0.03))
    return later(up_to(3s), connection_failed{c, {ssh_stage::authenticate, ssh_failure::denied, "denied"}});
  if (chance(0.1))
    return later(30s, connection_failed{c, {ssh_stage::connect, ssh_failure::timed_out, "hangs"}});
  if (chance(0.05))
    return later(up_to(3s), connection_lost{c, {ssh_stage::connect, ssh_failure::closed, "its actor died"}});
  auto stage = chance(0.5) ? ssh_stage::connect : ssh_stage::key_exchange;
  later(up_to(3s), connection_failed{c, {stage, kinds[below(std::size(kinds))], "fails"}});
}

void impolite_world::answer(const look_at_credentials&) {
  if (kind_ || !chance(0.2)) // else the file system hangs
    later(up_to(3s), credentials_seen{chance(0.8) ? "as they were" : "changed"});
}

void impolite_world::answer(const close_connection& effect) {
  later(up_to(chance(0.1) ? 20s : 300ms), connection_closed{effect.connection});
}

void impolite_world::answer(const grant& effect) {
  leases_.push_back(effect.lease);
  if (kind_ || chance(0.95))
    later(up_to(chance(0.03) ? 8s : 10ms), lease_confirmed{effect.lease});
  auto holds = up_to(kind_ ? 1s : 20s);
  if (kind_ || chance(0.95))
    later(holds, lease_released{chance(0.5) ? fresh() : request_id{}, effect.lease, effect.holder, false,
                                discards && !kind_ && chance(trouble_ * 0.1), "bad"});
  if (!kind_ && chance(0.05))
    later(holds + up_to(5s), lease_released{fresh(), effect.lease, effect.holder});
  if (!kind_ && chance(0.03))
    later(up_to(10s), holder_lost{effect.holder});
  if (!kind_ && chance(trouble_)) // a command is cut short, or its opening is not answered
    later(up_to(holds), connection_doubted{effect.connection, chance(0.4), "cut short"});
  if (!kind_ && chance(trouble_ * 0.1))
    later(up_to(holds), channel_refused{effect.connection, effect.lease, static_cast<std::uint32_t>(below(3)),
                                        static_cast<std::uint32_t>(below(4))});
  if (!kind_ && chance(trouble_ * 0.5))
    later(up_to(holds), channel_late{effect.connection, effect.lease, up_to(10s)});
  if (chance(0.3))
    later(up_to(holds), connection_answered{effect.connection, chance(0.5), evidence_kind::keep_alive,
                                            chance(0.5) ? up_to(300ms) : 0s});
}

void impolite_world::answer(const begin_carriage& effect) {
  auto lasts = chance(0.2) ? up_to(10min) : up_to(20s);
  if (kind_ || chance(0.9)) // else it is carried for as long as its connection lasts
    later(lasts, carriage_ended{effect.connection, effect.request});
  if (!kind_ && chance(0.05))
    later(lasts + up_to(5s), carriage_ended{effect.connection, effect.request});
}

void impolite_world::answer(const end_lease& effect) {
  if (effect.ask)
    later(up_to(2s), lease_cleared{effect.connection, effect.lease, chance(0.4)});
}

/// Its holder gives it back, and asks again with the time that it has waited.
void impolite_world::answer(const give_up_channel& effect) {
  auto holder = pool.watch.leases()[effect.lease.value].holder;
  auto delay = up_to(300ms);
  later(delay, lease_released{fresh(), effect.lease, holder});
  if (chance(0.9))
    later(delay, acquire_requested{fresh(), holder, cluster_deadline, "moved", false, up_to(10s),
                                   identity_of(holder)});
}

void impolite_world::answer(const start_probe& effect) {
  if (!kind_ && weather_ == weather::frozen)
    return;
  if (kind_ || !chance(trouble_ * 0.7))
    return later(up_to(1s), probe_passed{effect.probe, effect.connection, up_to(chance(0.2) ? 1s : 100ms)});
  if (!chance(0.2)) // else it dies without a word
    later(up_to(5s), probe_failed{effect.probe, effect.connection, "no answer"});
}

void impolite_world::ask() {
  auto patience = chance(0.2) ? 0s : chance(0.1) ? up_to(5min) : up_to(20s);
  auto deadline = chance(0.03) ? time_point::max() : chance(0.4) ? cluster_deadline : pool.now + patience;
  auto request = fresh();
  if (chance(0.1))
    later(up_to(10s), acquire_cancelled{request});
  auto holder = anyone();
  acquire_requested event{request,     holder, deadline,           chance(0.5) ? "sync" : "",
                          chance(0.3), {},     identity_of(holder)};
  event.carries = carriages && chance(0.1);
  step(std::move(event));
}

void impolite_world::be_rude() {
  auto some_lease = leases_.empty() ? lease_id{1} : leases_[below(leases_.size())];
  auto some_connection = connections_.empty() ? connection_id{1} : connections_[below(connections_.size())];
  switch (below(18)) {
  case 16:
    return step(channel_late{some_connection, some_lease, up_to(20s)});
  case 17:
    return step(machine_slept{up_to(10h)});
  case 15:
    if (persons)
      step(connection_waits{some_connection, chance(0.5) ? "nobody" : "", up_to(5s)});
    if (persons)
      step(connection_hindered{
          some_connection, "a jump host that is down", false, {{ssh_stage::prepare, 1s, "1 key file"}, {}}});
    return step(credentials_seen{chance(0.5) ? "as they were" : ""});
  case 14:
    return step(channel_refused{some_connection, some_lease, static_cast<std::uint32_t>(below(4)),
                                static_cast<std::uint32_t>(below(5))});
  case 11:
    return step(permit_given{permit_id{1 + below(permits_ + 3)}});
  case 12:
    return step(permit_delayed{permit_id{1 + below(permits_ + 3)}, pool.now + up_to(1min), "others log in"});
  case 13:
    return step(permits_forgotten{});
  case 8:
    return step(connection_doubted{some_connection, false, "cut short"});
  case 9:
    return step(connection_doubted{some_connection, true, "nothing heard"});
  case 10:
    return step(connection_answered{some_connection, chance(0.5)});
  case 0:
    return step(lease_released{fresh(), some_lease, anyone()});
  case 1:
    return step(lease_confirmed{some_lease});
  case 2:
    return step(lease_cleared{some_connection, some_lease, true});
  case 3:
    return step(connection_lost{some_connection, {ssh_stage::session, ssh_failure::reset, "cut"}});
  case 4:
    return step(probe_failed{probe_id{below(50)}, some_connection, "late"});
  case 5:
    return step(acquire_cancelled{request_id{1 + below(requests_ + 1)}});
  case 6:
    return step(connection_opened{some_connection});
  default:
    return step(holder_lost{anyone()});
  }
}

/// By one of the holders, who may die of it, or by a command that has ended already.
void impolite_world::pause() {
  auto whom = chance(0.7) ? anyone() : holder_id{};
  step(ordered<pause_pool>{fresh(), {{}, chance(0.3), "admin " + to_string(whom)}, whom});
}

void impolite_world::administrate() {
  auto settings = pool.watch.settings();
  switch (below(15)) {
  case 14:
    return step(ordered<record_pool>{chance(0.8) ? fresh() : request_id{}});
  case 0:
    later(up_to(20s), ordered<resume_pool>{fresh(), {{}, true, "admin"}});
    return chance(0.5) ? pause() : step(ordered<suspend_pool>{fresh(), {{}, "admin"}});
  case 1:
    return step(ordered<resume_pool>{fresh(), {{}, chance(0.2), "admin"}, anyone()});
  case 2:
    return step(ordered<probe_pool>{fresh()});
  case 3:
    return step(ordered<evict_connection>{fresh(), {{}, connection_id{1 + below(connections_.size() + 2)}}});
  case 4:
    return step(ordered<revoke_lease>{fresh(), {{}, leases_.empty() ? lease_id{1} : leases_.back()}});
  case 5:
  case 6:
    return step(ordered<reset_pool>{fresh()});
  case 7:
    return step(ordered<disconnect_pool>{chance(0.8) ? fresh() : request_id{}});
  case 8:
    return step(ordered<resize_pool>{fresh(), {{}, static_cast<std::uint32_t>(below(7))}}); // 0 is refused
  case 9:
    later(up_to(1min), ordered<resume_pool>{fresh(), {{}, true}});
    return step(ordered<drain_pool>{fresh(), {{}, std::chrono::seconds{below(40)}}});
  case 10:
    return step(ordered<reconnect_pool>{fresh(), {{}, std::chrono::seconds{below(3) * below(20)}}});
  case 11: // of sizes 0 is refused
    return chance(0.2)
               ? step(ordered<set_setting>{fresh(), {{}, "host", chance(0.5) ? "h" : "i"}})
               : step(ordered<set_setting>{
                     fresh(), {{}, chance(0.9) ? "pool_size" : "pol_size", std::to_string(below(7))}});
  case 12:
    settings = draw_settings(random_);
    return step(settings_changed{fresh(), settings});
  default:
    settings.host = settings.host == "h" ? "i" : "h";
    return step(settings_changed{chance(0.8) ? fresh() : request_id{}, settings});
  }
}

/// Fair for most of the time; what is frozen and thaws is late, and what was lost stays lost.
void impolite_world::turn_weather() {
  weather_ = chance(0.6) ? weather::fair : static_cast<weather>(1 + below(3));
  weather_until_ = pool.now + up_to(5min);
}

/// The process stops for a while: what fell due meanwhile, and what came, is late, whichever it finds first.
void impolite_world::stand_still() {
  pool.now += 1s + up_to(20min);
  switch (below(4)) {
  case 0:
    return ask();
  case 1:
    return step(machine_slept{up_to(10h)});
  case 2:
    return step(time_passed{});
  default: // what came first
    return;
  }
}

void impolite_world::step_once() {
  if (!kind_ && pool.now >= weather_until_)
    turn_weather();
  if (!kind_ && chance(0.002))
    return stand_still();
  auto next = pool.now + up_to(pace_);
  auto first = coming_.empty() ? time_point::max() : coming_.begin()->first;
  auto due = pool.core.next_due();
  if (first <= next && first <= due) {
    pool.now = std::max(pool.now, first);
    auto event = std::move(coming_.begin()->second);
    coming_.erase(coming_.begin());
    if (!kind_ && chance(0.01)) // a message may come twice
      step(event);
    // The answer that is given once is asked for once.
    if (auto* r = std::get_if<lease_released>(&event); r != nullptr && r->request)
      r->request = fresh();
    if (auto* a = std::get_if<acquire_requested>(&event); a != nullptr)
      a->request = fresh();
    return step(event);
  }
  if (due <= next) {
    pool.now = std::max(pool.now, due);
    return step(time_passed{});
  }
  pool.now = next;
  if (kind_)
    return step(time_passed{});
  auto what = random_.unit();
  what < 0.8 ? ask() : what < 0.95 ? be_rude() : administrate();
}

void impolite_world::run(std::size_t steps) {
  while (steps-- > 0)
    step_once();
}

void impolite_world::make_peace() {
  kind_ = true;
  step(ordered<resume_pool>{fresh(), {{}, true}});
  step(ordered<reset_pool>{fresh()});
  // Those who would have kept their lease for ever give it back.
  for (std::uint64_t i = 0; i < pool.watch.leases().size(); ++i)
    if (auto& l = pool.watch.leases()[i]; l.live)
      later(up_to(5s), lease_released{{}, lease_id{i}, l.holder});
  // And what would be carried for ever ends.
  for (std::uint64_t i = 0; i < pool.watch.connections().size(); ++i)
    for (auto carried : pool.watch.connections()[i].carriages)
      later(up_to(5s), carriage_ended{connection_id{i}, carried});
  auto somebody_waits = [this] {
    return !pool.watch.waiting().empty() || !pool.watch.to_be_carried().empty();
  };
  for (int i = 0; i < 2000 && somebody_waits(); ++i)
    step_once();
  if (somebody_waits())
    throw broken_promise{"in a kind world everybody is served"};
  auto last = fresh();
  step(stop_requested{last});
  for (int i = 0; i < 500 && !pool.watch.requests()[last.value].answered; ++i)
    step_once();
  if (!pool.watch.requests()[last.value].answered || pool.core.status(pool.now).total > 0)
    throw broken_promise{"a stopped pool ends"};
  coming_.clear();
  while (pool.core.next_due() != time_point::max())
    step_once();
}

} // namespace moorage::test
