#include <algorithm>

#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/pages.hpp"

namespace moorage::cli {

namespace {

constexpr std::size_t width = 100;

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string result;
  for (const auto& each : words)
    result += (result.empty() ? "" : between) + each;
  return result;
}

using rows = std::vector<std::pair<std::string, std::string>>;

// Two columns; what is too wide for the left one has its text on the next line.
std::string columns(const rows& lines) {
  std::size_t left = 0;
  for (const auto& [name, text] : lines)
    if (name.size() <= 26)
      left = std::max(left, name.size());
  std::string result;
  for (const auto& [name, text] : lines) {
    result += "  " + name;
    if (name.size() > left)
      result += "\n" + std::string(left + 4, ' ');
    else
      result += std::string(left - name.size() + 2, ' ');
    result += wrap(text, width, left + 4) + "\n";
  }
  return result;
}

rows option_rows(const command_page& page) {
  rows result;
  for (const auto& option : page.options) {
    // All long names in one column, after the short ones.
    auto name = joined(option.spellings, ", ");
    if (option.spellings.size() == 1 && name.starts_with("--"))
      name.insert(0, "    ");
    result.emplace_back(name + (option.value.empty() ? "" : " " + option.value), option.text);
  }
  return result;
}

} // namespace

std::string wrap(const std::string& text, std::size_t columns, std::size_t indent) {
  std::string result;
  auto column = indent;
  std::size_t from = 0;
  while (from < text.size()) {
    auto end = std::min(text.find(' ', from), text.size());
    auto length = end - from;
    if (column != indent && column + 1 + length > columns) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column != indent) {
      result += ' ';
      ++column;
    }
    result += text.substr(from, length);
    column += length;
    from = end + 1;
  }
  return result;
}

std::string command_page::usage() const {
  auto result = path + (options.empty() ? "" : " [OPTION…]");
  if (!commands.empty())
    result += " COMMAND";
  for (const auto& each : arguments) {
    auto name = each.name + (each.many ? "…" : "");
    result += each.behind_mark() ? " -- " + name : each.required ? " " + name : " [" + name + "]";
  }
  return result;
}

std::string help_text(const command_page& page) {
  auto result = page.summary + ".\n\nUsage: " + page.usage() + "\n";
  for (const auto& paragraph : page.paragraphs)
    result += "\n" + wrap(paragraph, width, 0) + "\n";
  if (!page.commands.empty()) {
    rows lines;
    for (const auto& each : page.commands)
      lines.emplace_back(each.name, each.summary);
    result += "\nCommands:\n" + columns(lines);
  }
  if (!page.arguments.empty()) {
    rows lines;
    for (const auto& each : page.arguments)
      lines.emplace_back(each.name, each.text);
    result += "\nArguments:\n" + columns(lines);
  }
  result += "\nOptions:\n" + columns(option_rows(page));
  if (page.path != "moorage")
    result += "\nThe options of every command, such as --config, -o and --json: moorage --help\n";
  if (!page.examples.empty()) {
    result += "\nExamples:\n";
    for (const auto& each : page.examples)
      result += "  # " + each.purpose + "\n  " + each.line + "\n";
  }
  if (page.exit_codes) {
    rows lines;
    for (const auto& each : exit_code_meanings)
      lines.emplace_back(std::to_string(each.code), each.meaning);
    result += "\nExit codes:\n" + columns(lines);
    if (page.path == "moorage")
      result += "\n" + wrap(std::string{exec_exit_codes}, width, 0) + "\n";
  }
  return result;
}

} // namespace moorage::cli
