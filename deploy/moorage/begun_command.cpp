#include "deploy/moorage/begun_command.hpp"

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <unistd.h>

#include "deploy/moorage/waiting.hpp"

namespace moorage::cli {

namespace {

// Never the command: it may carry a secret, and labels are shown to others and logged.
std::string label_of(const exec_options& from) {
  return from.label.empty() ? "exec " + std::to_string(getpid()) : from.label;
}

} // namespace

void command_to_begin::take(result<lease> granted) {
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
                                    std::chrono::milliseconds spent,
                                    const std::shared_ptr<command_to_begin>& what) {
  auto patience = from.patience.count() > 0 ? std::max(from.patience - spent, std::chrono::milliseconds{0})
                                            : from.patience;
  acquire_options how{patience, label_of(from.exec), signals.token()};
  how.wait_for_ready = from.patience.count() > 0; // whoever says how long means it
  how.machine = from.exec.machine;
  what->begun = {};
  auto begun = what->begun.get_future();
  pools.async()
      .acquire(from.cluster, std::move(how))
      .then([what](result<lease> granted) { what->take(std::move(granted)); },
            [](const std::function<void()>& at_once) { at_once(); });
  waiting_words{from, pools}.until([&begun](std::chrono::milliseconds patience) {
    return begun.wait_for(patience) == std::future_status::ready;
  });
  return begun.get();
}

} // namespace moorage::cli
