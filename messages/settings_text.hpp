// How settings are read and written, by the rules of their table (messages/settings_table.hpp), and one of
// them changed by its name.
#pragma once

#include <string>

#include "messages/errors.hpp"
#include "messages/settings_table.hpp"

namespace moorage {

/// Reads a value as written on the command line. What is wrong with it, or "".
std::string parse_value(const setting_rules& rules, const std::string& written, setting_value& result);
/// The value in TOML, as it may stand in the file.
std::string format_value(const setting_rules& rules, const setting_value& value);

/// Changes the setting of that name, as `-o` does; what is wrong is told with what is allowed, and changes
/// nothing.
failure change_setting(cluster_settings& settings, const std::string& name, const std::string& written);
/// What that changed, and what becomes of open connections: for people.
std::string describe_change(const cluster_settings& before, const cluster_settings& after,
                            const std::string& name);

} // namespace moorage
