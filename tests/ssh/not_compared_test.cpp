// `check_host_ip` where the known keys of the address cannot be compared.
#include <catch2/catch.hpp>

#include <future>
#include <vector>

#include "tests/ssh/transport_driver.hpp"
#include "tests/support/own_address.hpp"

namespace moorage::test {

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

/// A log-in at another address than loopback's, with files that know the host and its address, while both of
/// the cluster's threads are taken once its files have been read.
class busy_log_in {
public:
  busy_log_in(const std::string& address, std::chrono::milliseconds stuck_after, const cluster_settings& more)
      : around_(stuck_after), server_(at(address)), settings_(around_.settings_for(server_)) {
    settings_.strict_host_keys = more.strict_host_keys;
    settings_.connect_timeout = more.connect_timeout;
    settings_.check_host_ip = more.check_host_ip;
    settings_.host_key_alias = "al";
    settings_.known_hosts_files = {around_.home / "known"};
    std::ofstream{settings_.known_hosts_files.front()} << "al " << server_.host_key() << "\n[" << address
                                                       << "]:" << server_.port() << " " << server_.host_key()
                                                       << "\n";
  }
  ~busy_log_in() {
    gate_.set_value();
    link.reset();
    while (around_.threads.waiting() > 0)
      ;
  }
  busy_log_in(const busy_log_in&) = delete;
  busy_log_in& operator=(const busy_log_in&) = delete;

  /// True: it is open.
  bool open() {
    const auto over = gate_.get_future().share(), files_turn = files_.get_future().share();
    // The calls of a cluster take their turns in order.
    wait_for(over);
    wait_for(files_turn);
    link.emplace(around_, settings_);
    link->it->open();
    link->pump();
    wait_for(over);
    files_.set_value();
    return link->open();
  }

  std::optional<driven> link;

private:
  static support::real_sshd_settings at(const std::string& address) {
    support::real_sshd_settings result;
    result.address = address;
    return result;
  }
  void wait_for(const std::shared_future<void>& what) {
    taken_.push_back(around_.threads.ask({settings_.name, "a dead file server"},
                                         [what](const abandonment&) { return what.wait(), 1; }, {}));
  }

  world around_;
  support::real_sshd server_;
  cluster_settings settings_;
  std::promise<void> gate_, files_;
  std::vector<blocking_answer<int>> taken_;
};

} // namespace

TEST_CASE("a log-in whose address could not be compared is refused, or warned of with the check off",
          "[transport]") {
  const auto address = support::own_address();
  if (address.empty()) {
    WARN("this machine has loopback's addresses alone, which are not compared");
    return;
  }
  auto stuck_after = blocking_threads::stuck_after_default;
  cluster_settings settings;
  settings.connect_timeout = 10s; // of which the comparison has a part
  std::string why = "could not be opened or locked in time";
  SECTION("in time") {}
  SECTION("since no thread is free") {
    stuck_after = 1ms;
    why = "a dead file server";
    settings.connect_timeout = 30s;
  }
  for (auto policy : {host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off}) {
    INFO(to_string(policy));
    settings.strict_host_keys = policy;
    settings.check_host_ip = true;
    busy_log_in one{address, stuck_after, settings};
    CHECK(one.open() == (policy == host_key_policy::off));
    if (policy == host_key_policy::off) {
      REQUIRE(one.link->warnings.size() == 1);
      CHECK_THAT(one.link->warnings[0],
                 Contains("the known keys of its address were not compared: ") && Contains(why));
      continue;
    }
    REQUIRE(one.link->failed);
    CHECK(one.link->failed->stage == ssh_stage::host_key);
    CHECK(one.link->failed->kind == ssh_failure::timed_out); // it may pass by itself
    CHECK_THAT(one.link->failed->text, Contains("[" + address + "]:") &&
                                           Contains("could not be compared (check_host_ip)") &&
                                           Contains(why));
  }
  // Who did not ask for it needs no thread for it.
  settings.strict_host_keys = host_key_policy::strict;
  settings.check_host_ip = false;
  settings.connect_timeout = 30s;
  CHECK(busy_log_in{address, stuck_after, settings}.open());
}

} // namespace moorage::test
