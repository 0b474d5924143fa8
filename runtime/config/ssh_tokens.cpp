#include "runtime/config/ssh_tokens.hpp"

#include <array>
#include <optional>
#include <string_view>

#include <limits.h>
#include <unistd.h>

#include "runtime/system/account.hpp"

namespace moorage {

namespace {

std::optional<std::string> meaning_of(char token, const ssh_tokens& of) {
  switch (token) {
  case '%':
    return "%";
  case 'C':
    return of.digest.empty() ? std::nullopt : std::optional{of.digest};
  case 'd':
    return of.home;
  case 'h':
    return of.host;
  case 'i':
    return std::to_string(::getuid());
  case 'k':
    return of.host_key_alias.empty() ? of.alias : of.host_key_alias;
  case 'L':
    return of.machine.substr(0, of.machine.find('.'));
  case 'l':
    return of.machine;
  case 'n':
    return of.alias;
  case 'p':
    return of.port;
  case 'r':
    return of.remote_user;
  case 'u':
    return of.user;
  default:
    return std::nullopt;
  }
}

ssh_text expand(const std::string& text, const ssh_tokens& tokens, std::string_view known, bool variables) {
  ssh_text result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto end = variables && text.compare(i, 2, "${") == 0 ? text.find('}', i) : std::string::npos;
    if (end != std::string::npos) {
      auto variable = text.substr(i + 2, end - i - 2);
      auto value = environment(variable.c_str());
      if (value.empty())
        result.wrong = "the variable " + variable + " is not set";
      result.text += value;
      i = end;
    } else if (text[i] == '%') {
      auto token = text.substr(i++, 2);
      auto meaning = token.size() < 2 || known.find(token[1]) == std::string_view::npos
                         ? std::nullopt
                         : meaning_of(token[1], tokens);
      if (!meaning)
        result.wrong = token + " is not known here";
      result.text += meaning.value_or("");
    } else {
      result.text += text[i];
    }
  }
  return result;
}

} // namespace

ssh_tokens tokens_of_this_process() {
  auto self = user_account_of(::getuid());
  std::array<char, HOST_NAME_MAX + 1> machine{};
  const bool named = ::gethostname(machine.data(), machine.size() - 1) == 0;
  return {.home = self.home, .machine = named ? machine.data() : "", .user = self.name};
}

ssh_text expand_way(const std::string& text, const ssh_tokens& tokens) {
  return expand(text, tokens, "hnpr%", false);
}

ssh_text expand_file_name(const std::string& file, const ssh_tokens& tokens) {
  return expand(expand_home(file, tokens.home), tokens, "CdhikLlnpru%", true);
}

} // namespace moorage
