// Promises: one setting is changed by its name at run time, as its row says, or nothing is.
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

namespace {

ordered<set_setting> set(request_id request, std::string key, std::string value) {
  return {request, {{}, std::move(key), std::move(value)}};
}

/// What the pool says that it has done.
std::string said(story& s, const pool_event& event) {
  for (const auto& effect : s.core.step(s.now, event))
    if (const auto* a = std::get_if<acknowledge>(&effect))
      return a->text;
  return "nothing";
}

} // namespace

TEST_CASE(
    "one setting is changed by its name, and the answer says what it was and what becomes of connections") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_opened{c1});
  s.acquire(r2, h2);
  CHECK(s.step(set(r3, "pool_size", "2")) == "acknowledge r3, open c2");
  CHECK(s.status().size == 2);
  CHECK(said(s, set(r4, "pool_size", "3")) == "pool_size is 3, was 2");
  CHECK(said(s, set(r5, "probe_timeout", "2s")) == "probe_timeout is \"2s\", was \"5s\"");
  CHECK(said(s, set(r6, "port", "2222")) ==
        "port is 2222, was 22. A change closes the open connections, each once its leases have ended.");
  CHECK(s.core.settings().port == 2222);
  CHECK(said(s, set(r7, "linger", "5s")).ends_with("for connections that are opened from then on."));
}

TEST_CASE("a setting that is set to what it is changes nothing, not even a latch") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_failed{c1, error_of(ssh_failure::denied)});
  CHECK(said(s, set(r2, "pool_size", "1")) == "pool_size is 1 already");
  CHECK(s.status().latched.code == errc::auth_denied);
  CHECK(s.step(set(r3, "user", "joe")) == "acknowledge r3");
  CHECK(s.status().latched.code == errc::none);
}

TEST_CASE("a setting that cannot be is refused with what is allowed, and nothing changes") {
  story s{lumi(2)};
  auto before = s.core.settings();
  auto refused = [&s](const std::string& key, const std::string& value) {
    CHECK(s.step(set(r1, key, value)) == "refuse r1 invalid_settings");
    return s.refusal;
  };
  CHECK(refused("pool_size", "0").find("1 to 10000") != std::string::npos);
  CHECK(refused("pool_size", "many").find("\"many\" is not understood; allowed: 1 to 10000") !=
        std::string::npos);
  CHECK(refused("probe_timeout", "5").find("10ms to 10min") != std::string::npos);
  CHECK(refused("pol_size", "3") == "there is no setting 'pol_size'; did you mean pool_size?");
  CHECK(refused("min_idle", "3").find("more than pool_size") != std::string::npos);
  CHECK(refused("name", "mahti").find("register the cluster under another") != std::string::npos);
  CHECK(refused("strict_host_keys", "perhaps").find("accept-new") != std::string::npos);
  CHECK(s.core.settings() == before);
  s.step(stop_requested{});
  CHECK(s.step(set(r2, "pool_size", "3")) == "refuse r2 stopping");
}

TEST_CASE("every setting can be set to what it is by the text that is shown of it, but for lists") {
  auto settings = lumi();
  for (const auto& field : cluster_fields()) {
    if (field.type == setting_type::file_list || field.type == setting_type::text_list)
      continue;
    INFO(field.name);
    auto shown = format_value(field, field.get(settings));
    if (shown.starts_with('"'))
      shown = shown.substr(1, shown.size() - 2);
    auto changed = settings;
    CHECK(change_setting(changed, std::string{field.name}, shown).code == errc::none);
    CHECK(changed == settings);
  }
}

TEST_CASE("a setting that log-ins do not depend on lifts no latch, nor does another size") {
  story s{lumi()};
  s.acquire(r1, h1);
  s.step(connection_failed{c1, error_of(ssh_failure::denied)});
  s.step(set(r2, "queue_depth", "2000"));
  s.step(ordered<resize_pool>{r3, {{}, 2}});
  CHECK(s.status().latched.code == errc::auth_denied);
  s.step(settings_changed{r4, s.core.settings()}); // registered anew
  CHECK(s.status().latched.code == errc::none);
}

TEST_CASE("a file whose place depends on who looks is refused, and so is what is too long to be a setting") {
  auto settings = lumi();
  for (const char* key : {"key_files", "known_hosts_files"}) {
    auto refused = change_setting(settings, key, "id_ed25519");
    CHECK(refused.code == errc::invalid_settings);
    CHECK_THAT(refused.text, Catch::Contains("'id_ed25519'") && Catch::Contains("from the root or from ~"));
    CHECK(change_setting(settings, key, "~/id_ed25519").code == errc::none);
  }
  CHECK(change_setting(settings, std::string(65, 'x'), "1").text.size() < 200);
  CHECK(change_setting(settings, "user", std::string(1 << 20, 'x')).text.size() < 200);
  CHECK(settings.user == "jane");
}
