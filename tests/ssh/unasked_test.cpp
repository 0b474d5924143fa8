// The account of what a server sends unasked: arithmetic, with made-up time.
#include <catch2/catch.hpp>

#include "runtime/ssh/unasked.hpp"

using namespace moorage;
using namespace std::chrono_literals;

namespace {

const time_point start{1'000s};

/// A server that floods from `from` for so long, while we read whenever we may and each reading costs this
/// much. Returns the processor time it had.
std::chrono::nanoseconds flood(unasked_account& account, time_point from, std::chrono::nanoseconds lasts,
                               std::chrono::nanoseconds reading) {
  std::chrono::nanoseconds spent{0};
  for (auto now = from; now < from + lasts; now = std::max(now + reading, account.reads_again())) {
    account.came(128, reading, now);
    spent += reading;
  }
  return spent;
}

} // namespace

TEST_CASE("what is asked for never stops the reading") {
  unasked_account account;
  for (auto now = start; now < start + 60s; now += 1ms) {
    account.expect(unasked_account::per_channel + 3);
    account.came(unasked_account::per_channel + 3, 1ms, now); // a whole processor
    REQUIRE(account.reads_again() <= now);
    REQUIRE_FALSE(account.suspects(now)); // and so nothing is measured either
  }
  CHECK_FALSE(account.lost_patience(start + 60s));
  CHECK(account.unasked() == 0);
}

TEST_CASE("a flood gets its share of a processor, and no more") {
  for (auto reading : {100us, 1000us, 300'000us}) {
    unasked_account account;
    auto spent = flood(account, start, 20s, reading);
    auto fair = unasked_account::store + 20s * unasked_account::share;
    CHECK(spent < fair * 1.1 + reading);
    CHECK(spent > fair * 0.9);
  }
}

TEST_CASE("what comes unasked is worth measuring for a while") {
  unasked_account account;
  account.came(1, 0s, start);
  CHECK(account.suspects(start + 900ms));
  CHECK_FALSE(account.suspects(start + 1100ms));
  account.came(0, 0s, start + 2s); // a piece of a packet
  CHECK(account.suspects(start + 2s));
}

TEST_CASE("a keep-alive now and then costs nothing, also for days") {
  unasked_account account;
  for (auto now = start; now < start + 48h; now += 15s) {
    account.came(1, 50us, now);
    REQUIRE(account.reads_again() <= now);
  }
}

TEST_CASE("among output that was asked for only the rest is counted") {
  unasked_account account;
  for (auto now = start; now < start + 10s; now += 10ms) {
    account.expect(99);
    account.came(100, 5ms, now); // half a processor, a hundredth of it unasked
    REQUIRE(account.reads_again() <= now);
  }
}

TEST_CASE("a packet that comes in ever so many pieces is a flood, one in a few hundred is none") {
  unasked_account account;
  auto now = start;
  for (int packet = 0; packet < 1'000; ++packet) {
    for (int piece = 0; piece < 200; ++piece)
      account.came(0, 50us, now += 1ms);
    account.expect(1);
    account.came(1, 50us, now += 1ms);
    REQUIRE(account.reads_again() <= now);
  }
  std::chrono::nanoseconds spent{0};
  for (const auto end = now + 20s; now < end; now = std::max(now + 50us, account.reads_again())) {
    account.came(0, 50us, now);
    spent += 50us;
  }
  CHECK(spent < (unasked_account::store + 20s * unasked_account::share) * 1.1);
  CHECK_FALSE(account.lost_patience(now)); // slow, and its packet may yet become one that was asked for
}

TEST_CASE("patience ends after thirty seconds of flood, and not after a flood that ended") {
  unasked_account account;
  flood(account, start, 29s, 1ms);
  CHECK_FALSE(account.lost_patience(start + 29s));
  flood(account, start + 29s, 2s, 1ms);
  CHECK(account.lost_patience(start + 31s));

  unasked_account other;
  flood(other, start, 20s, 1ms);
  other.came(1, 50us, start + 40s); // a keep-alive, long after
  CHECK_FALSE(other.lost_patience(start + 40s));
  CHECK(other.reads_again() <= start + 40s);
}

TEST_CASE("a server that often changes keys under much output is slowed, and never given up") {
  unasked_account account;
  auto now = start;
  for (int i = 0; i < 100'000 && now < start + 120s; ++i) {
    account.expect(32);
    account.came(35, 10ms, now); // three packets of a key exchange
    REQUIRE_FALSE(account.lost_patience(now));
    now = std::max(now + 10ms, account.reads_again());
  }
}
