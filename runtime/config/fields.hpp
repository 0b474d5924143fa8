// What settings want of the disk, and the settings that no cluster has.
#pragma once

#include <string>

#include "messages/settings_table.hpp"

namespace moorage {

/// What is wrong with a file that must exist, or "": absent, no file, not readable.
std::string check_file(const setting_rules& rules, const std::string& name);
/// What is wrong with a key file or certificate that is to be read: "PATH cannot be read (…)"; "": nothing.
std::string unusable_key_file(const std::string& name);
/// The settings of [node] that have choices or a range; the socket's name has neither.
setting_rules node_start_rules();
setting_rules node_idle_end_rules();

} // namespace moorage
