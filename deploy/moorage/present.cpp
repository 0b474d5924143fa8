#include "deploy/moorage/present.hpp"

#include <ctime>

#include <array>
#include <cstdio>
#include <set>

#include "deploy/moorage/advice.hpp"
#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/output.hpp"
#include "messages/durations.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

namespace {

/// A certificate that lasts for longer is nobody's concern today; --json tells of it.
constexpr std::chrono::hours certificate_shown{24};

std::string or_dash(std::chrono::nanoseconds value) {
  return value.count() == 0 ? "-" : to_text(value);
}

table::cell state_of(const pool_status& pool) {
  if (pool.latched.code != errc::none)
    return {"latched: " + to_string(pool.latched.code), colour::bad};
  if (pool.state != pool_state::running)
    return {to_string(pool.state), colour::busy};
  if (pool.backing_off.code != errc::none)
    return {"backing off", colour::bad};
  if (!pool.overloaded.empty())
    return {"overloaded", colour::bad};
  if (!pool.log_ins_wait.empty())
    return {"waits to log in", colour::busy};
  if (pool.total == 0)
    return {"ready, not connected", colour::faint};
  return {pool.waiters > 0 ? "busy" : "ready", pool.waiters > 0 ? colour::busy : colour::good};
}

table::cell state_of(const connection_status& connection) {
  auto text = to_string(connection.state);
  if (!connection.waits_for.empty())
    text += ", waiting for " + printable(connection.waits_for, printable_whole);
  if (!connection.hindered.empty())
    text += ": " + printable(connection.hindered, printable_whole);
  if (connection.probing)
    text += ", probing";
  else if (connection.suspect)
    text += ", suspect";
  if (connection.condemned)
    text += ", condemned";
  auto bad = connection.condemned || connection.probe_failures > 0;
  auto idle = connection.state == connection_state::idle || connection.state == connection_state::leased;
  return {text, bad ? colour::bad : idle ? colour::good : colour::busy};
}

/// The oldest first: answered, or not.
std::string lately(const std::vector<connection_outcome>& outcomes) {
  std::string text;
  for (const auto& each : outcomes)
    text += each.answered ? '+' : '-';
  return text.empty() ? "-" : text;
}

// A column of its own for text that somebody else wrote: not too long.
std::string tame(const std::string& text) {
  return text.empty() ? "-" : printable(text, 60);
}

std::string in_words(const pause_status& pause) {
  auto who = pause.by.empty() ? "somebody" : pause.by;
  return "paused by " + who + " for " + to_text(pause.age) +
         (pause.keep ? ", until a resume" : ", until they resume or end, or a resume --all");
}

} // namespace

std::string measured(std::chrono::nanoseconds took) {
  using namespace std::chrono_literals;
  if (took < 1us || took >= 100s)
    return to_text(took);
  struct unit {
    const char* name;
    double nanoseconds;
  };
  auto number = static_cast<double>(took.count());
  // What rounds to a thousand of a unit is one of the next.
  auto [name, size] = number >= 999.5e6   ? unit{"s", 1e9}
                      : number >= 999.5e3 ? unit{"ms", 1e6}
                                          : unit{"µs", 1e3};
  number /= size;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s",
                number < 9.995   ? 2
                : number < 99.95 ? 1
                                 : 0,
                number, name);
  return text.data();
}

void name_as_written(pool_status& pool, const names_shown& names) {
  pool.cluster = names.of(pool.cluster);
  for (auto* text : {&pool.latched.text, &pool.backing_off.text, &pool.log_ins_wait, &pool.overloaded})
    *text = names.in(std::move(*text));
  for (auto& each : pool.machines)
    each.trouble = names.in(std::move(each.trouble));
}

void name_as_written(connection_status& connection, const names_shown& names) {
  for (auto* text : {&connection.waits_for, &connection.hindered})
    *text = names.in(std::move(*text));
}

void name_as_written(lease_status& /*names no cluster*/, const names_shown& /*names*/) {}

