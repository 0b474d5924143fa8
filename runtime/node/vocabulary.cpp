#include "runtime/node/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <moorage/version.hpp>
#include <utility>
#include <vector>

#include "messages/printable.hpp"
#include "runtime/node/schema.hpp"

namespace moorage {

namespace {

/// How the parts of a greeting begin.
constexpr std::string_view version_word = "moorage ", messages_word = "messages", list_word = "list ";

/// Without these nobody gets a lease, or the outcome of a command.
constexpr std::array essential{std::string_view{"acquire"},
                               std::string_view{"cancel_acquire"},
                               std::string_view{"release_lease"},
                               std::string_view{"run_command"},
                               std::string_view{"open_stream"},
                               std::string_view{"cancel_command"},
                               std::string_view{"grant_stream_credit"},
                               std::string_view{"send_stream_input"},
                               std::string_view{"end_stream_input"},
                               std::string_view{"done"},
                               std::string_view{"lease_grant"},
                               std::string_view{"acquire_refused"},
                               std::string_view{"lease_lost"},
                               std::string_view{"run_ended"},
                               std::string_view{"stream_chunk"},
                               std::string_view{"stream_room"},
                               std::string_view{"stream_end"}};

std::uint32_t sum_of(std::string_view text) {
  std::uint32_t sum = 0x811c9dc5; // FNV-1a
  for (unsigned char each : text)
    sum = (sum ^ each) * 0x01000193;
  return sum;
}

std::string_view without_namespace(std::string_view name) {
  constexpr std::string_view ours = "moorage::";
  if (name.starts_with(ours))
    name.remove_prefix(ours.size());
  return name;
}

std::array<unsigned, 3> numbers_of(const std::string& version) {
  std::array<unsigned, 3> result{};
  std::sscanf(version.c_str(), "%u.%u.%u", &result[0], &result[1], &result[2]);
  return result;
}

/// The next word of a line, which is taken off; empty: there is none. Not by a stream of the library's: a
/// command through a node reads some hundred words before it does anything.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  auto word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> result;
  for (auto word = take_word(line); !word.empty(); word = take_word(line))
    result.emplace_back(word);
  return result;
}

/// "moorage 0.2.0, which is newer than this program's 0.1.0", as the end of "the node is …".
std::string in_words(const std::string& node, const std::string& client) {
  auto theirs = printable(node, 32);
  auto there = numbers_of(node), here = numbers_of(client);
  if (there == here)
    return "another build of moorage " + theirs + " than this program";
  return "moorage " + theirs + ", which is " + (there < here ? "older" : "newer") + " than this program's " +
         client;
}

std::string remedy(const std::string& node, const std::string& client) {
  return numbers_of(node) > numbers_of(client)
             ? "update this program, or end the node (moorage admin stop) and start it from the installation "
               "that this program is of"
             : "end the node (moorage admin stop) and start it from the installation that this program is of";
}

} // namespace

const vocabulary& vocabulary::ours() {
  static const vocabulary own{MOORAGE_VERSION, outsiders_schema()};
  return own;
}

vocabulary::vocabulary(std::string version, std::string_view schema) : version_(std::move(version)) {
  while (!schema.empty()) {
    auto line = schema.substr(0, schema.find('\n'));
    schema.remove_prefix(std::min(line.size() + 1, schema.size()));
    auto end = std::min(line.find_first_of("( "), line.size());
    std::string name{line.substr(0, end)};
    if (end < line.size() && line[end] == ' ')
      lists_[name] = words_of(line.substr(end));
    else
      messages_[name] = sum_of(line);
  }
}

std::set<std::string> vocabulary::greeting() const {
  std::string messages{messages_word};
  for (const auto& [name, sum] : messages_) {
    std::array<char, 16> hexadecimal{};
    std::snprintf(hexadecimal.data(), hexadecimal.size(), ":%x", sum);
    messages += ' ' + name + hexadecimal.data();
  }
  std::set<std::string> result{std::string{version_word} + version_, messages};
  for (const auto& [name, words] : lists_) {
    auto line = std::string{list_word} + name;
    for (const auto& word : words)
      line += ' ' + word;
    result.insert(std::move(line));
  }
  return result;
}

std::optional<vocabulary> vocabulary::read(const std::set<std::string>& greeting) {
  vocabulary result;
  for (const auto& line : greeting) {
    std::string_view words{line};
    auto first = take_word(words);
    if (line.starts_with(version_word)) {
      result.version_ = take_word(words);
    } else if (first == messages_word) {
      for (auto word = take_word(words); !word.empty(); word = take_word(words)) {
        auto end = std::min(word.find(':'), word.size());
        auto sum = word.substr(std::min(end + 1, word.size()));
        std::uint32_t value = 0;
        auto [rest, wrong] = std::from_chars(sum.data(), sum.data() + sum.size(), value, 16);
        if (wrong == std::errc{} && rest == sum.data() + sum.size())
          result.messages_[std::string{word.substr(0, end)}] = value;
      }
    } else if (line.starts_with(list_word)) {
      auto& list = result.lists_[std::string{take_word(words)}];
      list = words_of(words);
    }
  }
  if (result.version_.empty() || result.messages_.empty())
    return std::nullopt;
  return result;
}

bool vocabulary::shares(std::string_view message, const vocabulary& other) const {
  auto here = messages_.find(message), there = other.messages_.find(message);
  return here != messages_.end() && there != other.messages_.end() && here->second == there->second;
}

/// A list of which neither begins as the other; empty: there is none.
std::string vocabulary::first_list_unlike(const vocabulary& other) const {
  for (const auto& [name, words] : lists_) {
    auto found = other.lists_.find(name);
    if (found == other.lists_.end())
      return name;
    auto common = std::min(words.size(), found->second.size());
    if (!std::equal(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(common),
                    found->second.begin()))
      return name;
  }
  return {};
}

std::string version_in_words(const vocabulary& client, const vocabulary& node) {
  return node.version() == client.version() ? std::string{} : in_words(node.version(), client.version());
}

failure no_understanding(const vocabulary& client, const vocabulary& node, const std::string& where) {
  auto unlike = client.first_list_unlike(node);
  for (auto message : essential)
    if (unlike.empty() && !client.shares(message, node))
      unlike = message;
  if (unlike.empty())
    return {};
  return {errc::node_lost, "the node on " + where + " is " + in_words(node.version(), client.version()) +
                               ", and says '" + unlike +
                               "' in another way, without which they cannot work with each other: " +
                               remedy(node.version(), client.version())};
}

failure not_understood(const vocabulary& client, const vocabulary& node,
                       const std::vector<std::string_view>& messages) {
  for (auto each : messages) {
    auto name = without_namespace(each);
    if (client.shares(name, node))
      continue;
    return {errc::other_version, "the node is " + in_words(node.version(), client.version()) + ", and " +
                                     (node.messages_.contains(name) ? "has another '" : "has no '") +
                                     std::string{name} + "': what both have works; for this, " +
                                     remedy(node.version(), client.version())};
  }
  return {};
}

} // namespace moorage
