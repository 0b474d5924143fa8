// The names of ssh's options: as people write them, and those that change nothing here.
#pragma once

#include <string>
#include <string_view>

namespace moorage {

std::string lower_case(std::string_view text);
/// As ssh_config(5) writes what is told most often; else as it is.
std::string as_written(const std::string& option);
/// Whether leaving the option, in lower case, out changes nothing of what a command does.
bool changes_nothing(std::string_view option);

} // namespace moorage
