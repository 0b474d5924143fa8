#include "messages/settings_words.hpp"

#include <algorithm>
#include <string_view>

#include <arpa/inet.h>

#include "messages/written_values.hpp"

namespace moorage {

namespace {

constexpr std::string_view letters_and_digits =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view further) {
  return std::all_of(text.begin(), text.end(), [further](char c) {
    return letters_and_digits.find(c) != std::string_view::npos || further.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// Words with blanks between: each variable costs the server a request, so that they have a bound.
/// `wrong_word`: what is wrong with one of them.
std::string wrong_words(const std::string& text, std::string (*wrong_word)(const std::string&)) {
  constexpr std::size_t text_max = 8'000, words_max = 100;
  if (text.size() > text_max || has_control(text))
    return "must be at most " + std::to_string(text_max) + " bytes, without control characters";
  auto words = split_quoted(text);
  if (!words)
    return "a quote is never closed";
  if (words->size() > words_max)
    return "more than " + std::to_string(words_max) + " words";
  for (const auto& each : *words)
    if (auto wrong = wrong_word(each); !wrong.empty())
      return wrong;
  return {};
}

} // namespace

bool fits_a_shell(std::string_view name) {
  return name.empty() || (inside_names.find(name.front()) == std::string_view::npos &&
                          name.find("=~") == std::string_view::npos);
}

std::string wrong_host(const std::string& host) {
  if (host.empty())
    return "a cluster needs a host: a name or an address";
  if (host.size() > 255)
    return "longer than 255 characters";
  // What reaches known_hosts lines and commands in error texts must be no more than a name.
  if (!made_of(host, "-_.:%") || host.front() == '-')
    return "'" + host +
           "' is no host name or address (letters, digits, '-', '_', '.'; ':' and '%' in IPv6 addresses, "
           "without brackets; names with other letters in their xn-- form)";
  return {};
}

std::string wrong_host_or_none(const std::string& host) {
  return host.empty() ? "" : wrong_host(host);
}

std::string wrong_user(const std::string& user) {
  auto right = user.size() <= 255 && !has_control(user) && user.find(' ') == std::string::npos;
  return right ? "" : "must be at most 255 characters without blanks";
}

std::string wrong_file(const std::string& file) {
  if (file.empty())
    return "the name is empty; allowed: a file's name";
  auto right = file.size() <= 4'095 && !has_control(file);
  return right ? "" : "a file's name is at most 4095 bytes, without control characters";
}

std::string wrong_alias(const std::string& alias) {
  return alias.empty() ? "" : wrong_host(alias);
}

std::string wrong_ssh_host(const std::string& host) {
  if (host.empty())
    return {};
  // ssh would take the first for an option, and a ProxyCommand's shell may be given the others.
  in6_addr address{};
  // Nor has a shell a meaning for `inside_names` within a word, but for "=~".
  auto right = host.size() <= 255 && host.front() != '-' &&
               ((made_of(host, std::string{"-_."}.append(inside_names)) && fits_a_shell(host)) ||
                inet_pton(AF_INET6, host.c_str(), &address) == 1);
  return right ? ""
               : "'" + host +
                     "' is no name of a Host (letters, digits, '-', '_' and '.'; '+', '/', '=' and '~' "
                     "except at its beginning; or an IPv6 address)";
}

std::string wrong_optional_file(const std::string& file) {
  return file.empty() ? "" : wrong_file(file);
}

std::string wrong_local_command(const std::string& command) {
  auto right = command.size() <= 4'096 && !has_control(command);
  return right ? "" : "must be at most 4096 bytes, without control characters";
}

/// What stands for what is known when it is run (runtime/ssh/opening/proxy_command.cpp).
std::string wrong_proxy_command(const std::string& command) {
  if (auto wrong = wrong_local_command(command); !wrong.empty())
    return wrong;
  for (auto at = command.find('%'); at != std::string::npos; at = command.find('%', at + 2))
    if (at + 1 == command.size() || std::string_view{"hnpr%"}.find(command[at + 1]) == std::string_view::npos)
      return "'%" + command.substr(at + 1, 1) + "' stands for nothing: %h, %n, %p, %r and %% do";
  return {};
}

std::string wrong_secret(const std::string& entry) {
  return entry.size() <= 255 && !has_control(entry) ? "" : "must be the name of an entry in the secret store";
}

/// As the name of a cluster (messages/settings.cpp).
std::string wrong_jump(const std::string& cluster) {
  auto right = cluster.size() <= 300 && fits_a_shell(cluster) &&
               made_of(cluster, std::string{"-_.@:[]%,"}.append(inside_names));
  return right ? "" : "'" + cluster + "' is no cluster's name";
}

std::string wrong_node(const std::string& node) {
  return node.size() <= 64 && made_of(node, "-_.") ? "" : "at most 64 letters, digits, '-', '_' and '.'";
}

/// No name, which would have to be looked up before each connection.
std::string wrong_bind_address(const std::string& address) {
  if (address.empty())
    return {};
  auto percent = address.find('%');
  auto zone = percent == std::string::npos ? std::string{} : address.substr(percent + 1);
  auto plain = address.substr(0, percent);
  in6_addr parsed{};
  auto v4 = percent == std::string::npos && ::inet_pton(AF_INET, plain.c_str(), &parsed) == 1;
  auto v6 = ::inet_pton(AF_INET6, plain.c_str(), &parsed) == 1;
  auto right = v4 || (v6 && (percent == std::string::npos || (!zone.empty() && zone.size() <= 15)));
  return right && made_of(address, ".:%-_")
             ? ""
             : "'" + address + "' is no address of this machine (IPv4, or IPv6 without brackets)";
}

std::string wrong_command(const std::string& command) {
  auto right = command.size() <= 4'096 && command.find('\0') == std::string::npos;
  return right ? "" : "must be at most 4096 characters without NUL";
}

std::string wrong_set_env(const std::string& variables) {
  return wrong_words(variables, [](const std::string& word) -> std::string {
    auto right = word.find('=') + 1 >= 2; // there is one, and something before it
    return right ? "" : "'" + word + "' is no variable: NAME=VALUE, and quotes about one that has blanks";
  });
}

std::string wrong_send_env(const std::string& patterns) {
  return wrong_words(patterns, [](const std::string& word) -> std::string {
    auto right = !word.empty() && word != "-" && word.find('=') == std::string::npos;
    return right ? ""
                 : "'" + word + "' is no name of variables (* and ? stand for any text and any character)";
  });
}

} // namespace moorage
