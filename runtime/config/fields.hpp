// How settings are read and written, by the rules of their table (messages/settings_table.hpp).
#pragma once

#include <string>

#include "messages/settings_table.hpp"

namespace moorage {

/// What is wrong with a file that must exist, or "": absent, no file, not readable.
std::string check_file(const setting_rules& rules, const std::string& name);
/// Reads a value as written on the command line. What is wrong with it, or "".
std::string parse_value(const setting_rules& rules, const std::string& written, setting_value& result);
/// The value in TOML, as it may stand in the file.
std::string format_value(const setting_rules& rules, const setting_value& value);

/// The settings of [node] that have choices or a range; the socket's name has neither.
setting_rules node_start_rules();
setting_rules node_idle_end_rules();

} // namespace moorage
