#include "messages/written_values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <utility>

#include "messages/printable.hpp"

namespace moorage {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t second = 1'000;
constexpr std::uint64_t minute = 60 * second;
constexpr std::uint64_t hour = 60 * minute;
constexpr std::uint64_t day = 24 * hour;

constexpr std::array duration_units{unit{"ms", 1},     unit{"s", second}, unit{"min", minute},
                                    unit{"m", minute}, unit{"h", hour},   unit{"d", day}};
constexpr std::array size_units{unit{"B", 1},
                                unit{"KiB", 1ull << 10},
                                unit{"MiB", 1ull << 20},
                                unit{"GiB", 1ull << 30},
                                unit{"TiB", 1ull << 40},
                                unit{"kB", 1'000},
                                unit{"KB", 1'000},
                                unit{"MB", 1'000'000},
                                unit{"GB", 1'000'000'000}};

template <class Units>
std::optional<std::uint64_t> factor_of(std::string_view name, const Units& units) {
  for (const auto& candidate : units)
    if (candidate.name == name)
      return candidate.factor;
  return std::nullopt;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate accepts) {
  auto length = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), accepts) - text.begin());
  auto taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

std::optional<std::uint64_t> multiply(std::uint64_t left, std::uint64_t right) {
  if (right != 0 && left > std::numeric_limits<std::uint64_t>::max() / right)
    return std::nullopt;
  return left * right;
}

// One "1.5s" off the front of the text, in milliseconds.
std::optional<std::uint64_t> take_duration_part(std::string_view& text) {
  auto whole = parse_count(take_while(text, is_digit));
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_while(text, is_digit);
    if (fraction.empty() || fraction.size() > 9)
      return std::nullopt;
  }
  auto factor = factor_of(take_while(text, is_letter), duration_units);
  if (!whole || !factor)
    return std::nullopt;
  auto result = multiply(*whole, *factor);
  if (!result || fraction.empty())
    return result;
  std::uint64_t scale = 1;
  for (std::size_t i = 0; i < fraction.size(); ++i)
    scale *= 10;
  auto scaled = multiply(*parse_count(fraction), *factor);
  if (!scaled || *scaled % scale != 0)
    return std::nullopt;
  auto further = *scaled / scale;
  if (*result > std::numeric_limits<std::uint64_t>::max() - further) // else it would begin anew at nothing
    return std::nullopt;
  return *result + further;
}

std::string plain_spelling(std::string_view text) {
  std::string result;
  for (auto c : text)
    if (c != '-' && c != '_')
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  using std::chrono::milliseconds;
  // What a clock of nanoseconds can add to "now" without overflow (292 years), with much to spare.
  constexpr std::uint64_t longest = 36'500 * day;
  if (text == "0")
    return milliseconds{0};
  if (text.empty())
    return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    auto part = take_duration_part(text);
    if (!part || *part > longest)
      return std::nullopt;
    total += *part;
    if (total > longest)
      return std::nullopt;
  }
  return milliseconds{static_cast<std::int64_t>(total)};
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  auto number = parse_count(take_while(text, is_digit));
  take_while(text, [](char c) { return c == ' '; });
  if (!number || text.empty())
    return number;
  auto factor = factor_of(text, size_units);
  return factor ? multiply(*number, *factor) : std::nullopt;
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit))
    return std::nullopt;
  std::uint64_t result = 0;
  for (auto c : text) {
    auto digit = static_cast<std::uint64_t>(c - '0');
    auto shifted = multiply(result, 10);
    if (!shifted || *shifted > std::numeric_limits<std::uint64_t>::max() - digit)
      return std::nullopt;
    result = *shifted + digit;
  }
  return result;
}

std::string quote_toml(std::string_view text) {
  std::string result;
  for (auto c : text) {
    if (c == '"' || c == '\\')
      result += '\\';
    result += c;
  }
  auto spell = [](std::uint32_t character) -> std::string {
    if (character == '\n' || character == '\t')
      return character == '\n' ? "\\n" : "\\t";
    std::array<char, 8> code{};
    std::snprintf(code.data(), code.size(), "\\u%04X", static_cast<unsigned>(character));
    return code.data();
  };
  return '"' + with_escapes(result, spell) + '"';
}

std::optional<std::vector<std::string>> split_quoted(std::string_view text) {
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

std::string quoted_word(std::string_view word) {
  if (!word.empty() && word.find_first_of(" \t\\\"'") == std::string_view::npos)
    return std::string{word};
  std::string result = "\"";
  for (auto c : word) {
    if (c == '\\' || c == '"' || c == '\'')
      result += '\\';
    result += c;
  }
  return result + "\"";
}

std::size_t edit_distance(std::string_view left, std::string_view right) {
  auto columns = right.size() + 1;
  std::vector<std::size_t> before_last(columns), last(columns), current(columns);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j < columns; ++j) {
      auto same = left[i - 1] == right[j - 1];
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, current);
  }
  return last[right.size()];
}

std::string did_you_mean(std::string_view written, const std::vector<std::string>& candidates) {
  // Far longer than any key: not a slip of the finger, and the distance costs the square of it.
  if (written.size() > 64)
    return {};
  auto plain = plain_spelling(written);
  std::string best;
  // In a word of two letters, one that is wrong is another word.
  auto best_distance = plain.size() < 3 ? 0 : 1 + plain.size() / 4;
  for (const auto& candidate : candidates) {
    auto distance = edit_distance(plain, plain_spelling(candidate));
    if (distance < best_distance || (best.empty() && distance == best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

} // namespace moorage
