#include <array>

#include <nlohmann/json.hpp>

#include "deploy/moorage/present.hpp"
#include "messages/printable.hpp"
#include "runtime/system/base64.hpp"

namespace moorage::cli {

using json = nlohmann::ordered_json;

namespace {

json quantiles(const latency_quantiles& from) {
  return {{"count", from.count},
          {"p50_seconds", seconds_of(from.p50)},
          {"p90_seconds", seconds_of(from.p90)},
          {"p99_seconds", seconds_of(from.p99)},
          {"max_seconds", seconds_of(from.max)}};
}

json counters(const pool_counters& from) {
  json result;
  for (const auto& row : counter_rows)
    result[row.name] = from.*row.value;
  for (std::size_t i = 0; i < from.removed.size(); ++i)
    result["removed"][removal_rows[i].name] = from.removed[i];
  return result;
}

// Null where there is none, so that a script can ask for it simply.
json failure_or_null(const failure& reason) {
  return reason.code == errc::none ? json{} : to_json(reason);
}

template <class Id>
json id_or_null(const Id& id) {
  return id ? json(to_string(id)) : json{};
}

json seconds_or_null(std::chrono::nanoseconds value) {
  return value.count() == 0 ? json{} : json(seconds_of(value));
}

bool is_utf8(const std::string& bytes) {
  try {
    [[maybe_unused]] auto text = json(bytes).dump();
    return true;
  } catch (const json::type_error&) {
    return false;
  }
}

} // namespace

double seconds_of(std::chrono::nanoseconds value) {
  return std::chrono::duration<double>(value).count();
}

void put_bytes(json& object, const std::string& name, const std::string& bytes) {
  if (is_utf8(bytes))
    object[name] = bytes;
  else
    object[name + "_base64"] = to_base64(bytes);
}

// What a server said may hold any bytes; a script must get valid JSON all the same, and a terminal nothing
// but ASCII.
std::string json_text(const json& value) {
  return value.dump(2, ' ', true, json::error_handler_t::replace) + "\n";
}
std::string json_line(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
}

json to_json(const failure& reason) {
  return {{"code", to_string(reason.code)}, {"text", reason.text}};
}

json to_json(const opening_step& step) {
  return {{"step", to_string(step.stage)}, {"took_seconds", seconds_of(step.took)}, {"text", step.text}};
}

json to_json(const key_considered& key) {
  auto or_null = [](const std::string& text) { return text.empty() ? json{} : json(text); };
  return {{"from", or_null(key.from)},
          {"key", or_null(key.key)},
          {"fate", to_string(key.fate)},
          {"why", or_null(key.why)},
          {"advice", or_null(key.advice)}};
}

json to_json(const outcome& ended) {
  json result{{"outcome", to_string(ended.kind)}};
  result["code"] = ended.kind == outcome_kind::exited ? json(static_cast<std::uint32_t>(ended.code)) : json{};
  result["signal"] = ended.kind == outcome_kind::signalled ? json(ended.signal) : json{};
  result["cause"] = failure_or_null(ended.cause);
  result["output_open"] = ended.output_open;
  result["moves"] = ended.moves;
  auto& refused = result["variables_refused"] = json::array();
  for (const auto& name : ended.variables_refused)
    refused.push_back(printable(name));
  return result;
}

json to_json(const pause_status& pause) {
  return {{"by", pause.by},
          {"holder", id_or_null(pause.holder)},
          {"keep", pause.keep},
          {"age_seconds", seconds_of(pause.age)}};
}

json to_json(const machine_status& machine) {
  return {{"machine", machine.machine},
          {"connections", machine.connections},
          {"failures", machine.failures},
          {"avoided_for_seconds", seconds_of(machine.avoided_for)},
          {"distrusted", machine.distrusted},
          {"trouble", machine.trouble.empty() ? json{} : json(machine.trouble)},
          {"host_key", machine.host_key.empty() ? json{} : json(machine.host_key)},
          {"last_use_seconds", machine.last_use.count() < 0 ? json{} : json(seconds_of(machine.last_use))}};
}

json to_json(const pool_status& pool) {
  return {{"cluster", pool.cluster},
          {"destination", pool.destination},
          {"size", pool.size},
          {"total", pool.total},
          {"opening", pool.opening},
          {"idle", pool.idle},
          {"leased", pool.leased},
          {"closing", pool.closing},
          {"leases", pool.leases},
          {"waiters", pool.waiters},
          {"probing", pool.probing},
          {"state", to_string(pool.state)},
          {"paused", !pool.pauses.empty()},
          {"pauses", list_to_json(pool.pauses)},
          {"latched", failure_or_null(pool.latched)},
          {"backing_off", failure_or_null(pool.backing_off)},
          {"log_ins_wait", pool.log_ins_wait.empty() ? json{} : json(pool.log_ins_wait)},
          {"log_ins_wait_seconds", seconds_of(pool.log_ins_wait_for)},
          {"overloaded", pool.overloaded.empty() ? json{} : json(pool.overloaded)},
          {"certificate", pool.certificate.empty() ? json{} : json(pool.certificate)},
          {"certificate_left_seconds", seconds_of(pool.certificate_left)},
          {"average_age_seconds", seconds_of(pool.average_age)},
          {"average_idle_seconds", seconds_of(pool.average_idle)},
          {"idle_limit_seconds", seconds_or_null(pool.idle_limit)},
          {"score", pool.score},
          {"machines", list_to_json(pool.machines)},
          {"counters", counters(pool.counters)},
          {"acquire_latency", quantiles(pool.acquire_latency)},
          {"probe_round_trip", quantiles(pool.probe_rtt)}};
}

json to_json(const connection_status& connection) {
  auto outcomes = json::array();
  for (const auto& each : connection.outcomes)
    outcomes.push_back({{"of", to_string(each.of)},
                        {"answered", each.answered},
                        {"ago_seconds", seconds_of(each.ago)},
                        {"round_trip_seconds", seconds_or_null(each.rtt)}});
  return {{"connection", to_string(connection.connection)},
          {"state", to_string(connection.state)},
          {"leases", connection.leases},
          {"carried", connection.carried},
          {"leases_served", connection.leases_served},
          {"probing", connection.probing},
          {"condemned", connection.condemned},
          {"probe_failures", connection.probe_failures},
          {"age_seconds", seconds_of(connection.age)},
          {"idle_seconds", seconds_of(connection.idle)},
          {"score", connection.score},
          {"suspect", connection.suspect},
          {"machine", connection.machine.empty() ? json{} : json(connection.machine)},
          {"waits_for", connection.waits_for.empty() ? json{} : json(connection.waits_for)},
          {"hindered", connection.hindered.empty() ? json{} : json(connection.hindered)},
          {"success_percent", connection.success_percent},
          {"last_round_trip_seconds", seconds_or_null(connection.last_rtt)},
          {"usual_round_trip_seconds", seconds_or_null(connection.usual_rtt)},
          {"steps", list_to_json(connection.steps)},
          {"outcomes", std::move(outcomes)}};
}

json to_json(const lease_status& lease) {
  return {{"lease", to_string(lease.lease)},   {"connection", to_string(lease.connection)},
          {"holder", to_string(lease.holder)}, {"label", lease.label},
          {"confirmed", lease.confirmed},      {"age_seconds", seconds_of(lease.age)}};
}

json to_json(const waiter_status& waiter) {
  return {{"request", to_string(waiter.request)},
          {"holder", to_string(waiter.holder)},
          {"label", waiter.label},
          {"machine", waiter.machine.empty() ? json{} : json(waiter.machine)},
          {"ahead", waiter.ahead},
          {"waited_seconds", seconds_of(waiter.waited)},
          {"left_seconds", seconds_of(waiter.left)}};
}

json to_json(const explanation& why) {
  auto connections = json::array(), waiters = json::array();
  for (const auto& each : why.connections)
    connections.push_back({{"connection", to_string(each.connection)},
                           {"stands", to_string(each.stands)},
                           {"text", each.text}});
  for (const auto& each : why.waiters)
    waiters.push_back({{"request", to_string(each.request)},
                       {"why", to_string(each.why)},
                       {"ahead", each.ahead},
                       {"text", each.text}});
  return {{"cluster", why.cluster},
          {"opening",
           {{"why", to_string(why.opening.why)},
            {"needed", why.opening.needed},
            {"under_way", why.opening.under_way},
            {"text", why.opening.text}}},
          {"connections", std::move(connections)},
          {"waiters", std::move(waiters)},
          {"waiters_left_out", why.waiters_left_out}};
}

json to_json(const event_record& event) {
  json result{{"at_seconds", seconds_of(event.at)}, {"cluster", event.cluster},
              {"event", to_string(event.what)},     {"connection", id_or_null(event.connection)},
              {"lease", id_or_null(event.lease)},   {"text", event.text}};
  result["by"] = event.by.empty() ? json{} : json(event.by);
  if (!event.steps.empty())
    result["steps"] = list_to_json(event.steps);
  if (!event.keys.empty())
    result["keys"] = list_to_json(event.keys);
  if (event.missed > 0)
    result["missed"] = event.missed;
  return result;
}

template <class T>
json list_to_json(const std::vector<T>& items) {
  auto result = json::array();
  for (const auto& each : items)
    result.push_back(to_json(each));
  return result;
}

template json list_to_json(const std::vector<pool_status>&);
template json list_to_json(const std::vector<pause_status>&);
template json list_to_json(const std::vector<machine_status>&);
template json list_to_json(const std::vector<connection_status>&);
template json list_to_json(const std::vector<lease_status>&);
template json list_to_json(const std::vector<waiter_status>&);
template json list_to_json(const std::vector<opening_step>&);
template json list_to_json(const std::vector<key_considered>&);
template json list_to_json(const std::vector<event_record>&);

} // namespace moorage::cli
