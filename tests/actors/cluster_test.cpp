// What a setting may be, and what a destination on the command line means.
#include <catch2/catch.hpp>

#include "messages/settings.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

cluster_settings sound() {
  cluster_settings settings;
  settings.name = "lumi";
  settings.host = "lumi.csc.fi";
  return settings;
}

/// "" or what is wrong after one change to sound settings.
template <class Change>
std::string wrong_after(Change change) {
  auto settings = sound();
  change(settings);
  auto wrong = check_settings(settings);
  CHECK((wrong.code == errc::none) == wrong.text.empty());
  CHECK((wrong.code == errc::none || wrong.code == errc::invalid_settings));
  return wrong.text;
}

std::string destination(const std::string& text) {
  cluster_settings settings;
  auto wrong = parse_destination(text, settings);
  if (wrong.code != errc::none)
    return wrong.text;
  CHECK(settings.name == text);
  return settings.user + "|" + settings.host + "|" + std::to_string(settings.port);
}

} // namespace

TEST_CASE("the defaults with a name and a host are sound settings") {
  CHECK(check_settings(sound()).code == errc::none);
  CHECK_THAT(check_settings({}).text, Contains("name"));
}

TEST_CASE("the defaults are those that users are told") {
  const cluster_settings settings;
  CHECK(settings.linger == 10s);
  CHECK(settings.reply_timeout == 30s);
  CHECK(settings.agent_timeout == 30s); // connect_timeout stands still meanwhile
  CHECK(settings.environment_fallback == variable_fallback::prefix);
  CHECK(settings.proving_time == 10s);
}

TEST_CASE("hosts are compared as a name server takes them, so that no machine is there twice") {
  auto with = [](const std::string& third) {
    return wrong_after([&third](cluster_settings& x) {
      x.host.clear();
      x.hosts = {"login1.example.org", "login2.example.org", third};
    });
  };
  for (const std::string same : {"login1.example.org", "Login1.Example.ORG", "login1.example.org."})
    CHECK(with(same) == "hosts: '" + same + "' is there twice");
  for (const auto* another : {"login1", "login1.example.or", "login11.example.org"})
    CHECK(with(another).empty());
}

