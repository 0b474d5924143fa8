#include "deploy/moorage/waiting.hpp"

#include <algorithm>
#include <utility>

#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/output.hpp"
#include "messages/durations.hpp"

namespace moorage::cli {

namespace {

using namespace std::chrono_literals;
using look_clock = std::chrono::steady_clock;

/// A log-in on a busy login node takes some seconds; who waits for no longer need not be told.
constexpr auto first_look = 5s;
constexpr auto between_looks = 1s;

/// Empty: nothing that is worth a line.
std::string lasting_state(const pool_status& pool) {
  if (!pool.pauses.empty())
    return "the pool is paused";
  if (pool.backing_off.code != errc::none)
    return "not reached yet, trying again";
  if (!pool.log_ins_wait.empty())
    return "no log-in may begin yet: " + pool.log_ins_wait;
  if (pool.leased > 0 && pool.leased + pool.closing >= pool.size)
    return "all connections are in use (" + std::to_string(pool.size) + ")";
  return pool.opening > 0 ? "still connecting" : "";
}

} // namespace

void tell_of_log_in(const options& from, runtime& pools, const lease& granted, std::set<std::string>& told) {
  if (from.quiet > 1)
    return;
  for (const auto& log_in : granted.log_ins()) {
    if (told.insert(log_in.banner).second)
      pass_on(log_in.banner);
    for (const auto& each : log_in.warnings)
      if (told.insert(each).second)
        complain(name_as_called(from) + ": " + ask_for_names(pools).in(each));
  }
}

void tell_of_node(const options& from, runtime& node, const std::string& place, const lease& granted) {
  const auto names = ask_for_names(node);
  auto text = name_as_called(from) + ": by the node on " + place + ", " + to_string(granted.connection());
  if (auto machine = granted.machine(); !machine.empty())
    text += " to " + machine;
  if (auto listed = node.connections(from.cluster))
    for (const auto& each : *listed)
      if (each.connection == granted.connection())
        text += ", open for " + to_text(each.age) + ", with " + std::to_string(each.leases) +
                (each.leases == 1 ? " lease" : " leases");
  auto by = std::string{", by way of "};
  for (const auto& hop : way_to(from.cluster, names))
    text += std::exchange(by, ", ") + "'" + names.of(hop) + "'";
  complain(text);
}

result<lease> waiting_words::wait(pending<result<lease>> asked) {
  if (from_.quiet == 0)
    until([&asked](std::chrono::milliseconds patience) { return asked.wait_for(patience); },
          look_clock::time_point::max());
  return asked.get();
}

bool waiting_words::until(const std::function<bool(std::chrono::milliseconds)>& over,
                          look_clock::time_point deadline) {
  for (auto now = look_clock::now(); now < deadline; now = look_clock::now()) {
    auto look = std::min<look_clock::duration>(between_looks, deadline - now);
    if (over(std::chrono::ceil<std::chrono::milliseconds>(look)))
      return true;
    if (from_.quiet == 0)
      tell((waited_ += between_looks) >= first_look);
  }
  return over({});
}

/// Nobody else can go on with it, so it is told at the first look.
void waiting_words::tell_of_persons(const pool_status& pool) {
  auto listed = pool.opening > 0 ? pools_.connections(from_.cluster) : std::vector<connection_status>{};
  if (listed)
    for (const auto& each : *listed)
      if (!each.waits_for.empty() && told_.insert(each.waits_for).second)
        complain(name_as_called(from_) + ": waiting for " + ask_for_names(pools_).in(each.waits_for));
}

void waiting_words::tell(bool all) {
  auto pool = pools_.pool(from_.cluster);
  if (!pool)
    return; // whatever it is, the acquire tells it
  tell_of_persons(*pool);
  if (!all)
    return;
  if (auto state = lasting_state(*pool); !state.empty() && told_.insert(state).second)
    complain(name_as_called(from_) + ": " + ask_for_names(pools_).in(state));
}

} // namespace moorage::cli
