// What is said about what others have said: labels, and errors of the world, in refusals, events and lists.
#include <algorithm>
#include <set>

#include "messages/error_words.hpp"
#include "tests/core/story.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using namespace moorage::test;
using support::hostile_text;
using support::misleading_in_line;

TEST_CASE("a label stays within its line wherever it is shown, and is no longer than a line") {
  story s{lumi(1)};
  auto label = hostile_text + std::string(100'000, 'x');
  s.step(acquire_requested{r1, h1, s.now + 1h, label});
  s.step(connection_opened{c1});
  s.step(acquire_requested{r2, h2, s.now + 1s, label});
  auto waiters = s.core.waiters(s.now);
  REQUIRE(waiters.size() == 1);
  CHECK(misleading_in_line(waiters[0].label) == "");
  CHECK(waiters[0].label.size() < 1'000);
  auto leases = s.core.leases(s.now);
  REQUIRE(leases.size() == 1);
  CHECK(misleading_in_line(leases[0].label) == "");
  CHECK(leases[0].label.size() < 1'000);
  CHECK(s.wait(1s) == "refuse r2 acquire_timeout");
  CHECK(s.refusal.find("evil") != std::string::npos); // it says who holds the lease
  CHECK(misleading_in_line(s.refusal) == "");
  CHECK(s.announced.size() > 3);
  for (const auto& line : s.announced)
    CHECK(misleading_in_line(line) == "");
}

TEST_CASE("whoever waited for a log-in gets all that the server said, and the event, which is kept, has its "
          "begin") {
  story s{lumi(1)};
  s.acquire(r1, h1);
  const std::string banner(100'000, 'b');
  const auto effects = s.core.step(s.now, connection_opened{c1, {}, {}, banner});
  std::size_t granted = 0, told = 0;
  for (const auto& each : effects) {
    if (const auto* grant_of = std::get_if<grant>(&each))
      granted = grant_of->banner.size();
    if (const auto* event = std::get_if<announce>(&each);
        event != nullptr && event->what == event_kind::opened)
      told = event->text.size();
  }
  CHECK(granted == banner.size());
  CHECK((told > 1'000 && told < 20'000));
}

TEST_CASE("a lease that ended otherwise than by its release is told with the reason, however late") {
  story s{lumi(1)};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  SECTION("revoked") {
    s.step(ordered<revoke_lease>{r2, {{}, l1}});
    s.release(l1, h1, r3);
    CHECK(s.refusal.find("revoked by an administrator") != std::string::npos);
  }
  SECTION("with its connection") {
    s.step(connection_lost{c1, {ssh_stage::session, ssh_failure::reset, "cable pulled"}});
    s.step(lease_released{r3, l1, h1});
    CHECK(s.refusal.find("cable pulled") != std::string::npos);
  }
  SECTION("never confirmed") {
    s.wait(6s);
    s.step(lease_released{r3, l1, h1});
    CHECK(s.refusal.find("did not confirm") != std::string::npos);
  }
}

TEST_CASE("those who watch are told the cause of a failed opening once") {
  const std::string cause = "somebody said no";
  // Each refusal is its waiter's own.
  auto told = [](story& s) {
    std::erase_if(s.announced, [](const auto& line) { return line.find("announce refused") == 0; });
    return s.announced;
  };
  auto times = [&](story& s) {
    auto lines = told(s);
    return std::count_if(lines.begin(), lines.end(),
                         [&cause](const auto& line) { return line.find(cause) != std::string::npos; });
  };
  SECTION("when it latches the pool") {
    story s{lumi()};
    s.acquire(r1, h1);
    s.step(connection_failed{c1, error_of(ssh_failure::denied, cause)});
    CHECK(times(s) == 1);
    CHECK(s.announced.back().find(
              "no further try until the settings or a file that log-ins use change, or the pool is reset: "
              "cannot log in to 'lumi': " +
              cause) != std::string::npos);
  }
  SECTION("when it backs the pool off") {
    story s{lumi()};
    s.acquire(r1, h1);
    s.step(connection_failed{c1, error_of(ssh_failure::protocol, cause)});
    CHECK(times(s) == 1);
    CHECK(s.announced.back().find("announce backing_off next try in ") == 0);
  }
}

TEST_CASE("a refusal at the deadline tells one cause once, whoever has met it") {
  const std::string cause = "somebody said no";
  auto settings = lumi(2);
  story s{settings};
  s.acquire(r1, h1, 1min);
  s.acquire(r2, h1, 3500ms, "second");
  s.step(connection_failed{c1, error_of(ssh_failure::refused, cause)});
  s.step(connection_failed{c2, error_of(ssh_failure::protocol, cause)}); // given up at once
  s.step(connection_closed{c2});
  CHECK(s.wait(3500ms).find("refuse r2 acquire_timeout") != std::string::npos);
  auto first = s.refusal.find(cause);
  REQUIRE(first != std::string::npos);
  CHECK(s.refusal.find(cause, first + 1) == std::string::npos);
}

TEST_CASE("a refusal without a text is told in its code's plain words, each in its own") {
  std::set<std::string> words;
  for (std::uint8_t code = 0; code < static_cast<std::uint8_t>(errc::count_); ++code) {
    auto said = in_words(failure{static_cast<errc>(code), {}});
    INFO(said);
    CHECK(said.size() > 8);
    CHECK(said.find('_') == std::string::npos);
    CHECK(words.insert(said).second);
  }
  CHECK(error_rows().size() + 1 == static_cast<std::size_t>(errc::count_));
  for (const auto& row : error_rows())
    CHECK(std::string{row.meaning}.ends_with('.'));
  CHECK(in_words(static_cast<errc>(200)) == "an error of another version, number 200");
  CHECK(in_words(failure{errc::stopping, "the node stops"}) == "the node stops");
}
