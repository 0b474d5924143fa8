// Log-ins as a server counts them: what its address hears of us, whoever waits.
#include <catch2/catch.hpp>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/support/fake_sshd.hpp"

using namespace moorage;
using namespace moorage::test;
using steady = std::chrono::steady_clock;

TEST_CASE("five hundred who wait through an outage knock no more often than the budget allows, and are "
          "served after it") {
  support::fake_faults outage;
  outage.break_at = support::phase::authentication;
  outage.break_how = support::breakage::reset;
  support::fake_sshd sshd{outage};
  support::real_sshd keys; // only for its client's key: the fake one takes any
  support::scratch_folder folder;
  sshd.write_known_hosts(folder / "known_hosts");
  auto cluster = [&](const std::string& name, std::uint32_t size) {
    auto settings = settings_for(keys, name);
    settings.host = sshd.host();
    settings.port = sshd.port();
    settings.user = name;
    settings.known_hosts_files = {folder / "known_hosts"};
    settings.pool_size = size;
    settings.log_ins_per_minute = cluster_settings{}.log_ins_per_minute;
    settings.penalty_max = cluster_settings{}.penalty_max;
    return settings;
  };
  runtime rt{quiet_configuration({cluster("alpha", 4), cluster("beta", 2)})};
  auto began = steady::now();
  auto allowed = [began] { return 4 + (steady::now() - began) / 6s; }; // a burst, then ten a minute

  std::vector<pending<result<lease>>> waiting;
  for (int i = 0; i < 500; ++i)
    waiting.push_back(rt.async().acquire(i % 2 == 0 ? "alpha" : "beta", {2min, {}, {}, true}));
  CHECK(sshd.wait_until([](const auto& seen) { return seen.connects >= 4; }));
  // Without a budget there are twelve within four seconds.
  CHECK_FALSE(sshd.wait_until([&](const auto& seen) { return seen.connects > allowed(); }, 5s));
  sshd.set(support::fake_faults{});
  for (auto& each : waiting)
    CHECK(bool{each.get()});
  CHECK(sshd.counters().connects <= allowed());
}

TEST_CASE("a server that turns a log-in away is not knocked at again for a while, and who waits is told so") {
  support::fake_faults full;
  full.break_at = support::phase::accepted;
  full.break_how = support::breakage::close;
  support::fake_sshd sshd{full};
  auto settings = unreachable("alpha");
  settings.host = sshd.host();
  settings.port = sshd.port();
  settings.penalty_max = cluster_settings{}.penalty_max;
  runtime rt{quiet_configuration({settings})};
  auto refused = rt.try_acquire("alpha", 2s); // two tries otherwise
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::acquire_timeout);
  CHECK_THAT(refused.error().text,
             Catch::Contains("has turned a log-in away") && Catch::Contains("the next may begin in "));
  CHECK(sshd.counters().connects == 1);
  // Who has the patience is told what it was, after three tries, and does not wait to the end of it.
  auto told = rt.try_acquire("alpha", 60s);
  REQUIRE_FALSE(told);
  CHECK(told.error().code == errc::connect_failed);
  CHECK(sshd.counters().connects <= 3);
}
