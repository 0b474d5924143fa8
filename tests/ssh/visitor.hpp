// Somebody who logs in, with the little world that takes.
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/ssh/login/agent.hpp"
#include "runtime/ssh/opening/preparation.hpp"
#include "tests/ssh/log_in_driver.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::support {

/// The world of one log-in: settings, secrets, and an agent where the environment would name one.
struct visitor {
  explicit visitor(std::string host, std::uint16_t port, std::string user) {
    settings.host = std::move(host);
    settings.port = port;
    settings.user = std::move(user);
    around.use_environment = false;
    around.home = home.path();
  }
  explicit visitor(const real_sshd& server) : visitor(server.host(), server.port(), server.user()) {}
  explicit visitor(const fake_sshd& server) : visitor(server.host(), server.port(), "alice") {}

  prepared prepare() {
    ssh_error error;
    auto ready = try_to_prepare(error);
    if (!ready)
      throw std::runtime_error(to_string(error));
    return std::move(*ready);
  }

  log_in_result log_in() {
    log_in_result result;
    auto ready = try_to_prepare(result.error);
    if (!ready) {
      result.state = authenticator::state::failed;
      return result;
    }
    open_session session{settings.host, settings.port};
    return support::log_in(session.get(), ready->user, std::move(ready->keys), woken);
  }

  /// With an agent that is asked, and of which this is heard.
  log_in_result log_in_hearing(const std::string& problem, bool passing) {
    around.agent_socket = "/run/agent";
    auto ready = prepare();
    blocking_threads threads;
    ready.keys.connect = threads.ask(
        {"lumi", "the agent"},
        [problem, passing](const abandonment&) {
          return agent_connection{{}, problem, false, passing};
        },
        [] {});
    open_session session{settings.host, settings.port};
    return support::log_in(session.get(), ready.user, std::move(ready.keys), woken);
  }

  scratch_folder home;
  cluster_settings settings;
  surroundings around;
  std::shared_ptr<memory_secret_store> secrets = std::make_shared<memory_secret_store>();
  blocking_threads threads;
  bell woken;

private:
  std::optional<prepared> try_to_prepare(ssh_error& error) {
    preparation preparing{settings, threads, system_resolver(), secrets, woken.waker(), around};
    while (preparing.poll() == preparation::state::waiting)
      if (!woken.wait(std::chrono::seconds(20)))
        throw std::runtime_error("the preparation never ends");
    error = preparing.error();
    if (preparing.poll() == preparation::state::failed)
      return std::nullopt;
    return preparing.take();
  }
};

} // namespace moorage::support
