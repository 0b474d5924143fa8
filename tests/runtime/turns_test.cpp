// Many openings at once, and the pools beside theirs.
#include <catch2/catch.hpp>

#include <atomic>

#include "tests/runtime/embedding_fixture.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

constexpr int openings = 20;

/// An sshd whose key exchange keeps a client's processor busy for a fifth of a second.
support::real_sshd_settings slow_groups() {
  support::real_sshd_settings settings;
  settings.config = {"KexAlgorithms diffie-hellman-group18-sha512"};
  return settings;
}

cluster_settings all_at_once(const support::real_sshd& sshd, std::uint32_t size) {
  auto settings = settings_for(sshd, "slow");
  settings.pool_size = settings.min_idle = settings.connects_at_once = size;
  settings.connect_timeout = 2min;
  return settings;
}

} // namespace

TEST_CASE("openings with slow groups leave a thread to the acquires of another pool") {
  // Judged by what happens between two openings, not by the clock: where all threads compute there are ten to
  // thirty acquires, and thousands where one does not.
  constexpr int acquires_between = 60;
  support::real_sshd slow{slow_groups()};
  support::real_sshd sound;
  runtime rt{quiet_configuration({settings_for(sound, "sound"), settings_for(slow, "slow")})};
  REQUIRE(bool{rt.acquire("sound", 20s).release()});
  std::atomic<int> opened = 0;
  auto heard = rt.subscribe(
      "slow", [&opened](const event_record& event) { opened += event.what == event_kind::opened; });
  REQUIRE(heard);
  REQUIRE(bool{rt.register_cluster(all_at_once(slow, openings))});
  int acquires = 0;
  while (opened < openings / 4) {
    REQUIRE(bool{rt.acquire("sound", 20s).release()});
    ++acquires;
  }
  CHECK(acquires > openings / 4 * acquires_between);
}

TEST_CASE("one opening of another pool does not wait for many with slow groups") {
  support::real_sshd slow{slow_groups()};
  support::real_sshd sound;
  runtime rt{quiet_configuration({settings_for(sound, "sound"), settings_for(slow, "slow")})};
  std::atomic<int> opened = 0;
  auto heard = rt.subscribe(
      "slow", [&opened](const event_record& event) { opened += event.what == event_kind::opened; });
  REQUIRE(heard);
  REQUIRE(bool{rt.register_cluster(all_at_once(slow, openings))});
  while (opened < 1)
    static_cast<void>(rt.pool("slow").value());
  REQUIRE(bool{rt.acquire("sound", 60s).release()});
  // Its four or five turns come between as many of the others', each of which needs two that are long.
  CHECK(opened < openings * 3 / 4);
}
