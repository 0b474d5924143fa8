#include "messages/environment.hpp"

#include <algorithm>

#include "messages/access.hpp"
#include "messages/written_values.hpp"

namespace moorage {

namespace {

constexpr std::size_t sent_max = 250, sent_bytes_max = 128u << 10;

bool has(const std::vector<environment_variable>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&name](const auto& each) { return each.name == name; });
}

/// ssh takes away words that were said before, and no variable of a pattern that stays.
std::vector<std::string> patterns_of(const std::string& send_env) {
  std::vector<std::string> result;
  for (auto& word : split_quoted(send_env).value_or(std::vector<std::string>{}))
    if (word.starts_with('-'))
      std::erase_if(
          result, [&word](const auto& each) { return fits_pattern(each, std::string_view{word}.substr(1)); });
    else
      result.push_back(std::move(word));
  return result;
}

} // namespace

std::size_t add_variables(std::vector<environment_variable>& to, const std::string& set_env,
                          const std::string& send_env, const process_environment& own) {
  auto add = [&to](const std::string& entry, std::size_t equals) {
    to.push_back({entry.substr(0, equals), entry.substr(equals + 1), true});
  };
  if (!set_env.empty())
    for (const auto& entry : split_quoted(set_env).value_or(std::vector<std::string>{}))
      if (auto equals = entry.find('='); equals != std::string::npos && !has(to, entry.substr(0, equals)))
        add(entry, equals);
  if (send_env.empty() || !own)
    return 0;
  auto patterns = patterns_of(send_env);
  std::size_t sent = 0, bytes = 0, left_out = 0;
  for (const auto& entry : *own) {
    auto equals = entry.find('=');
    auto name = entry.substr(0, equals);
    auto wanted = equals != std::string::npos && equals > 0 &&
                  std::any_of(patterns.begin(), patterns.end(),
                              [&name](const auto& pattern) { return fits_pattern(name, pattern); });
    if (!wanted || has(to, name))
      continue;
    if (sent == sent_max || bytes + entry.size() > sent_bytes_max) {
      ++left_out;
      continue;
    }
    add(entry, equals);
    ++sent;
    bytes += entry.size();
  }
  return left_out;
}

std::string left_out_in_words(const std::string& set_env, const std::string& send_env,
                              const process_environment& own) {
  std::vector<environment_variable> sent;
  auto left_out = add_variables(sent, set_env, send_env, own);
  return left_out == 0
             ? ""
             : std::to_string(left_out) + " of the variables that send_env names are left out: at most " +
                   std::to_string(sent_max) + " are sent, of " + std::to_string(sent_bytes_max >> 10) +
                   " KiB together; have it name fewer";
}

} // namespace moorage
