// Mixed work through a node with a fault every few seconds, for as long as one likes.
//   MOORAGE_SOAK_MINUTES=30 test_cli "[soak]"
// or so many as one likes, 0.3 too. MOORAGE_SEED=NUMBER has clients and faults choose as they did then,
// though not at the same moments; MOORAGE_SOAK_LOUD=1 tells all that is done.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <ratio>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

#include "tests/cli/soak_clients.hpp"
#include "tests/cli/soak_world.hpp"

using namespace moorage;
using namespace moorage::soak;

namespace {

double number_of(const char* variable, double otherwise) {
  const auto* given = std::getenv(variable);
  return given == nullptr ? otherwise : std::stod(given);
}

/// One part of the whole: all begin, faults come, all end.
class part {
public:
  part(world& in, std::uint32_t seed)
      : world_(in), chance_(seed), crowd_(in, seed + 1), by_hand_(in, seed + 2) {
    for (auto by : {way::stays, way::socket, way::tls, way::tls}) {
      auto number = static_cast<std::uint32_t>(workers_.size());
      workers_.push_back(
          std::make_unique<worker>(in, "client " + std::to_string(number), seed + 10 + number, by));
    }
  }

  void go_on(steady::time_point until) {
    auto next_fault = steady::now() + 1s;
    while (steady::now() < until) {
      world_.listen();
      crowd_.go_on();
      by_hand_.go_on();
      mend(steady::now());
      if (steady::now() >= next_fault) {
        if (chance_.one_in(3))
          order_something();
        else
          break_something();
        next_fault = steady::now() + 500ms + std::chrono::milliseconds{chance_.below(3'000)};
      }
      look_for_hangs();
      ::poll(nullptr, 0, 100);
    }
  }
  void end() {
    mend(steady::time_point::max());
    world_.book().note("all end");
    for (auto& each : workers_)
      each->stop();
    by_hand_.end();
    crowd_.end();
    world_.book().note("all processes have ended");
    for (; !workers_.empty(); ::poll(nullptr, 0, 5)) {
      look_for_hangs();
      if (workers_.back()->done())
        workers_.pop_back();
    }
    world_.book().note("all have ended");
  }

private:
  void mend(steady::time_point now) {
    while (!later_.empty() && later_.begin()->first <= now) {
      auto first = later_.extract(later_.begin());
      first.mapped()();
    }
  }
  void mend_later(std::function<void()> what) {
    later_.emplace(steady::now() + 500ms + std::chrono::milliseconds{chance_.below(5'000)}, std::move(what));
  }

  void break_something() {
    struct fault {
      const char* name;
      std::function<void(const std::string& cluster)> happens;
      std::function<void(const std::string& cluster)> passes = {};
    };
    auto mends = [this](const std::string& cluster) { world_.mend(cluster); };
    const std::vector<fault> all{
        {"a client is killed", [this](auto&) { crowd_.kill_one(); }},
        {"a client is frozen", [this](auto&) { crowd_.freeze_one(); }, [this](auto&) { crowd_.thaw_all(); }},
        {"a link is cut", [this](auto&) { world_.cut_a_link(chance_.below(1'000)); }},
        {"connections are killed", [this](auto& cluster) { world_.kill_connections(cluster); }},
        {"an sshd is frozen", [this](auto& cluster) { world_.freeze(cluster); }, mends},
        {"an sshd is gone", [this](auto& cluster) { world_.stop(cluster); }, mends},
        {"other sizes are read", [this](auto&) { world_.reload_other_sizes(); }},
        {"other rights are read", [this](auto&) { world_.reload_other_rights(); }}};
    const auto& chosen = chance_.of(all);
    const auto& cluster = chance_.of(world_.clusters());
    tell(chosen.name, cluster);
    chosen.happens(cluster);
    if (chosen.passes)
      mend_later([this, passes = chosen.passes, name = chosen.name, cluster] {
        world_.book().note(std::string{"no more: "} + name + " (" + cluster + ")");
        passes(cluster);
      });
  }

  /// An administrator does what others have to live with. Refusals are answers as well.
  void order_something() {
    struct order {
      const char* name;
      std::function<void(runtime& admin, const std::string& cluster)> gives;
      bool holds = false; ///< until a resume
    };
    const std::vector<order> all{
        {"pause", [](auto& admin, auto& cluster) { static_cast<void>(admin.pause(cluster)); }, true},
        {"suspend", [](auto& admin, auto& cluster) { static_cast<void>(admin.suspend(cluster)); }, true},
        {"drain", [](auto& admin, auto& cluster) { static_cast<void>(admin.drain(cluster, 300ms)); }, true},
        {"resize", [this](auto& admin,
                          auto& cluster) { static_cast<void>(admin.resize(cluster, 1 + chance_.below(6))); }},
        {"set",
         [this](auto& admin, auto& cluster) {
           static_cast<void>(
               admin.set(cluster, "channels_per_connection", std::to_string(1 + chance_.below(4))));
         }},
        {"evict",
         [this](auto& admin, auto& cluster) {
           if (auto all_there = admin.connections(cluster); all_there && !all_there->empty())
             static_cast<void>(admin.evict(cluster, chance_.of(*all_there).connection));
         }},
        {"revoke",
         [this](auto& admin, auto& cluster) {
           if (auto all_there = admin.leases(cluster); all_there && !all_there->empty())
             static_cast<void>(admin.revoke(cluster, chance_.of(*all_there).lease));
         }},
        {"reset", [](auto& admin, auto& cluster) { static_cast<void>(admin.reset(cluster)); }},
        {"reconnect", [](auto& admin, auto& cluster) { static_cast<void>(admin.reconnect(cluster, 1s)); }},
        {"disconnect", [](auto& admin, auto& cluster) { static_cast<void>(admin.disconnect(cluster)); }}};
    const auto& chosen = chance_.of(all);
    const auto& cluster = chance_.of(world_.clusters());
    tell(std::string{"order to "} + chosen.name, cluster);
    chosen.gives(world_.admin(), cluster);
    if (chosen.holds)
      mend_later([this, cluster] {
        world_.book().note("resume " + cluster);
        static_cast<void>(world_.admin().resume(cluster, true));
      });
  }

  void tell(const std::string& what, const std::string& cluster) {
    world_.book().note("--- " + what + " (" + cluster + ")");
    world_.book().count(what);
    world_.book().count("faults and orders");
  }

  /// Whoever hangs cannot be waited for.
  void look_for_hangs() {
    for (const auto& each : workers_)
      if (each->at_it_for() > 4min) {
        std::cerr << "a client hangs; what was under way:\n" << world_.book().latest() << std::flush;
        std::_Exit(1);
      }
  }

  world& world_;
  chance chance_;
  crowd crowd_;
  passers_by by_hand_;
  std::vector<std::unique_ptr<worker>> workers_;
  std::multimap<steady::time_point, std::function<void()>> later_;
};

/// KiB more than after the first half, or the first five minutes, in which what is made once is made: the
/// flight recorders' room and the errors that are kept, a first time each buffer that grows up to its bound.
constexpr std::int64_t growth_max = 4'096;

} // namespace

TEST_CASE("a node that serves mixed work while something breaks every few seconds loses and keeps nothing",
          "[long][soak]") {
  auto length = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::duration<double, std::ratio<60>>{number_of("MOORAGE_SOAK_MINUTES", 7.0 / 3)});
  auto seed = static_cast<std::uint32_t>(number_of("MOORAGE_SEED", std::random_device{}()));
  world all;
  const auto before = all.holdings();
  std::cerr << "soak: " << length.count() << " s, MOORAGE_SEED=" << seed << "; " << before << std::endl;
  const auto began = steady::now(), end = began + length;
  std::int64_t usual = 0, latest = 0;
  for (std::uint32_t parts = 0; steady::now() < end; ++parts) {
    auto one = std::make_unique<part>(all, seed + 100 * parts);
    one->go_on(std::min(end, steady::now() + std::min<steady::duration>(60s, length / 4)));
    one->end();
    one.reset();
    all.settle(before);
    auto now = all.holdings();
    latest = now.memory;
    if (steady::now() - began <= std::min<steady::duration>(5min, length / 2) + 10s || usual == 0)
      usual = latest;
    std::cerr << "soak: " << std::chrono::duration_cast<std::chrono::seconds>(steady::now() - began).count()
              << " s; " << now << "; " << all.book().counts() << std::endl;
    INFO("MOORAGE_SEED=" << seed << "; what was under way:\n" << all.book().latest());
    REQUIRE(all.book().wrongs() == std::vector<std::string>{});
  }
  INFO("MOORAGE_SEED=" << seed);
  // That there was work and there were faults at all.
  for (const auto* each : {"commands", "leases", "streams read", "processes that succeeded",
                           "clients by hand", "links over TLS", "faults and orders"})
    CHECK(all.book().counted(each) > 0);
  if (std::string_view{MOORAGE_SANITIZE}.empty()) // which keep what was freed
    CHECK(latest - usual < growth_max);
}
