#include "runtime/ssh/channels/command.hpp"

#include <algorithm>
#include <string_view>

#include "messages/printable.hpp"

namespace moorage {

namespace {

/// Around a command in its packet: its length, type, channel, "exec", the wish for a reply, two lengths, and
/// as much padding as any cipher asks for.
constexpr std::size_t framing = 64;
/// OpenSSH's PACKET_MAX_SIZE (packet.c), libssh's MAX_PACKET_LEN (packet.c).
constexpr std::size_t large_packet = 256 << 10;
/// RFC 4253, section 6.1.
constexpr std::size_t any_packet = 32'768;

/// The banner's name of the software: "OpenSSH_9.2p1" of "SSH-2.0-OpenSSH_9.2p1 Debian-2".
std::string_view software(std::string_view banner) {
  auto version = banner.find('-');
  auto name = version == std::string_view::npos ? version : banner.find('-', version + 1);
  return name == std::string_view::npos ? std::string_view{} : banner.substr(name + 1);
}

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

/// Between single quotes, for `printf %b`.
std::string quoted_for_printf(const std::string& bytes) {
  std::string text = "'";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte == '\n') {
      text += "\\n";
      continue;
    }
    bool plain =
        (byte >= 0x20 && byte != 0x7f && byte != '\'' && byte != '\\' && byte != '!') || byte == '\t';
    if (plain) {
      text += bytes[i];
      continue;
    }
    // Up to three digits are read: all three before another digit.
    bool digit_follows = i + 1 < bytes.size() && is_octal(bytes[i + 1]);
    text += "\\0";
    if (byte >= 0100 || digit_follows)
      text += static_cast<char>('0' + (byte >> 6));
    if (byte >= 010 || digit_follows)
      text += static_cast<char>('0' + (byte >> 3 & 7));
    text += static_cast<char>('0' + (byte & 7));
  }
  return text + "'";
}

std::string bytes_text(std::size_t size, std::size_t longest) {
  return std::to_string(size) + " bytes, and this server takes " + std::to_string(longest) +
         " in one request";
}

} // namespace

std::size_t request_max(const std::string& banner) {
  auto name = software(banner);
  auto takes_more = name.starts_with("OpenSSH") || name.starts_with("libssh");
  return (takes_more ? large_packet : any_packet) - framing;
}

std::string check_command(const std::string& command, std::size_t longest, bool rewritten) {
  if (command.size() <= longest)
    return {};
  return std::string{"the command "} + (rewritten ? "with the variables that the server has refused " : "") +
         "is too long: " + bytes_text(command.size(), longest) +
         "; send the script on standard input (sh -s < file)";
}

std::string check_request(const exec_request& request, std::size_t longest) {
  if (request.command.find('\0') != std::string::npos)
    return "the command has a zero byte in it, which no shell can take";
  for (const auto& [name, value, optional] : request.environment) {
    if (!is_environment_name(name))
      continue;
    if (value.find('\0') != std::string::npos)
      return "the value of a variable (" + printable(name) +
             ") has a zero byte in it, which no environment can hold";
    if (auto size = name.size() + value.size(); size > longest)
      return "a variable (" + printable(name) + ") is too long: " + bytes_text(size, longest) +
             "; send it on standard input, or in a file";
  }
  return check_command(request.command, longest, false);
}

bool is_environment_name(const std::string& name) {
  return !name.empty() && name.find_first_of(std::string_view{"=\0", 2}) == std::string::npos;
}

bool is_shell_name(const std::string& name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string with_environment(const std::vector<environment_variable>& variables, const std::string& command) {
  std::string line = "exec sh -c '";
  // The dot keeps newlines at the end of a value, which $(…) would cut.
  for (const auto& [name, value, optional] : variables)
    line += name + "=$(printf %b. \"$1\");export " + name + "=\"${" + name + "%.}\";shift;";
  line += "exec \"${SHELL:-/bin/sh}\" -c \"$(printf %b \"$1\")\"' sh";
  for (const auto& [name, value, optional] : variables)
    line += " " + quoted_for_printf(value);
  return line + " " + quoted_for_printf(command);
}

} // namespace moorage
