// Promises: whatever machines and holders do, a lease is on the machine that was asked for, nobody waits
// beside a slot that is theirs, room is made for those alone who need it, and all who wait are served in the
// end.
#include "tests/core/machine_lives.hpp"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace std::chrono_literals;

namespace moorage::test {

namespace {

void machine_promise(bool kept, const char* what) {
  if (!kept)
    throw broken_promise{what};
}

const std::vector<std::string> three_machines{"a", "b", "c"};

} // namespace

// --- the observer

void machine_observer::told(time_point now, const pool_event& event) {
  now_ = now;
  if (const auto* e = std::get_if<acquire_requested>(&event))
    requests_[e->request] = {e->machine, e->deadline};
  if (const auto* e = std::get_if<connection_opened>(&event)) {
    auto& c = connections_[e->connection];
    machine_promise(c.asked_for.empty() || c.asked_for == e->machine,
                    "the test's world opens where it is told to");
    c.machine = e->machine;
    c.open = !c.closing;
  }
  if (const auto* e = std::get_if<connection_closed>(&event))
    connections_.erase(e->connection);
  if (const auto* e = std::get_if<connection_lost>(&event)) {
    for (auto lease : connections_[e->connection].leases)
      leases_.erase(lease);
    connections_.erase(e->connection);
  }
  if (const auto* e = std::get_if<lease_released>(&event))
    if (auto found = leases_.find(e->lease); found != leases_.end()) {
      connections_[found->second].leases.erase(e->lease);
      leases_.erase(found);
    }
}

bool machine_observer::waits(const std::string& machine) const {
  return std::any_of(requests_.begin(), requests_.end(),
                     [&machine](const auto& r) { return !r.second.answered && r.second.machine == machine; });
}

void machine_observer::see(const pool_effect& effect) {
  if (const auto* e = std::get_if<open_connection>(&effect)) {
    connections_[e->connection].asked_for = e->where.only;
    machine_promise(e->where.only.empty() || e->attempt > 1 || waits(e->where.only),
                    "a connection is opened on one machine for somebody who asks for that");
    machine_promise(connections_.size() <= settings_.pool_size, "no more connections than the pool's size");
  }
  if (const auto* e = std::get_if<grant>(&effect)) {
    auto request = requests_.find(e->request);
    machine_promise(request != requests_.end() && !request->second.answered, "who waits is answered once");
    request->second.answered = true;
    auto& c = connections_[e->connection];
    machine_promise(c.open, "a lease is granted on an open connection");
    machine_promise(request->second.machine.empty() || request->second.machine == c.machine,
                    "a lease is on the machine that was asked for");
    machine_promise(e->machine == c.machine, "a lease is told on which machine it is");
    c.leases.insert(e->lease);
    leases_[e->lease] = e->connection;
    machine_promise(c.leases.size() <= settings_.channels_per_connection, "a slot is granted once");
  }
  if (const auto* e = std::get_if<refuse>(&effect))
    requests_[e->request].answered = true;
  if (const auto* e = std::get_if<close_connection>(&effect)) {
    auto& c = connections_[e->connection];
    machine_promise(c.leases.empty(), "a connection with a lease is not closed");
    if (e->reason == removal_reason::made_room) {
      machine_promise(connections_.size() >= settings_.pool_size, "room is made in a full pool");
      machine_promise(std::any_of(three_machines.begin(), three_machines.end(),
                                  [&](const auto& m) { return m != c.machine && waits(m); }),
                      "room is made for somebody who asks for another machine");
    }
    c.closing = true;
    c.open = false;
  }
}

void machine_observer::did(const pool_effects& effects, const pool_core& core) {
  for (const auto& effect : effects)
    see(effect);
  check_waiters(core);
}

/// As the pool says itself of the health of its connections, which this world leaves alone.
void machine_observer::check_waiters(const pool_core& core) const {
  std::map<std::string, std::size_t> slots;
  std::size_t all = 0;
  for (const auto& told : core.connections(now_)) {
    const auto& c = connections_.at(told.connection);
    machine_promise(told.machine == c.machine || !c.open, "the pool says on which machine a connection is");
    if (c.open && !told.condemned && c.leases.size() < settings_.channels_per_connection) {
      ++slots[c.machine];
      ++all;
    }
  }
  // One may be held back, for one who asks for another machine.
  auto held_back =
      std::any_of(three_machines.begin(), three_machines.end(), [this](const auto& m) { return waits(m); });
  for (const auto& [request, book] : requests_) {
    if (book.answered)
      continue;
    machine_promise(book.deadline > now_ || core.next_due() <= now_, "everybody is answered by the deadline");
    if (book.deadline <= now_)
      continue;
    auto free = book.machine.empty() ? all : slots.contains(book.machine) ? slots.at(book.machine) : 0;
    machine_promise(free <= (held_back ? 1u : 0u), "nobody waits beside a slot that is theirs");
  }
}

// --- the life

cluster_settings machine_life::settings_of(seeded_random& random) {
  cluster_settings settings;
  settings.name = "lumi";
  settings.hosts = three_machines;
  settings.spread = random.unit() < 0.5;
  settings.pool_size = 1 + static_cast<std::uint32_t>(random.unit() * 4);
  settings.channels_per_connection = 1 + static_cast<std::uint32_t>(random.unit() * 2);
  settings.idle_timeout = 1min;
  settings.overload_target = 0s;
  settings.leak_threshold = 0s;
  return settings;
}

machine_life::machine_life(std::uint64_t seed)
    : watch({}), random_(seed), settings_(settings_of(random_)), core_(settings_, seed) {
  watch = machine_observer{settings_};
}

void machine_life::later(std::chrono::nanoseconds longest, pool_event event) {
  auto delay = static_cast<std::int64_t>(static_cast<double>(longest.count()) * random_.unit());
  coming_.emplace(now_ + std::chrono::nanoseconds{delay}, std::move(event));
}

const std::string& machine_life::any_machine() {
  return three_machines[static_cast<std::size_t>(random_.unit() * 3)];
}

void machine_life::step(const pool_event& event) {
  watch.told(now_, event);
  auto effects = core_.step(now_, event);
  core_.verify();
  auto shown = effects;
  tamper(shown);
  watch.did(shown, core_);
  for (const auto& effect : effects)
    answer(effect);
}

void machine_life::open(const open_connection& effect) {
  auto order = effect.where.first;
  order.insert(order.end(), effect.where.last.begin(), effect.where.last.end());
  if (!effect.where.only.empty())
    order = {effect.where.only};
  std::vector<machine_seen> found;
  for (const auto& machine : order) {
    if (!down_.contains(machine)) {
      connection_opened opened{effect.connection};
      opened.machine = machine;
      opened.machines = found;
      return later(2s, opened);
    }
    found.push_back({machine, machine_finding::failed, "down"});
  }
  connection_failed failed{effect.connection, {ssh_stage::connect, ssh_failure::refused, "down"}};
  failed.machines = found;
  later(2s, failed);
}

void machine_life::answer(const pool_effect& effect) {
  if (const auto* e = std::get_if<request_permit>(&effect))
    later(100ms, permit_given{e->permit});
  if (const auto* e = std::get_if<open_connection>(&effect))
    open(*e);
  if (const auto* e = std::get_if<close_connection>(&effect)) {
    seen["made room"] += e->reason == removal_reason::made_room;
    std::erase_if(coming_, [e](const auto& each) { // what it was about to say
      const auto* opened = std::get_if<connection_opened>(&each.second);
      const auto* failed = std::get_if<connection_failed>(&each.second);
      return (opened && opened->connection == e->connection) ||
             (failed && failed->connection == e->connection);
    });
    later(500ms, connection_closed{e->connection});
  }
  if (const auto* e = std::get_if<start_probe>(&effect))
    later(10ms, probe_passed{e->probe, e->connection, 1ms});
  if (const auto* e = std::get_if<grant>(&effect)) {
    ++seen[watch.requests().at(e->request).machine.empty() ? "any" : "asked for"];
    held_[e->lease] = e->holder;
    step(lease_confirmed{e->lease});
    later(kind_ ? 5s : 20s, lease_released{{}, e->lease, e->holder});
  }
  if (const auto* e = std::get_if<refuse>(&effect))
    ++seen["refused " + to_string(e->reason.code)];
  if (const auto* e = std::get_if<notify_holder>(&effect))
    held_.erase(e->lease);
}

void machine_life::ask() {
  acquire_requested event{request_id{++requests_},
                          holder_id{1 + static_cast<std::uint64_t>(random_.unit() * 4)},
                          now_ + std::chrono::seconds{1 + static_cast<int>(random_.unit() * 60)},
                          {}};
  event.wait_for_ready = chance(0.5);
  if (chance(0.5))
    event.machine = any_machine();
  step(event);
}

void machine_life::next() {
  auto due = core_.next_due();
  auto coming = coming_.empty() ? time_point::max() : coming_.begin()->first;
  if (due == time_point::max() && coming_.empty())
    return;
  if (due <= coming) {
    now_ = std::max(now_, due);
    return step(time_passed{});
  }
  now_ = std::max(now_, coming);
  auto node = coming_.extract(coming_.begin());
  step(node.mapped());
}

void machine_life::run(std::size_t steps) {
  for (std::size_t i = 0; i < steps; ++i) {
    if (chance(0.25))
      ask();
    if (chance(0.02)) {
      const auto& machine = any_machine();
      if (down_.erase(machine) == 0) {
        down_.insert(machine);
        ++seen["down"];
        for (const auto& [id, c] : std::map{watch.connections()})
          if (c.open && c.machine == machine)
            step(connection_lost{id, {ssh_stage::session, ssh_failure::reset, "down"}});
      }
    }
    next();
  }
}

void machine_life::make_peace() {
  down_.clear();
  kind_ = true;
  for (const auto& machine : three_machines)
    step(acquire_requested{
        request_id{++requests_}, holder_id{9}, time_point::max(), {}, true, {}, {}, false, machine});
  step(acquire_requested{request_id{++requests_}, holder_id{8}, time_point::max(), {}, true});
  auto waits = [this] {
    return std::any_of(watch.requests().begin(), watch.requests().end(),
                       [](const auto& r) { return !r.second.answered; });
  };
  for (int i = 0; i < 20'000 && waits(); ++i)
    next();
  machine_promise(!waits(), "in a kind world everybody who waits is served");
}

} // namespace moorage::test

using namespace moorage;
using namespace moorage::test;

TEST_CASE("long lives with machines that go and come back keep every promise to those who ask for one") {
  std::map<std::string, std::size_t> seen;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    machine_life life{seed};
    REQUIRE_NOTHROW(life.run(400));
    REQUIRE_NOTHROW(life.make_peace());
    for (const auto& [what, often] : life.seen)
      seen[what] += often;
  }
  for (const auto* what :
       {"made room", "any", "asked for", "down", "refused acquire_timeout", "refused connect_failed"}) {
    CAPTURE(what);
    CHECK(seen[what] > 20);
  }
}

