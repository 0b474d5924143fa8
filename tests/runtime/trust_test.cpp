// What a host key's trouble looks like to a program that embeds us.
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/runtime/embedding_fixture.hpp"

namespace moorage::test {

namespace {

using Catch::Matchers::Contains;

} // namespace

TEST_CASE("each log-in whose host key could not be written down is an event and a line of the log") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  const auto file = folder / "known_hosts";
  const support::held_lock lock{file};
  auto settings = settings_for(sshd, "alpha");
  settings.known_hosts_files = {file};
  settings.strict_host_keys = host_key_policy::accept_new;
  auto config = quiet_configuration({settings});
  config.log_level = "warning";
  config.log_file = folder / "log";
  std::mutex mutex;
  std::condition_variable told;
  std::vector<event_record> warned;
  std::size_t opened = 0;
  {
    runtime rt{config};
    auto watching = rt.subscribe("alpha", [&](const event_record& event) {
                        std::lock_guard guard{mutex};
                        if (event.what == event_kind::warned)
                          warned.push_back(event);
                        opened += event.what == event_kind::opened;
                        told.notify_all();
                      }).value();
    for (int time = 0; time < 2; ++time) {
      CHECK(rt.acquire("alpha", 20s).run("true").ended.succeeded());
      REQUIRE(bool{rt.disconnect("alpha")});
    }
    std::unique_lock guard{mutex};
    CHECK(told.wait_for(guard, 20s, [&] { return opened >= 2; }));
  }
  REQUIRE(warned.size() == opened);
  for (const auto& event : warned) {
    CHECK(event.connection);
    CHECK_THAT(event.text, Contains(file) && Contains("could not be written down") && Contains("locked"));
  }
  auto log = support::contents_of(folder / "log");
  std::size_t lines = 0;
  for (auto at = log.find("alpha: warned"); at != std::string::npos; at = log.find("alpha: warned", at + 1))
    ++lines;
  CHECK(lines == warned.size());
}

TEST_CASE("a revoked host key and known_hosts that cannot be read are refusals of their own, latched") {
  support::real_sshd sshd;
  support::scratch_folder folder;
  const auto file = folder / "known_hosts";
  auto settings = settings_for(sshd, "alpha");
  settings.known_hosts_files = {file};
  settings.strict_host_keys = GENERATE(host_key_policy::strict, host_key_policy::accept_new);
  auto expected = errc::none;
  SECTION("revoked") {
    expected = errc::host_key_revoked;
    std::ofstream{file} << "@revoked * " << sshd.host_key() << "\n";
  }
  SECTION("unreadable") {
    expected = errc::known_hosts_unreadable;
    std::ofstream{file, std::ios::binary} << std::string(1, '\0') << "\n";
  }
  runtime rt{quiet_configuration({settings})};
  CHECK(rt.try_acquire("alpha", {20s, {}, {}}).error().code == expected);
  const auto connects = sshd.connects();
  auto again = rt.try_acquire("alpha", {20s, {}, {}}).error();
  CHECK(again.code == expected);
  CHECK_THAT(again.text, Contains(file));
  CHECK(sshd.connects() == connects);
}

} // namespace moorage::test