void name_as_written(waiter_status& /*names no cluster*/, const names_shown& /*names*/) {}

void name_as_written(explanation& why, const names_shown& names) {
  why.cluster = names.of(why.cluster);
  why.opening.text = names.in(std::move(why.opening.text));
  for (auto& each : why.connections)
    each.text = names.in(std::move(each.text));
  for (auto& each : why.waiters)
    each.text = names.in(std::move(each.text));
}

void name_as_written(event_record& event, const names_shown& names) {
  event.cluster = names.of(event.cluster);
  event.text = names.in(std::move(event.text));
}

/// Of one that failed lately.
std::string in_words(const machine_status& machine) {
  auto trouble = machine.trouble.empty() ? "" : ": " + machine.trouble;
  if (machine.distrusted)
    return machine.machine + " is not gone to, since its host key is not trusted" + trouble;
  return machine.machine +
         (machine.avoided_for.count() > 0
              ? " is avoided for " + to_text(machine.avoided_for)
              : " failed, and is tried again when the next connection is opened") +
         trouble;
}

std::string pools_text(const std::vector<pool_status>& pools, bool colours, const options& from) {
  if (pools.empty())
    return "no clusters\n";
  table result{{"CLUSTER", "DESTINATION", "STATE", ">SCORE", ">SIZE", ">IDLE", ">LEASED", ">OPENING",
                ">CLOSING", ">WAITERS", ">ACQUIRES", ">P50", ">P99"}};
  std::string remarks;
  for (const auto& pool : pools) {
    result.add({pool.cluster, pool.destination, state_of(pool), std::uint64_t{pool.score},
                std::uint64_t{pool.size}, std::uint64_t{pool.idle}, std::uint64_t{pool.leased},
                std::uint64_t{pool.opening}, std::uint64_t{pool.closing}, std::uint64_t{pool.waiters},
                pool.counters.acquires, or_dash(pool.acquire_latency.p50),
                or_dash(pool.acquire_latency.p99)});
    for (const auto* reason : {&pool.latched, &pool.backing_off})
      if (reason->code != errc::none)
        remarks += printable(pool.cluster + ": " + reason->text, printable_whole, lines::many) + "\n";
    if (!pool.log_ins_wait.empty())
      remarks += printable(pool.cluster + ": " + pool.log_ins_wait +
                               (pool.log_ins_wait_for.count() > 0
                                    ? "; the next may begin in " + to_text(pool.log_ins_wait_for)
                                    : ""),
                           printable_whole, lines::many) +
                 "\n";
    if (!pool.certificate.empty() && pool.certificate_left < certificate_shown)
      remarks +=
          printable(pool.cluster + ": " + pool.certificate +
                        (pool.certificate_left.count() > 0 ? ", in " + to_text(pool.certificate_left) : ""),
                    printable_whole) +
          "\n";
    if (!pool.overloaded.empty())
      remarks += printable(pool.cluster + ": overloaded: " + pool.overloaded + "; " +
                           admin_command(from, "explain", pool.cluster)) +
                 "\n";
    for (const auto& machine : pool.machines)
      if (machine.failures > 0)
        remarks += printable(pool.cluster + ": " + in_words(machine), printable_whole) + "\n";
    if (pool.latched.code != errc::none)
      remarks += printable("  once that is mended: " + admin_command(from, "reset", pool.cluster)) + "\n";
    if (pool.state != pool_state::running)
      remarks += printable(pool.cluster + ": " + to_string(pool.state) + "; " +
                           admin_command(from, "resume", pool.cluster)) +
                 "\n";
    for (const auto& pause : pool.pauses)
      remarks += printable("  " + in_words(pause), printable_whole) + "\n";
  }
  return result.text(colours) + (remarks.empty() ? "" : "\n" + remarks);
}

