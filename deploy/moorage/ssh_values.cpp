// How ssh_config(5) writes values.
#include <algorithm>
#include <cctype>
#include <utility>

#include "deploy/moorage/ssh_words.hpp"

namespace moorage::cli {

std::optional<std::vector<std::string>> ssh_arguments(std::string_view text) {
  auto blank = [](char c) { return c == ' ' || c == '\t'; };
  std::vector<std::string> result;
  for (std::size_t i = 0; i < text.size();) {
    if (blank(text[i])) {
      ++i;
      continue;
    }
    std::string word;
    char quote = 0;
    for (; i < text.size() && (quote != 0 || !blank(text[i])); ++i)
      if (text[i] == '\\' && i + 1 < text.size() &&
          (text[i + 1] == '\\' || text[i + 1] == '"' || text[i + 1] == '\''))
        word += text[++i];
      else if (quote == 0 && (text[i] == '"' || text[i] == '\''))
        quote = text[i];
      else if (quote != 0 && text[i] == quote)
        quote = 0;
      else
        word += text[i];
    if (quote != 0)
      return std::nullopt;
    result.push_back(std::move(word));
  }
  return result;
}

std::string ssh_time(std::string_view written) {
  std::uint64_t whole = 0;
  if (written.empty() || written.size() > 12)
    return {};
  while (!written.empty()) {
    std::uint64_t number = 0;
    auto digits = std::min(written.find_first_not_of("0123456789"), written.size());
    if (digits == 0)
      return {};
    for (auto c : written.substr(0, digits))
      number = 10 * number + static_cast<std::uint64_t>(c - '0');
    auto unit = digits == written.size() ? 's' : static_cast<char>(std::tolower(written[digits]));
    written.remove_prefix(std::min(digits + 1, written.size()));
    auto factor = unit == 's' ? 1u : unit == 'm' ? 60u : unit == 'h' ? 3'600u : unit == 'd' ? 86'400u : 0u;
    if (unit == 'w')
      factor = 7 * 86'400;
    if (factor == 0)
      return {};
    whole += number * factor;
  }
  return std::to_string(whole) + "s";
}

std::string_view same_ssh_setting(std::string_view option) {
  constexpr std::pair<std::string_view, std::string_view> all[] = {
      {"bindaddress", "bind_address"},
      {"ciphers", "ciphers"},
      {"hostkeyalgorithms", "host_key_algorithms"},
      {"hostkeyalias", "host_key_alias"},
      {"kexalgorithms", "kex_algorithms"},
      {"macs", "macs"},
      {"pubkeyacceptedalgorithms", "pubkey_accepted_algorithms"}};
  for (auto [name, setting] : all)
    if (name == option)
      return setting;
  return {};
}

} // namespace moorage::cli
