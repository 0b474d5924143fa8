// A client whose node ends each link as soon as it is made.
#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include <poll.h>

#include "messages/type_ids.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/node/vocabulary.hpp"
#include "runtime/runtime.hpp"
#include "tests/cli/clusters.hpp"

using namespace moorage::cli_tests;
using namespace std::chrono_literals;

namespace {

using steady = std::chrono::steady_clock;

caf::behavior ends_at_a_word(caf::event_based_actor* self) {
  self->set_default_handler([](caf::scheduled_actor* heard, caf::message_view&) -> caf::result<caf::message> {
    heard->quit();
    return caf::sec::unexpected_message;
  });
  return {[](int) {}};
}

/// A node in this process that ends each link when its client says the first word.
class short_links {
public:
  explicit short_links(const std::string& path) {
    config_.load<caf::io::middleman>();
    config_.set("scheduler.max-threads", 2);
    moorage::add_message_types(config_);
    moorage::configure_node(config_);
    system_.emplace(config_);
    moorage::node_service service;
    service.open = [this](const std::string&) {
      std::lock_guard guard{mutex_};
      begun_.push_back(steady::now());
      return caf::actor_cast<caf::strong_actor_ptr>(system_->spawn(ends_at_a_word));
    };
    service.interface = moorage::vocabulary::ours().greeting();
    std::remove(path.c_str());
    auto made = moorage::publish_node(*system_, std::move(service), path);
    REQUIRE(made);
    published_.emplace(std::move(*made));
  }
  /// Waits until so many have come; their times.
  std::vector<steady::time_point> begun(std::size_t wanted, std::chrono::seconds patience) const {
    for (auto deadline = steady::now() + patience;; ::poll(nullptr, 0, 5)) {
      std::lock_guard guard{mutex_};
      if (begun_.size() >= wanted || steady::now() > deadline)
        return begun_;
    }
  }

private:
  mutable std::mutex mutex_; // edge: the network's thread notes what the test reads
  std::vector<steady::time_point> begun_;
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::optional<moorage::published_node> published_;
};

} // namespace

TEST_CASE("a node that ends each link at once is tried after longer and longer pauses") {
  home_with_cluster home;
  const auto socket = home.folder / "moorage/node.sock";
  program first{home.spec({"serve"})};
  REQUIRE(first.wrote("serving 1 cluster on "));
  auto rt = moorage::runtime::connect(socket);
  auto events = rt.subscribe({}, [](const moorage::event_record&) {}).value(); // its first word on each link
  first.signal(SIGKILL);
  first.wait();
  REQUIRE(rt.wait_for_loss(20s));
  short_links node{socket};
  auto begun = node.begun(7, 60s);
  REQUIRE(begun.size() >= 7);
  // The pauses are 100 ms at first and grow by 1.6; each is a fifth shorter at the most.
  CHECK(begun[6] - begun[5] > 500ms);
}