std::string connections_text(const std::vector<connection_status>& connections, bool colours) {
  if (connections.empty())
    return "no connections\n";
  std::set<std::string> machines;
  for (const auto& each : connections)
    if (!each.machine.empty())
      machines.insert(each.machine);
  const bool several = machines.size() > 1;
  std::vector<std::string> headings{"CONNECTION",  "STATE",   ">SCORE",         ">LEASES",
                                    ">CARRIED",    ">SERVED", ">AGE",           ">IDLE FOR",
                                    ">LAST PROBE", ">USUAL",  ">FAILED PROBES", "LATELY"};
  if (several)
    headings.insert(headings.begin() + 1, "MACHINE");
  table result{headings};
  for (const auto& each : connections) {
    std::vector<table::cell> row{to_string(each.connection),
                                 state_of(each),
                                 std::uint64_t{each.score},
                                 std::uint64_t{each.leases},
                                 std::uint64_t{each.carried},
                                 each.leases_served,
                                 to_text(each.age),
                                 each.state == connection_state::idle ? to_text(each.idle) : "-",
                                 or_dash(each.last_rtt),
                                 or_dash(each.usual_rtt),
                                 std::uint64_t{each.probe_failures},
                                 lately(each.outcomes)};
    if (several)
      row.insert(row.begin() + 1, each.machine.empty() ? "-" : printable(each.machine));
    result.add(std::move(row));
  }
  return result.text(colours);
}

std::string leases_text(const std::vector<lease_status>& leases, bool colours) {
  if (leases.empty())
    return "no leases\n";
  table result{{"LEASE", "CONNECTION", "HOLDER", ">AGE", "STATE", "LABEL"}};
  for (const auto& each : leases)
    result.add({to_string(each.lease),
                to_string(each.connection),
                to_string(each.holder),
                to_text(each.age),
                {each.confirmed ? "confirmed" : "granted", each.confirmed ? colour::good : colour::busy},
                tame(each.label)});
  return result.text(colours);
}

std::string waiters_text(const std::vector<waiter_status>& waiters, bool colours) {
  if (waiters.empty())
    return "no waiters\n";
  table result{{"REQUEST", "HOLDER", ">AHEAD", ">WAITED", ">LEFT", "LABEL"}};
  for (const auto& each : waiters)
    result.add({to_string(each.request), to_string(each.holder), std::uint64_t{each.ahead},
                to_text(each.waited), to_text(each.left), tame(each.label)});
  return result.text(colours);
}

std::string explanation_text(const explanation& why, bool colours) {
  table openings{{"CONNECTIONS", "WHY"}};
  openings.add({"another", printable(why.opening.text, printable_whole)});
  for (const auto& each : why.connections)
    openings.add({{to_string(each.connection) + ", " + to_string(each.stands),
                   each.stands == standing::sound ? colour::good : colour::busy},
                  printable(each.text, printable_whole)});
  auto text = openings.text(colours);
  if (why.waiters.empty())
    return text + "\nnobody waits\n";
  table waiting{{"REQUEST", "WHY"}};
  for (const auto& each : why.waiters)
    waiting.add({to_string(each.request), printable(each.text, printable_whole)});
  text += "\n" + waiting.text(colours);
  return why.waiters_left_out == 0
             ? text
             : text + "and " + std::to_string(why.waiters_left_out) + " more, who are served after these\n";
}

std::string event_text(const event_record& event, bool colours) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(event.at);
  auto when = static_cast<std::time_t>(seconds.count());
  std::tm local{};
  localtime_r(&when, &local);
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%02d:%02d:%02d.%03d", local.tm_hour, local.tm_min, local.tm_sec,
                static_cast<int>((event.at - seconds).count() / 1'000));
  auto result = (event.cluster.empty() ? "" : event.cluster + " ") + to_string(event.what);
  if (event.connection)
    result += " " + to_string(event.connection);
  if (event.lease)
    result += " " + to_string(event.lease);
  if (!event.text.empty())
    result += ": " + event.text;
  if (!event.by.empty())
    result += ", by " + event.by;
  if (event.missed > 0)
    result += " (" + std::to_string(event.missed) + " events before this one were missed)";
  return painted(time.data(), colour::faint, colours) + " " + printable(result, printable_whole) + "\n";
}

} // namespace moorage::cli
