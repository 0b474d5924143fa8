// What a row of the table of settings is made of (messages/settings_table.cpp).
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "messages/settings_table.hpp"
#include "messages/settings_words.hpp"

namespace moorage {

// How each C++ type is kept in a `setting_value`.
template <class T>
setting_value wrap(const T& value) {
  if constexpr (std::is_enum_v<T> || (std::is_integral_v<T> && !std::is_same_v<T, bool>))
    return static_cast<std::uint64_t>(value);
  else
    return value;
}

template <class T>
void unwrap(T& target, const setting_value& value) {
  if constexpr (std::is_enum_v<T> || (std::is_integral_v<T> && !std::is_same_v<T, bool>))
    target = static_cast<T>(std::get<std::uint64_t>(value));
  else
    target = std::get<T>(value);
}

template <class T>
constexpr setting_type type_of() {
  if constexpr (std::is_same_v<T, bool>)
    return setting_type::boolean;
  else if constexpr (std::is_same_v<T, std::chrono::milliseconds>)
    return setting_type::duration;
  else if constexpr (std::is_same_v<T, std::vector<std::string>>)
    return setting_type::file_list;
  else if constexpr (std::is_same_v<T, std::string>)
    return setting_type::text;
  else if constexpr (std::is_enum_v<T>)
    return setting_type::choice;
  else
    return std::is_same_v<T, std::uint64_t> ? setting_type::size : setting_type::count;
}

using field = setting<cluster_settings>;

template <auto Member>
field entry(std::string_view name, std::string_view meaning, setting_rules rules = {}) {
  using type = std::remove_cvref_t<decltype(std::declval<cluster_settings>().*Member)>;
  field result;
  static_cast<setting_rules&>(result) = rules;
  result.name = name;
  result.meaning = meaning;
  result.type = type_of<type>();
  if (rules.wrong_text == wrong_optional_file)
    result.type = setting_type::file;
  if (rules.texts)
    result.type = setting_type::text_list;
  for (auto* check : {wrong_file, wrong_secret, wrong_command, wrong_local_command, wrong_proxy_command,
                      wrong_alias, wrong_optional_file, wrong_set_env, wrong_send_env})
    result.owners = result.owners || rules.wrong_text == check;
  result.owners = result.owners || std::is_same_v<type, host_key_policy>;
  result.get = [](const cluster_settings& from) { return wrap(from.*Member); };
  result.set = [](cluster_settings& to, const setting_value& value) { unwrap(to.*Member, value); };
  result.same = [](const cluster_settings& a, const cluster_settings& b) { return a.*Member == b.*Member; };
  return result;
}

constexpr std::uint64_t minutes = 60'000; // in milliseconds
constexpr std::uint64_t days = 24 * 60 * minutes;

inline std::vector<field> section(std::string_view heading, std::vector<field> fields) {
  for (auto& each : fields)
    each.section = heading;
  return fields;
}

/// A section that has a file of its own: messages/settings_table_transport.cpp.
std::vector<field> transport_fields();

} // namespace moorage
