#include "deploy/moorage/ssh_wording.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "messages/settings_table.hpp"

namespace moorage::cli {

namespace {

/// Where the server's own words that begin at `at` end: behind their quote, if they have a closed one.
std::size_t end_of_servers(const std::string& text, std::size_t at) {
  constexpr std::string_view words = "the server says ";
  const auto quote = at + words.size();
  const auto end = quote < text.size() && text[quote] == '"' ? text.find('"', quote + 1) : std::string::npos;
  return end == std::string::npos ? text.size() : end + 1;
}

} // namespace

std::string in_ssh_words(const std::string& text) {
  auto in_names = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view{"_/.-'\""}.find(c) != std::string_view::npos;
  };
  std::string result;
  auto next_of_servers = [&text](std::size_t from) {
    return std::min(text.find("the server says ", from), text.size());
  };
  auto ours = next_of_servers(0);
  for (std::size_t at = 0; at < text.size();) {
    if (at == ours) {
      const auto end = end_of_servers(text, at);
      result += text.substr(at, end - at);
      at = end;
      ours = next_of_servers(at);
      continue;
    }
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
  return result;
}

} // namespace moorage::cli
