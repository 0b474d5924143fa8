// Clusters of several machines, each a real sshd on an address of its own: which of them a lease is on, who
// asks for one, and what a machine costs that is down.
#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/runtime/embedding_fixture.hpp"
#include "tests/runtime/node_of_other_version.hpp"
#include "tests/support/own_network.hpp"
#include "tests/support/raw_peer.hpp"

using namespace moorage;
using namespace moorage::test;
using Catch::Contains;

namespace {

const std::string first = "127.0.0.1", second = "127.0.0.2", third = "127.0.0.3";

/// Sshds of one port on three addresses, each with keys of its own.
class site {
public:
  site() {
    auto port = add(first, 0).port();
    add(second, port);
    add(third, port);
  }

  support::real_sshd& at(const std::string& address) { return *sshds_.at(address); }
  int log_ins() const {
    int all = 0;
    for (const auto& [address, sshd] : sshds_)
      all += sshd->logins();
    return all;
  }
  cluster_settings settings(const std::vector<std::string>& hosts = {first, second, third}) {
    auto settings = settings_for(at(first), "lumi");
    settings.host.clear();
    settings.hosts = hosts;
    settings.pool_size = 6;
    settings.key_files.clear();
    settings.known_hosts_files.clear();
    for (const auto& [address, sshd] : sshds_) {
      settings.key_files.push_back(sshd->client_key());
      settings.known_hosts_files.push_back(sshd->known_hosts());
    }
    return settings;
  }

  /// All of them are a host of this name.
  cluster_settings settings_of_name(const std::string& name) {
    auto result = settings({});
    result.host = name;
    result.known_hosts_files = {folder_ / "known_hosts"};
    std::ofstream known{result.known_hosts_files.front()};
    for (const auto& [address, sshd] : sshds_)
      known << "[" << name << "]:" << sshd->port() << " " << sshd->host_key() << "\n";
    return result;
  }

private:
  support::real_sshd& add(const std::string& address, std::uint16_t port) {
    support::real_sshd_settings wanted;
    wanted.address = address;
    wanted.port = port;
    auto made = std::make_unique<support::real_sshd>(wanted);
    // Of the keys that all files together have for an address only its own count.
    made->write_known_hosts_of(address);
    return *sshds_.emplace(address, std::move(made)).first->second;
  }
  std::map<std::string, std::unique_ptr<support::real_sshd>> sshds_;
  support::scratch_folder folder_;
};

/// A name of several addresses in a network of the test's own. False: it cannot be had here, which is told.
struct named_site {
  support::own_network network;
  support::name_service names{"login.site.test", {first, second, third}};

  explicit operator bool() const {
    if (network && names)
      return true;
    WARN("not tested: " + network.why_not() + names.why_not());
    return false;
  }
};

acquire_options on(const std::string& machine, std::chrono::nanoseconds patience = 30s) {
  acquire_options how{.patience = patience};
  how.machine = machine;
  return how;
}

std::string server_of(lease& held) {
  auto words = held.run("echo $SSH_CONNECTION").output; // "127.0.0.1 4711 127.0.0.2 22"
  words.erase(0, words.find(' ', words.find(' ') + 1) + 1);
  return words.substr(0, words.find(' '));
}

machine_status status_of(runtime& rt, const std::string& machine) {
  for (const auto& each : rt.pool("lumi").value().machines)
    if (each.machine == machine)
      return each;
  return {};
}

} // namespace

TEST_CASE("with spread a pool uses all machines of its hosts, and each lease says on which it is") {
  site all;
  auto settings = all.settings();
  settings.spread = true;
  settings.connects_at_once = 0;
  runtime rt{quiet_configuration({settings})};
  std::vector<lease> held;
  std::map<std::string, int> on_each;
  for (int i = 0; i < 6; ++i) {
    held.push_back(rt.acquire("lumi", 30s));
    CHECK(server_of(held.back()) == held.back().machine());
    ++on_each[held.back().machine()];
  }
  CHECK(on_each == std::map<std::string, int>{{first, 2}, {second, 2}, {third, 2}});
  CHECK(all.log_ins() == 6);
}