namespace {

/// What the observer complains of, in the first life that gives an opportunity.
std::string complaint_of_machines(const std::function<bool(pool_effects&, machine_life&)>& falsify) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    machine_life life{seed};
    auto done = false;
    life.tamper = [&](pool_effects& effects) { done = done || falsify(effects, life); };
    try {
      life.run(400);
      life.make_peace();
    } catch (const broken_promise& e) {
      return e.what();
    }
    if (done)
      return "nothing was noticed";
  }
  return "there was no opportunity";
}

template <class Effect, class How>
auto changed(How how) {
  return [how](pool_effects& effects, machine_life& life) {
    for (auto& effect : effects)
      if (auto* found = std::get_if<Effect>(&effect); found != nullptr && how(*found, life))
        return true;
    return false;
  };
}

} // namespace

TEST_CASE("an observer notices leases on other machines than those that were asked for", "[planted]") {
  CHECK(complaint_of_machines(changed<grant>([](grant& e, machine_life& life) {
          const auto& wanted = life.watch.requests().at(e.request).machine;
          for (const auto& [id, c] : life.watch.connections())
            if (!wanted.empty() && c.open && c.machine != wanted)
              return e.connection = id, true;
          return false;
        })) == "a lease is on the machine that was asked for");
  CHECK(complaint_of_machines(changed<grant>([](grant& e, machine_life&) {
          return e.machine = "z", true;
        })) == "a lease is told on which machine it is");
  CHECK(complaint_of_machines(changed<open_connection>([](open_connection& e, machine_life& life) {
          for (const auto* each : {"a", "b", "c"})
            if (!life.watch.waits(each))
              return e.where.only = each, true;
          return false;
        })) == "a connection is opened on one machine for somebody who asks for that");
  CHECK(complaint_of_machines([](pool_effects& effects, machine_life& life) {
          for (const auto& [id, c] : life.watch.connections())
            if (c.open && c.leases.empty() && !life.watch.waits("a") && !life.watch.waits("b") &&
                !life.watch.waits("c") && effects.empty()) {
              effects.emplace_back(close_connection{id, removal_reason::made_room});
              return true;
            }
          return false;
        }).starts_with("room is made "));
  CHECK(complaint_of_machines([](pool_effects& effects, machine_life& life) {
          return std::erase_if(effects, [&life](const pool_effect& effect) {
                   const auto* e = std::get_if<grant>(&effect);
                   return e != nullptr && life.watch.connections().at(e->connection).leases.empty();
                 }) > 0;
        }).starts_with("nobody waits beside a slot"));
}