TEST_CASE("every setting out of its range is named, with what is allowed") {
  using s = cluster_settings;
  CHECK_THAT(wrong_after([](s& x) { x.name = "a b"; }), Contains("name"));
  CHECK_THAT(wrong_after([](s& x) { x.name = std::string(301, 'a'); }), Contains("name"));
  CHECK_THAT(wrong_after([](s& x) { x.host = ""; }), Contains("host"));
  CHECK_THAT(wrong_after([](s& x) { x.host = "-oProxyCommand"; }), Contains("host"));
  CHECK_THAT(wrong_after([](s& x) { x.host = "lumi; rm -rf"; }), Contains("host"));
  CHECK_THAT(wrong_after([](s& x) { x.host = "lümi"; }), Contains("xn--"));
  CHECK_THAT(wrong_after([](s& x) { x.port = 0; }), Contains("port: 0 is out of range; allowed: 1 to 65535"));
  CHECK_THAT(wrong_after([](s& x) { x.user = "two words"; }), Contains("user"));
  CHECK_THAT(wrong_after([](s& x) { x.key_files = {"a", ""}; }), Contains("key_files"));
  CHECK_THAT(wrong_after([](s& x) { x.known_hosts_files = {"a\nb"}; }), Contains("known_hosts_files"));
  CHECK_THAT(wrong_after([](s& x) { x.password_secret = "a\nb"; }), Contains("password_secret"));
  CHECK_THAT(wrong_after([](s& x) { x.connect_timeout = 0ms; }),
             Contains("connect_timeout: 0s is out of range; allowed: ") && Contains(", 100ms to 10min"));
  CHECK_THAT(wrong_after([](s& x) { x.keep_alive_interval = 1ms; }), Contains("0, or 100ms to 1d"));
  CHECK_THAT(wrong_after([](s& x) { x.pool_size = 0; }),
             Contains("pool_size: 0 is out of range; allowed: 1 to 10000"));
  CHECK_THAT(wrong_after([](s& x) { x.channels_per_connection = 0; }), Contains("channels_per_connection"));
  CHECK_THAT(wrong_after([](s& x) { x.min_idle = 6; }), Contains("min_idle: 6 is more than pool_size, 5"));
  CHECK_THAT(wrong_after([](s& x) { x.connects_at_once = 10'001; }), Contains("connects_at_once"));
  CHECK_THAT(wrong_after([](s& x) { x.penalty_max = 999ms; }), Contains("penalty_max"));
  CHECK_THAT(wrong_after([](s& x) { x.queue_depth = 0; }), Contains("queue_depth"));
  CHECK_THAT(wrong_after([](s& x) { x.acquire_timeout = -1ms; }),
             Contains("acquire_timeout: -1ms is out of range"));
  CHECK_THAT(wrong_after([](s& x) { x.connection_lifetime = 0ms; }), Contains("connection_lifetime"));
  CHECK_THAT(wrong_after([](s& x) { x.idle_timeout = 721h; }),
             Contains("idle_timeout: 30d1h is out of range; allowed: ") && Contains(", 100ms to 30d"));
  CHECK_THAT(wrong_after([](s& x) { x.probe_interval = 0ms; }), Contains("probe_interval"));
  CHECK_THAT(wrong_after([](s& x) { x.probe_timeout = 0ms; }), Contains("probe_timeout"));
  CHECK_THAT(wrong_after([](s& x) { x.probe_failures_max = 0; }), Contains("probe_failures_max"));
  CHECK_THAT(wrong_after([](s& x) { x.probes_at_once = 10'001; }), Contains("probes_at_once"));
  CHECK_THAT(wrong_after([](s& x) { x.output_max = 0; }), Contains("output_max"));
  CHECK_THAT(wrong_after([](s& x) { x.probe = probe_method::exec, x.probe_command = ""; }),
             Contains("probe_command"));
  // Enumerators travel as numbers, and any number arrives.
  CHECK_THAT(wrong_after([](s& x) { x.strict_host_keys = static_cast<host_key_policy>(200); }),
             Contains("accept-new"));
  CHECK_THAT(wrong_after([](s& x) { x.probe = static_cast<probe_method>(200); }),
             Contains("probe: 200 is out of range; allowed: \"channel\" or \"exec\""));
  CHECK_THAT(wrong_after([](s& x) { x.linger = -1ms; }), Contains("linger: -1ms is out of range"));
}

TEST_CASE("the ends of the ranges are allowed") {
  using s = cluster_settings;
  CHECK(wrong_after([](s& x) { x.keep_alive_interval = 0ms; }).empty());
  CHECK(wrong_after([](s& x) { x.pool_size = 10'000, x.min_idle = 10'000; }).empty());
  CHECK(wrong_after([](s& x) { x.probes_at_once = 0; }).empty());
  CHECK(wrong_after([](s& x) { x.host = "fe80::1%eth0"; }).empty());
  CHECK(wrong_after([](s& x) { x.name = "alice@[::1]:2222"; }).empty());
}

TEST_CASE("a destination is read as ssh's users write it") {
  CHECK(destination("lumi") == "|lumi|22");
  CHECK(destination("alice@lumi.csc.fi") == "alice|lumi.csc.fi|22");
  CHECK(destination("alice@lumi:2222") == "alice|lumi|2222");
  CHECK(destination("a@b@lumi") == "a@b|lumi|22");
  CHECK(destination("127.0.0.1:65535") == "|127.0.0.1|65535");
  CHECK(destination("[::1]:2222") == "|::1|2222");
  CHECK(destination("alice@[2001:db8::1]") == "alice|2001:db8::1|22");
  CHECK(destination("::1") == "|::1|22");
}

TEST_CASE("what is no destination says why") {
  CHECK_THAT(destination(""), Contains("is no destination"));
  CHECK_THAT(destination("@lumi"), Contains("no user before the @"));
  CHECK_THAT(destination("alice@"), Contains("host"));
  CHECK_THAT(destination("lumi:"), Contains("the port is a number from 1 to 65535"));
  CHECK_THAT(destination("lumi:0"), Contains("the port is"));
  CHECK_THAT(destination("lumi:65536"), Contains("the port is"));
  CHECK_THAT(destination("lumi:22x"), Contains("the port is"));
  CHECK_THAT(destination("lumi:-1"), Contains("the port is"));
  CHECK_THAT(destination("[::1"), Contains("never closed"));
  CHECK_THAT(destination("[::1]22"), Contains("after ]"));
  CHECK_THAT(destination("[lumi]:22"), Contains("brackets are for IPv6"));
  CHECK_THAT(destination("lumi csc"), Contains("is no destination"));
  CHECK_THAT(destination("ssh://lumi"), Contains("is no destination"));
}

TEST_CASE("a text that is no destination changes nothing") {
  auto settings = sound();
  CHECK(parse_destination("lumi:x", settings).code == errc::invalid_settings);
  CHECK(settings == sound());
}

TEST_CASE("enumerators are spelt as the config file spells them") {
  CHECK(to_string(host_key_policy::strict) == "yes");
  CHECK(to_string(host_key_policy::accept_new) == "accept-new");
  CHECK(to_string(host_key_policy::off) == "no");
  CHECK(to_string(probe_method::channel) == "channel");
  CHECK(to_string(probe_method::exec) == "exec");
  CHECK(to_string(static_cast<probe_method>(200)) == "200");
}

} // namespace moorage