TEST_CASE("without it a pool stays on the machine that it uses, and who asks for another has it again") {
  site all;
  runtime rt{quiet_configuration({all.settings()})};
  auto one = rt.acquire("lumi", 30s), two = rt.acquire("lumi", 30s);
  CHECK(one.machine() == first);
  CHECK(two.machine() == first);
  auto there = rt.try_acquire("lumi", on(third)).value();
  CHECK(server_of(there) == third);
  CHECK(there.release());
  auto again = rt.try_acquire("lumi", on(third)).value();
  CHECK(again.machine() == third);
  CHECK(all.at(third).logins() == 1);
  CHECK(all.log_ins() == 3);
  auto none = rt.try_acquire("lumi", on("127.0.0.9"));
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::unknown_machine);
  CHECK_THAT(none.error().text, Contains("it has 127.0.0.1, 127.0.0.2, 127.0.0.3"));
}

TEST_CASE("of a name's addresses spread uses all, each lease says which, and who asks for one has it again") {
  named_site named;
  if (!named)
    return;
  site all;
  auto settings = all.settings_of_name("login.site.test");
  settings.spread = true;
  settings.connects_at_once = 0;
  runtime rt{quiet_configuration({settings})};
  std::map<std::string, int> on_each;
  {
    std::vector<lease> held;
    for (int i = 0; i < 6; ++i) {
      held.push_back(rt.acquire("lumi", 30s));
      CHECK(server_of(held.back()) == held.back().machine());
      ++on_each[held.back().machine()];
    }
  }
  CHECK(on_each == std::map<std::string, int>{{first, 2}, {second, 2}, {third, 2}});
  for (const auto& machine : {third, first, second, third}) {
    auto again = rt.try_acquire("lumi", on(machine)).value();
    CHECK(again.machine() == machine);
    CHECK(server_of(again) == machine);
  }
  CHECK(all.log_ins() == 6);
  // A name is no address of a name's.
  auto none = rt.try_acquire("lumi", on("login2.site.test"));
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::unknown_machine);
  for (const auto& address : {first, second, third})
    CHECK_THAT(none.error().text, Contains(address));
}

TEST_CASE("without spread a pool stays on one of a name's addresses, and who asks for another has that") {
  named_site named;
  if (!named)
    return;
  site all;
  runtime rt{quiet_configuration({all.settings_of_name("login.site.test")})};
  std::vector<lease> held;
  for (int i = 0; i < 3; ++i)
    held.push_back(rt.acquire("lumi", 30s));
  const auto used = held.front().machine();
  for (auto& each : held)
    CHECK(server_of(each) == used);
  CHECK(all.at(used).logins() == 3);
  const auto other = used == third ? first : third;
  for (int i = 0; i < 2; ++i) {
    auto there = rt.try_acquire("lumi", on(other)).value();
    CHECK(there.machine() == other);
    CHECK(server_of(there) == other);
  }
  CHECK(all.at(other).logins() == 1);
  // One that is down costs nobody else, and is named.
  all.at(other).stop();
  for (auto until = std::chrono::steady_clock::now() + 30s; status_of(rt, other).connections > 0;)
    REQUIRE(std::chrono::steady_clock::now() < until); // else who asks may be granted what has just ended
  auto down = rt.try_acquire("lumi", on(other));
  REQUIRE_FALSE(down);
  CHECK_THAT(down.error().text, Contains(other) && Contains("Connection refused"));
  CHECK(rt.acquire("lumi", 30s).machine() == used);
}

TEST_CASE("a full pool makes room for who asks for another machine, and pools of one change place") {
  site all;
  auto settings = all.settings();
  settings.pool_size = 1;
  runtime rt{quiet_configuration({settings})};
  CHECK(rt.acquire("lumi", 30s).machine() == first);
  auto there = rt.try_acquire("lumi", on(second)).value();
  CHECK(server_of(there) == second);
  CHECK(all.at(first).wait_for_connections(0, 10s));
  CHECK(rt.pool("lumi").value().counters.removed[static_cast<std::size_t>(removal_reason::made_room)] == 1);
}

TEST_CASE("a machine that is ended costs nobody else, is named by what asks for it, and is come back to") {
  site all;
  auto settings = all.settings();
  settings.spread = true;
  settings.pool_size = 8;
  runtime rt{quiet_configuration({settings})};
  all.at(second).stop();
  std::vector<lease> held;
  for (int i = 0; i < 4; ++i)
    held.push_back(rt.acquire("lumi", 30s));
  for (auto& each : held)
    CHECK(each.machine() != second);
  CHECK(status_of(rt, second).failures >= 1);
  auto refused = rt.try_acquire("lumi", on(second));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::connect_failed);
  CHECK_THAT(refused.error().text,
             Contains(second + ":" + std::to_string(all.at(second).port()) + ": Connection refused"));
  held.push_back(rt.acquire("lumi", 30s)); // the pool is well
  all.at(second).start();
  acquire_options patient = on(second, 60s);
  patient.wait_for_ready = true;
  CHECK(server_of(held.emplace_back(rt.try_acquire("lumi", patient).value())) == second);
  CHECK(status_of(rt, second).failures == 0);
  // And it has its share again without being asked for.
  CHECK(rt.acquire("lumi", 30s).machine() == second);
}

