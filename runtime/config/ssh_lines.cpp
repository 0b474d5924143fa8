#include "runtime/config/ssh_lines.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "messages/access.hpp"
#include "messages/printable.hpp"
#include "runtime/config/ssh_option_names.hpp"
#include "runtime/config/text.hpp"

namespace moorage {

namespace {

/// Who knows of three lines finds the rest.
constexpr std::size_t told_max = 3;

constexpr std::string_view blanks = " \t\r\f";

/// Calls `take` with each line, without its end.
template <class Take>
void each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    auto end = std::min(text.find('\n'), text.size());
    auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && blanks.find(line.back()) != std::string_view::npos)
      line.remove_suffix(1);
    take(line);
  }
}

/// The option that a line sets, in lower case; empty: none.
std::string option_of(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  if (line.starts_with('"'))
    line.remove_prefix(1);
  auto name = line.substr(0, std::min(line.find_first_of(" \t\"="), line.size()));
  return name.starts_with('#') ? std::string{} : lower_case(name);
}

bool has(const std::vector<std::string>& all, std::string_view text) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

void add_once(std::vector<std::string>& to, std::string_view text) {
  if (!has(to, text))
    to.emplace_back(text);
}

std::string somewhere_in(const std::string& file) {
  return file.empty() ? "~/.ssh/config, the system's ssh_config, or a file that they include"
                      : printable(file, 300) + ", or a file that it includes";
}

/// A line of ssh's debugging, without its level; nothing: it is none.
std::string_view debugging_of(std::string_view line) {
  constexpr std::string_view begin = "debug", end = ": ";
  const auto level = begin.size();
  if (!line.starts_with(begin) || line.size() <= level || line[level] < '1' || line[level] > '3' ||
      line.substr(level + 1, end.size()) != end)
    return {};
  return line.substr(level + 1 + end.size());
}

/// Of the lines about each Match, by turns: "FILE line N: [not ]matched 'CRITERION'", once for each criterion
/// that is looked at (for `all` there is none), and at last "match [not ]found". A file may be read twice.
class matches_told {
public:
  void take(std::string_view line, ssh_files_read& into) {
    for (std::string_view words : {": matched '", ": not matched '"})
      if (auto at = line.find(words); at != std::string_view::npos)
        place_ = line.substr(0, at);
    if (line == "match found") {
      into.matched = true;
      found_.insert(std::exchange(place_, {}));
    } else if (line == "match not found" && !place_.empty()) {
      into.unmatched.insert(std::exchange(place_, {}));
    }
  }
  void end(ssh_files_read& of) const {
    for (const auto& each : found_)
      of.unmatched.erase(each);
  }

private:
  std::string place_;
  std::set<std::string> found_;
};

} // namespace

ssh_files_read files_ssh_read(const std::string& said) {
  constexpr std::string_view reads = "Reading configuration data ", applies = ": Applying options for ",
                             includes = ": Including file ", depth = " depth ", idly = " (parse only)";
  std::vector<std::string> in_force;
  ssh_files_read result;
  matches_told matches;
  // And not the command of a Match exec, which ssh tells as well.
  auto is_place = [&result](std::string_view text) {
    return has(result.files, text.substr(0, text.rfind(" line ")));
  };
  each_line(said, [&](std::string_view whole) {
    const auto line = debugging_of(whole);
    result.told = result.told || !line.empty();
    matches.take(line, result);
    if (auto at = line.find(includes); at != std::string_view::npos) {
      auto file = line.substr(at + includes.size());
      add_once(file.ends_with(idly) ? result.idle : in_force, file.substr(0, file.rfind(depth)));
    } else if (line.starts_with(reads)) {
      add_once(result.files, line.substr(reads.size()));
    } else if (at = line.find(applies); at != std::string_view::npos && is_place(line.substr(0, at))) {
      add_once(result.applied, line.substr(0, at));
      add_once(result.patterns, line.substr(at + applies.size()));
    }
  });
  matches.end(result);
  if (!result.files.empty()) // included by nobody
    in_force.push_back(result.files.front());
  std::erase_if(result.idle, [&](const auto& each) { return has(in_force, each); });
  return result;
}

bool names_host(const ssh_files_read& read) {
  return std::any_of(read.patterns.begin(), read.patterns.end(),
                     [](const auto& each) { return each.find_first_not_of("*?") != std::string::npos; });
}

bool may_say_more(const ssh_files_read& read) {
  return !read.told || read.matched || names_host(read);
}

std::vector<std::string> lines_with(const std::string& option, const std::string& file,
                                    const std::string& text, const ssh_files_read& read) {
  std::vector<std::string> result;
  std::size_t number = 0;
  bool counts = true;
  each_line(text, [&](std::string_view line) {
    auto place = file + " line " + std::to_string(++number);
    auto name = option_of(line);
    if (name == "match")
      counts = !read.unmatched.contains(place);
    else if (name == "host")
      counts = has(read.applied, place);
    else if (counts && name == option)
      result.push_back(std::move(place));
  });
  return result;
}

std::string where_it_stands(const std::string& said, const std::string& file, const std::string& option) {
  const auto read = files_ssh_read(said);
  std::vector<std::string> found;
  for (const auto& each : read.files) {
    if (has(read.idle, each))
      continue;
    std::string text; // of a pipe there is none: ssh has read it to its end
    if (read_config_text(each, text).empty())
      for (auto& line : lines_with(option, each, text, read))
        found.push_back(std::move(line));
  }
  if (found.empty())
    return somewhere_in(file);
  std::string result;
  for (std::size_t i = 0; i < std::min(found.size(), told_max); ++i)
    result += (i == 0 ? "" : ", ") + printable(found[i], 300);
  return result + (found.size() > told_max ? " and further lines" : "");
}

} // namespace moorage
