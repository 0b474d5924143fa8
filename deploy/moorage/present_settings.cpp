// A cluster's settings, for people and for scripts.
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "deploy/moorage/output.hpp"
#include "deploy/moorage/present.hpp"
#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"

namespace moorage::cli {

using json = nlohmann::ordered_json;

namespace {

/// What a change does to open connections, in a word.
const char* word_of(setting_change change) {
  switch (change) {
  case setting_change::at_once:
    break;
  case setting_change::new_connections:
    return "new_connections";
  case setting_change::reopens:
    return "reopens";
  }
  return "at_once";
}

} // namespace

json value_json(const setting<cluster_settings>& field, const cluster_settings& settings) {
  auto value = field.get(settings);
  if (const auto* flag = std::get_if<bool>(&value))
    return *flag;
  if (const auto* span = std::get_if<std::chrono::milliseconds>(&value))
    return seconds_of(*span);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value))
    return *list;
  if (const auto* text = std::get_if<std::string>(&value))
    return *text;
  auto number = std::get<std::uint64_t>(value);
  return field.type == setting_type::choice && number < field.choices.size() ? json(field.choices[number])
                                                                             : json(number);
}

std::string name_with_unit(const setting_rules& rules) {
  return std::string{rules.name} + (rules.type == setting_type::duration ? "_seconds" : "");
}

std::string settings_text(const cluster_settings& settings, bool colours) {
  const cluster_settings defaults;
  table result{{"SETTING", "VALUE", "DEFAULT", "A CHANGE HOLDS"}};
  for (const auto& field : cluster_fields()) {
    auto holds = field.on_change == setting_change::at_once           ? "at once"
                 : field.on_change == setting_change::new_connections ? "for new connections"
                                                                      : "closes the open connections";
    auto same = field.same(settings, defaults);
    result.add({std::string{field.name},
                {format_value(field, field.get(settings)), same ? colour::faint : colour::good},
                format_value(field, field.get(defaults)),
                std::string{holds}});
  }
  return result.text(colours);
}

json settings_json(const cluster_settings& settings) {
  const cluster_settings defaults;
  json result;
  for (const auto& field : cluster_fields())
    result[name_with_unit(field)] = {{"setting", std::string{field.name}},
                                     {"value", value_json(field, settings)},
                                     {"default", value_json(field, defaults)},
                                     {"changeable", true},
                                     {"change_holds", word_of(field.on_change)}};
  return result;
}

} // namespace moorage::cli
