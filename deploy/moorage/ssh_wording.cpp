#include "deploy/moorage/ssh_wording.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "messages/settings_table.hpp"

namespace moorage::cli {

std::string in_ssh_words(const std::string& text) {
  auto in_names = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view{"_/.-'\""}.find(c) != std::string_view::npos;
  };
  std::string result;
  const auto ours = std::min(text.find("the server says"), text.size());
  for (std::size_t at = 0; at < ours;) {
    auto end = at;
    while (end < ours && in_names(text[end]))
      ++end;
    while (end > at && text[end - 1] == '.')
      --end;
    auto word = text.substr(at, end - at);
    const auto* setting = word.find('_') == std::string::npos ? nullptr : find_cluster_field(word);
    if (setting != nullptr && !setting->ssh_name.empty() && !setting->own &&
        text.find(setting->ssh_name) == std::string::npos)
      result += std::string{setting->ssh_name} + " (" + word + ")";
    else
      result += word.empty() ? text.substr(at, 1) : word;
    at += std::max<std::size_t>(word.size(), 1);
  }
  return result + text.substr(ours);
}

} // namespace moorage::cli
