// A command line as bash gives it to a completion: in the user's own spelling, and taken apart at more than
// blanks.
#include <algorithm>
#include <utility>

#include "deploy/moorage/pages.hpp"

namespace moorage::cli {

namespace {

/// What bash would make of the word but for its expansions; of one that is still being written as well.
std::string without_quotes(std::string_view written) {
  std::string result;
  char within = '\0';
  for (std::size_t i = 0; i < written.size(); ++i) {
    auto c = written[i];
    if (c == '\\' && within != '\'') {
      if (++i == written.size())
        break;
      if (within == '"' && std::string_view{"$`\"\\"}.find(written[i]) == std::string_view::npos)
        result += c;
      result += written[i];
    } else if (within != '\0' ? c == within : c == '\'' || c == '"') {
      within = within == '\0' ? c : '\0';
    } else {
      result += c;
    }
  }
  return result;
}

/// Goes past the blanks. False: there are none.
bool pass_blanks(std::string_view& line) {
  auto blanks = std::min(line.find_first_not_of(" \t\n"), line.size());
  line.remove_prefix(blanks);
  return blanks > 0;
}

} // namespace

bash_line read_bash_line(std::string_view line, const std::vector<std::string>& words) {
  bash_line result;
  auto continued = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto last = i + 1 == words.size();
    auto blank = pass_blanks(line);
    auto raw = last ? line : std::string_view{words[i]}; // the last one ends where the cursor is
    line.remove_prefix(line.starts_with(raw) ? raw.size() : 0);
    if (i == 0 && !last)
      continue; // the program
    auto separator = !raw.empty() && raw.find_first_not_of("=:@") == std::string_view::npos;
    auto joins = !blank && !result.words.empty() && (separator || continued);
    auto word = without_quotes(raw);
    result.apart = 0;
    if (joins) {
      auto before = result.words.back() + (separator ? word : "");
      result.apart = before.size() - (before.ends_with('@') ? 1 : 0);
      result.words.back() += word;
    } else {
      result.words.push_back(std::move(word));
    }
    continued = joins && separator;
  }
  return result;
}

} // namespace moorage::cli