TEST_CASE("a machine that hangs costs one log-in its share of the time, and the next ones nothing") {
  site all;
  support::raw_peer hung{"", "", "127.0.0.4", all.at(first).port()};
  auto settings = all.settings({hung.host(), first});
  settings.connect_timeout = 3s;
  settings.connects_at_once = 1;
  runtime rt{quiet_configuration({settings})};
  auto began = std::chrono::steady_clock::now();
  std::vector<lease> held;
  held.push_back(rt.acquire("lumi", 30s));
  CHECK(std::chrono::steady_clock::now() - began >= 1500ms);
  CHECK(held.front().machine() == first);
  for (int i = 0; i < 4; ++i)
    held.push_back(rt.acquire("lumi", 30s));
  CHECK(hung.connects() == 1);
  CHECK(all.log_ins() == 5);
  CHECK_THAT(status_of(rt, hung.host()).trouble, Contains("has said nothing since"));
}

TEST_CASE(
    "a machine that shows another host key is left aside, which people are told, and the others serve") {
  site all;
  all.at(first).change_host_keys();
  runtime rt{quiet_configuration({all.settings()})};
  auto held = rt.acquire("lumi", 30s);
  CHECK(held.machine() == second);
  REQUIRE(held.warnings().size() == 1);
  CHECK_THAT(held.warnings().front(), Contains(first) && Contains("left aside"));
  CHECK(rt.pool("lumi").value().latched.code == errc::none);
  auto refused = rt.try_acquire("lumi", on(first));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::host_key_changed);
  CHECK(rt.acquire("lumi", 30s).machine() == second);
  CHECK(all.at(first).connects() == 1);
  // The files are mended, which the next log-in sees.
  all.at(first).write_known_hosts_of(first);
  auto more = rt.acquire("lumi", 30s), and_more = rt.acquire("lumi", 30s);
  CHECK(server_of(held.release() ? more : held) == second);
  CHECK(rt.try_acquire("lumi", on(first)).value().machine() == first);
}

TEST_CASE("who asks for a machine whose host key is not known is told that, and not of another key") {
  site all;
  auto settings = all.settings();
  settings.strict_host_keys = host_key_policy::strict;
  std::erase(settings.known_hosts_files, all.at(first).known_hosts());
  runtime rt{quiet_configuration({settings})};
  CHECK(rt.acquire("lumi", 30s).machine() == second);
  auto refused = rt.try_acquire("lumi", on(first));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::host_key_unknown);
  CHECK_THAT(refused.error().text, Contains("no connection is opened to '" + first + "'"));
}

TEST_CASE("where no machine can be trusted the pool is latched, as one of one host is") {
  site all;
  for (const auto& address : {first, second, third})
    all.at(address).change_host_keys();
  runtime rt{quiet_configuration({all.settings()})};
  auto refused = rt.try_acquire("lumi", 30s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::host_key_changed);
  CHECK(rt.pool("lumi").value().latched.code == errc::host_key_changed);
  for (const auto& address : {first, second, third})
    CHECK(all.at(address).connects() == 1);
}

TEST_CASE("a lease of a node's tells its machine, and one of an older node's does not") {
  site all;
  auto settings = all.settings();
  node_of_other_version older{"0.0.1", schema_with("machine_grant(", "machine_grant(b,")};
  auto rt = runtime::connect(older.socket(), 20s);
  auto lease = rt.acquire("here", 20s);
  CHECK(lease.machine().empty());
  CHECK(lease.run("echo through it").output == "through it\n");
  auto refused = rt.try_acquire("here", on("127.0.0.1"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::other_version);
  node_of_other_version same{"0.0.1", outsiders_schema()};
  auto by_it = runtime::connect(same.socket(), 20s);
  CHECK(by_it.acquire("here", 20s).machine() == "127.0.0.1");
  CHECK(by_it.try_acquire("here", on("127.0.0.1")));
}
