// What the pools say, for people and for scripts.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "deploy/moorage/options.hpp"
#include "messages/events.hpp"
#include "messages/exec.hpp"
#include "messages/explanation.hpp"
#include "messages/settings_table.hpp"
#include "messages/status.hpp"

namespace moorage::cli {

class names_shown;

/// As people are shown it: clusters by the names that somebody wrote (deploy/moorage/hops.hpp).
void name_as_written(pool_status& pool, const names_shown& names);
void name_as_written(connection_status& connection, const names_shown& names);
void name_as_written(lease_status& lease, const names_shown& names);
void name_as_written(waiter_status& waiter, const names_shown& names);
void name_as_written(explanation& why, const names_shown& names);
void name_as_written(event_record& event, const names_shown& names);

// For people: a table each.
/// With what keeps a pool from working below, and what `from` would steer it with.
std::string pools_text(const std::vector<pool_status>& pools, bool colours, const options& from);
std::string connections_text(const std::vector<connection_status>& connections, bool colours);
std::string leases_text(const std::vector<lease_status>& leases, bool colours);
std::string waiters_text(const std::vector<waiter_status>& waiters, bool colours);
std::string explanation_text(const explanation& why, bool colours);
/// With the defaults, and from when on a change would hold.
std::string settings_text(const cluster_settings& settings, bool colours);
/// One line: "14:03:07.123 lumi opened c3 …"
std::string event_text(const event_record& event, bool colours);

// For scripts. Durations are in seconds, ids as the tables show them.
nlohmann::ordered_json to_json(const pool_status& pool);
nlohmann::ordered_json to_json(const pause_status& pause);
nlohmann::ordered_json to_json(const machine_status& machine);
nlohmann::ordered_json to_json(const connection_status& connection);
nlohmann::ordered_json to_json(const lease_status& lease);
nlohmann::ordered_json to_json(const waiter_status& waiter);
nlohmann::ordered_json to_json(const explanation& why);
nlohmann::ordered_json to_json(const event_record& event);
nlohmann::ordered_json to_json(const opening_step& step);
nlohmann::ordered_json to_json(const key_considered& key);
nlohmann::ordered_json to_json(const failure& reason);
nlohmann::ordered_json to_json(const outcome& ended);
nlohmann::ordered_json settings_json(const cluster_settings& settings);
nlohmann::ordered_json value_json(const setting<cluster_settings>& field, const cluster_settings& settings);
/// As JSON has the setting: "probe_timeout_seconds".
std::string name_with_unit(const setting_rules& rules);

template <class T>
nlohmann::ordered_json list_to_json(const std::vector<T>& items);

/// A time that was measured, for people, with three digits where the clock tells as many: "18.6 ms", "850
/// ns", "12 min".
std::string measured(std::chrono::nanoseconds took);
double seconds_of(std::chrono::nanoseconds value);
/// Text for JSON: as it is where it is UTF-8, else in base64 under "NAME_base64".
void put_bytes(nlohmann::ordered_json& object, const std::string& name, const std::string& bytes);
/// Indented, with a newline.
std::string json_text(const nlohmann::ordered_json& value);
/// On one line.
std::string json_line(const nlohmann::ordered_json& value);

} // namespace moorage::cli
