// `check_host_ip` where the known keys of the address cannot be compared.
#include <catch2/catch.hpp>

#include <atomic>
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
  /// `refused`: further calls are refused at once, else they wait.
  busy_log_in(const std::string& address, bool refused, const cluster_settings& more)
      : refused_(refused), around_(refused ? std::chrono::milliseconds{1} : std::chrono::hours{1}),
        server_(at(address)), settings_(around_.settings_for(server_)) {
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
    link.emplace(around_, settings_);
    link->it->open();
    link->pump(); // asks for its files, and nothing goes on until the next
    while (running_->load() < blocking_threads::threads_a_cluster)
      take_a_thread();
    if (refused_)
      while (!ask_what_waits().refused())
        ;
    return link->open();
  }

  std::optional<driven> link;

private:
  static support::real_sshd_settings at(const std::string& address) {
    support::real_sshd_settings result;
    result.address = address;
    return result;
  }

  /// Behind the files, if those take as long.
  void take_a_thread() {
    const auto before = running_->load();
    auto taken = ask_what_waits();
    while (!taken.refused() && running_->load() == before)
      ;
    taken_.push_back(std::move(taken));
  }
  blocking_answer<int> ask_what_waits() {
    return around_.threads.ask({settings_.name, "a dead file server"},
                               [over = over_, running = running_](const abandonment&) {
                                 running->fetch_add(1);
                                 return over.wait(), 1;
                               },
                               {});
  }

  const bool refused_;
  world around_;
  support::real_sshd server_;
  cluster_settings settings_;
  std::promise<void> gate_;
  std::shared_future<void> over_ = gate_.get_future().share();
  std::shared_ptr<std::atomic<std::size_t>> running_ = std::make_shared<std::atomic<std::size_t>>(0);
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
  bool refused = false;
  cluster_settings settings;
  settings.connect_timeout = 10s; // of which the comparison has a part
  std::string why = "could not be opened or locked in time";
  SECTION("in time") {}
  SECTION("since no thread is free") {
    refused = true;
    why = "a dead file server";
    settings.connect_timeout = 30s;
  }
  for (auto policy : {host_key_policy::strict, host_key_policy::accept_new, host_key_policy::off}) {
    INFO(to_string(policy));
    settings.strict_host_keys = policy;
    settings.check_host_ip = true;
    busy_log_in one{address, refused, settings};
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
  CHECK(busy_log_in{address, refused, settings}.open());
}

} // namespace moorage::test
