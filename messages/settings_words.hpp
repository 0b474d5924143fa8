// What is wrong with the text of a setting, by kind of text; "" for nothing. See messages/settings_table.cpp.
#pragma once

#include <string>
#include <string_view>

namespace moorage {

/// What names of clusters and Hosts may hold, but not at their beginning, where it would mean something to a
/// shell or as a path; nor "=~", which some shells read as the beginning of a path.
inline constexpr std::string_view inside_names = "+/=~";
bool fits_a_shell(std::string_view name);

/// Among key files: none, as ssh_config(5) has it, and so none of the usual ones either.
inline constexpr std::string_view no_key_file = "none";

std::string wrong_host(const std::string& host);
std::string wrong_host_or_none(const std::string& host);
std::string wrong_user(const std::string& user);
std::string wrong_file(const std::string& file);
std::string wrong_alias(const std::string& alias);
std::string wrong_ssh_host(const std::string& host);
std::string wrong_optional_file(const std::string& file);
std::string wrong_local_command(const std::string& command);
std::string wrong_proxy_command(const std::string& command);
std::string wrong_secret(const std::string& entry);
std::string wrong_jump(const std::string& cluster);
std::string wrong_node(const std::string& node);
std::string wrong_bind_address(const std::string& address);
std::string wrong_command(const std::string& command);
std::string wrong_set_env(const std::string& variables);
std::string wrong_send_env(const std::string& patterns);

} // namespace moorage
