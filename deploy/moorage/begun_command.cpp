#include "deploy/moorage/begun_command.hpp"

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <unistd.h>

#include "deploy/moorage/waiting.hpp"
#include "messages/durations.hpp"

namespace moorage::cli {

namespace {

using waiting_clock = std::chrono::steady_clock;

// After the patience, in which a pool that lives has answered; the library's own calls have less (and a
// node's less still), so that their words come first.
constexpr std::chrono::seconds answer_time{6};

// As the node has it, which may be longer than what is usual; zero: it does not say.
std::chrono::milliseconds patience_of(runtime& pools, const std::string& cluster) {
  auto known = pools.clusters();
  if (known)
    for (const auto& each : *known)
      if (each.name == cluster)
        return each.acquire_timeout;
  return {};
}

// Never the command: it may carry a secret, and labels are shown to others and logged.
std::string label_of(const exec_options& from) {
  return from.label.empty() ? "exec " + std::to_string(getpid()) : from.label;
}

} // namespace

void command_to_begin::take(result<lease> granted) {
  if (answered.exchange(true))
    return;
  if (!granted)
    return begun.set_value(granted.error());
  try {
    sent = true;
    auto output = granted->open_last(std::move(request));
    begun.set_value(begun_command{std::move(*granted), std::move(output)});
  } catch (...) {
    begun.set_exception(std::current_exception());
  }
}

result<begun_command> begin_command(const options& from, runtime& pools, const signal_watch& signals,
                                    std::chrono::milliseconds spent, std::chrono::milliseconds usual,
                                    const std::shared_ptr<command_to_begin>& what) {
  auto patience = from.patience.count() > 0 ? std::max(from.patience - spent, std::chrono::milliseconds{0})
                                            : from.patience;
  acquire_options how{patience, label_of(from.exec), signals.token()};
  how.wait_for_ready = from.patience.count() > 0; // whoever says how long means it
  how.machine = from.exec.machine;
  const auto asked = waiting_clock::now();
  what->begun = {};
  what->answered = false;
  auto begun = what->begun.get_future();
  pools.async()
      .acquire(from.cluster, std::move(how))
      .then([what](result<lease> granted) { what->take(std::move(granted)); },
            [](const std::function<void()>& at_once) { at_once(); });
  auto over = [&begun](std::chrono::milliseconds time) {
    return begun.wait_for(time) == std::future_status::ready;
  };
  // A cluster's own patience is its node's to know, which is asked once the usual one is over.
  waiting_words words{from, pools};
  auto came = words.until(over, asked + (patience.count() < 0 ? usual : patience) + answer_time);
  if (auto own = came || patience.count() >= 0 ? usual : patience_of(pools, from.cluster);
      !came && own > usual)
    came = words.until(over, asked + own + answer_time);
  if (!came && !what->answered.exchange(true))
    return failure{errc::request_timeout, "the pool of '" + from.cluster + "' did not answer within " +
                                              to_text(waiting_clock::now() - asked) +
                                              ", which is longer than it was to wait: it is stuck, or its "
                                              "node is"};
  return begun.get();
}

} // namespace moorage::cli
