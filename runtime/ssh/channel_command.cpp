#include "runtime/ssh/channel_command.hpp"

#include <algorithm>
#include <cstring>

namespace moorage {

namespace {

bool is_name(const std::string& name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// Fit for `printf %b "…"` inside single quotes.
std::string escaped(const std::string& bytes) {
  std::string text;
  for (unsigned char byte : bytes) {
    bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                 (byte >= '0' && byte <= '9') || (byte != 0 && std::strchr(" _./,:=+@-", byte));
    if (plain) {
      text += static_cast<char>(byte);
      continue;
    }
    text += "\\0";
    text += static_cast<char>('0' + (byte >> 6));
    text += static_cast<char>('0' + (byte >> 3 & 7));
    text += static_cast<char>('0' + (byte & 7));
  }
  return text;
}

} // namespace

std::string check_request(const exec_request& request) {
  if (request.command.find('\0') != std::string::npos)
    return "the command has a zero byte in it, which no shell can take";
  for (const auto& [name, value] : request.environment) {
    if (!is_name(name))
      return "'" + name +
             "' is no name for an environment variable: letters, digits and _, not beginning with a digit";
    if (value.find('\0') != std::string::npos)
      return "the value of " + name + " has a zero byte in it, which no environment can hold";
  }
  return {};
}

std::string with_environment(const std::vector<environment_variable>& variables, const std::string& command) {
  std::string line = "exec sh -c '";
  // The dot keeps newlines at the end of a value, which $(…) would cut.
  for (const auto& [name, value] : variables)
    line += name + "=$(printf %b \"" + escaped(value) + ".\"); export " + name + "=\"${" + name + "%.}\"; ";
  return line + "exec \"${SHELL:-/bin/sh}\" -c \"$(printf %b \"" + escaped(command) + "\")\"'";
}

} // namespace moorage
