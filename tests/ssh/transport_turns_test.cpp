// Which pumps of an opening compute, against a real sshd: a transport says so before, since its owner waits
// for a turn.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string_view>

#include "tests/ssh/transport_driver.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage;
using namespace moorage::test;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

/// How much more the pumps that compute spend than all others: more than a hundred times as much, and a
/// signature alone is a fortieth. A sanitizer slows down all but the computing: sixteen times, or eight.
constexpr auto far_more = std::string_view{MOORAGE_SANITIZE}.empty() ? 50 : 2;

bool computes(const driven& link) {
  return steady::now() < link.it->computes_until();
}

/// Processor time of the pumps that said that they may compute, and of those that did not.
struct account {
  std::chrono::nanoseconds said{0};
  std::chrono::nanoseconds unsaid{0};
  int turns = 0;

  bool pump(driven& link) {
    bool says = computes(link);
    auto before = spent_by_this_thread();
    bool more = link.pump();
    (says ? said : unsaid) += spent_by_this_thread() - before;
    turns += says;
    return more;
  }
};

/// Pumps until the next pump computes for the first time.
void reach_the_exchange(driven& link) {
  link.it->open();
  REQUIRE(link.until([&] { return computes(link); }));
}

std::string failure_at(driven& link, time_point when) {
  std::vector<transport_event> events;
  auto before = spent_by_this_thread();
  CHECK_FALSE(link.it->pump(when, events));
  CHECK(spent_by_this_thread() - before < 50ms);
  REQUIRE(events.size() == 1);
  REQUIRE(std::holds_alternative<transport_failed>(events[0]));
  return std::get<transport_failed>(events[0]).error.text;
}

} // namespace

TEST_CASE("all that an opening computes it computes in pumps that say so before", "[transport][turns]") {
  support::real_sshd_settings slow;
  slow.config = {"KexAlgorithms diffie-hellman-group18-sha512"};
  support::real_sshd server{slow};
  world around;
  auto settings = around.settings_for(server);
  settings.key_files = {server.add_client_key("signing", "rsa")};
  bell rung;
  driven link{around, settings, rung};
  account spent;
  link.it->open();
  CHECK_FALSE(computes(link));
  // Every pump is made here, so that none is missing from the account.
  for (auto end = steady::now() + 20s; !link.opened && !link.failed && steady::now() < end;)
    if (!spent.pump(link))
      rung.wait_until(std::min<steady::time_point>(end, link.it->next_due()));
  REQUIRE(link.opened);
  INFO(spent.said.count() / 1'000 << " us in " << spent.turns << " turns, " << spent.unsaid.count() / 1'000
                                  << " us else");
  CHECK(spent.said > far_more * spent.unsaid);
  CHECK(spent.turns >= 4);
  CHECK(spent.turns < 40);
}

TEST_CASE("what is open or closing never says that it computes", "[transport][turns]") {
  support::real_sshd server;
  world around;
  driven link{around, around.settings_for(server)};
  REQUIRE(link.open());
  CHECK_FALSE(computes(link));
  CHECK(link.run("echo useful").output == "useful\n");
  CHECK_FALSE(computes(link));
  driven given_up{around, around.settings_for(server)};
  reach_the_exchange(given_up);
  given_up.it->close();
  CHECK_FALSE(computes(given_up)); // so its owner pumps it without a turn
  CHECK(given_up.close() < prompt);
}

TEST_CASE(
    "an opening whose turn does not come in time fails without computing, and says what kept it waiting",
    "[transport][turns]") {
  support::real_sshd server;
  world around;
  auto settings = around.settings_for(server);
  auto busy = Catch::Contains(" was busy with the key exchanges and log-ins of others");
  SECTION("from the start") {
    driven link{around, settings};
    reach_the_exchange(link);
    CHECK_THAT(failure_at(link, link.it->computes_until()), busy);
  }
  SECTION("with the server's answer unread") {
    driven link{around, settings};
    reach_the_exchange(link);
    link.pump(); // our first words leave
    auto woken = around.loop.wakes();
    REQUIRE(server.wait_for_log("Connection from", 1, 20s));
    // The server's words arrive, and nobody pumps.
    driven other{around, settings};
    REQUIRE(other.open());
    REQUIRE(around.loop.wakes() > woken);
    CHECK_THAT(failure_at(link, link.it->computes_until()), busy);
  }
  SECTION("but not when the server was waited for") {
    support::raw_peer silent{"", ""};
    settings.host = silent.host();
    settings.port = silent.port();
    driven link{around, settings};
    reach_the_exchange(link);
    while (link.pump()) {
    }
    CHECK_THAT(failure_at(link, link.it->computes_until()), Catch::Contains("has said nothing since"));
  }
}
