#include "runtime/config/ssh_config.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "messages/printable.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

using namespace std::string_view_literals;
using strings = std::vector<std::string>;

strings values_of(const ssh_options& options, std::string_view name) {
  strings result;
  for (const auto& [each, value] : options)
    if (each == name)
      result.push_back(value);
  return result;
}

std::string value_of(const ssh_options& options, std::string_view name) {
  auto all = values_of(options, name);
  return all.empty() ? "" : all.front();
}

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

// What concerns a terminal, a person or ssh's own sharing of connections, or is the same here whatever it
// says: leaving it out changes nothing of what a command does.
constexpr std::array without_effect{"addkeystoagent"sv,
                                    "batchmode"sv,
                                    "canonicaldomains"sv,
                                    "canonicalizefallbacklocal"sv,
                                    "canonicalizehostname"sv,
                                    "canonicalizemaxdots"sv,
                                    "canonicalizepermittedcnames"sv,
                                    "clearallforwardings"sv,
                                    "connectionattempts"sv,
                                    "controlmaster"sv,
                                    "controlpath"sv,
                                    "controlpersist"sv,
                                    "enableescapecommandline"sv,
                                    "escapechar"sv,
                                    "exitonforwardfailure"sv,
                                    "fingerprinthash"sv,
                                    "forwardx11timeout"sv,
                                    "forwardx11trusted"sv,
                                    "gatewayports"sv,
                                    "gssapidelegatecredentials"sv,
                                    "gssapikexalgorithms"sv,
                                    "gssapirenewalforcesrekey"sv,
                                    "gssapitrustdns"sv,
                                    "host"sv,
                                    "identitiesonly"sv,
                                    "ipqos"sv,
                                    "localcommand"sv,
                                    "loglevel"sv,
                                    "logverbose"sv,
                                    "numberofpasswordprompts"sv,
                                    "permitlocalcommand"sv,
                                    "requesttty"sv,
                                    "streamlocalbindmask"sv,
                                    "streamlocalbindunlink"sv,
                                    "syslogfacility"sv,
                                    "tcpkeepalive"sv,
                                    "updatehostkeys"sv,
                                    "visualhostkey"sv,
                                    "xauthlocation"sv};

// As ssh_config(5) writes what is told most often.
constexpr std::array written{"BindAddress"sv,
                             "BindInterface"sv,
                             "CheckHostIP"sv,
                             "Ciphers"sv,
                             "Compression"sv,
                             "DynamicForward"sv,
                             "ForwardAgent"sv,
                             "ForwardX11"sv,
                             "GSSAPIAuthentication"sv,
                             "HashKnownHosts"sv,
                             "HostKeyAlgorithms"sv,
                             "IdentityFile"sv,
                             "KbdInteractiveAuthentication"sv,
                             "KexAlgorithms"sv,
                             "LocalForward"sv,
                             "MACs"sv,
                             "PasswordAuthentication"sv,
                             "PKCS11Provider"sv,
                             "PreferredAuthentications"sv,
                             "PubkeyAcceptedAlgorithms"sv,
                             "PubkeyAuthentication"sv,
                             "RekeyLimit"sv,
                             "RemoteCommand"sv,
                             "RemoteForward"sv,
                             "SendEnv"sv,
                             "ServerAliveCountMax"sv,
                             "SetEnv"sv,
                             "VerifyHostKeyDNS"sv};

std::string as_written(const std::string& option) {
  for (auto each : written)
    if (lower_case(each) == option)
      return std::string{each};
  return printable(option);
}

// Several files on one line, without quotes: one begins at each word that begins like a path.
strings files_on_line(const std::string& line) {
  strings result;
  for (std::size_t at = 0; at < line.size();) {
    auto end = std::min(line.find(' ', at), line.size());
    auto word = line.substr(at, end - at);
    if (result.empty() || word.starts_with('/') || word.starts_with('~') || word == "none")
      result.push_back(word);
    else
      result.back() += " " + word;
    at = end + 1;
  }
  return result;
}

class translation {
public:
  translation(const ssh_options& said, const ssh_options& usual, const ssh_config_reader& who)
      : said_(said), usual_(usual), who_(who) {}

  ssh_config_reading read() {
    read_destination();
    read_trust();
    read_keys();
    read_way();
    for (const auto& [option, value] : said_)
      if (auto name = as_written(option); differs(option) && !followed(option) &&
                                          std::find(result_.not_followed.begin(), result_.not_followed.end(),
                                                    name) == result_.not_followed.end())
        result_.not_followed.push_back(name);
    return std::move(result_);
  }

private:
  bool differs(std::string_view option) const {
    return values_of(said_, option) != values_of(usual_, option);
  }
  std::string said(std::string_view option) {
    followed_.emplace_back(option);
    return value_of(said_, option);
  }
  bool followed(const std::string& option) const {
    return std::find(followed_.begin(), followed_.end(), option) != followed_.end() ||
           std::find(without_effect.begin(), without_effect.end(), option) != without_effect.end();
  }
  void wrong(const std::string& text) {
    if (result_.wrong.empty())
      result_.wrong = text;
  }
  void set(const std::string& field, const setting_value& value, std::string_view option) {
    const auto* rules = find_cluster_field(field);
    if (auto why = check_value(*rules, value); !why.empty())
      wrong(as_written(std::string{option}) + " " + printable(value_of(said_, option)) + ": " + why);
    result_.settings.emplace_back(field, value);
  }

  void read_destination() {
    set("host", said("hostname"), "hostname");
    if (auto user = said("user"); differs("user"))
      set("user", user, "user");
    if (auto port = said("port"); differs("port"))
      set("port", static_cast<std::uint64_t>(std::strtoul(port.c_str(), nullptr, 10)), "port");
    if (auto family = said("addressfamily"); differs("addressfamily"))
      set("address_family",
          static_cast<std::uint64_t>(family == "inet"    ? address_family::inet
                                     : family == "inet6" ? address_family::inet6
                                                         : address_family::any),
          "addressfamily");
    read_seconds("connecttimeout", "connect_timeout");
    read_seconds("serveraliveinterval", "keep_alive_interval");
  }

  void read_seconds(std::string_view option, const std::string& field) {
    auto seconds = said(option);
    if (!differs(option))
      return;
    const auto& rules = *find_cluster_field(field);
    auto limit = [&rules](std::uint64_t ms) { return std::clamp(ms, rules.least, rules.most); };
    auto value = std::strtoul(seconds.c_str(), nullptr, 10); // "none" is none
    if (value > 0)
      set(field, std::chrono::milliseconds{limit(std::min<std::uint64_t>(value, 1u << 30) * 1'000)}, option);
  }

  void read_trust() {
    auto strict = said("stricthostkeychecking");
    if (differs("stricthostkeychecking"))
      set("strict_host_keys",
          static_cast<std::uint64_t>(strict == "accept-new" ? host_key_policy::accept_new
                                     : strict == "false"    ? host_key_policy::off
                                                            : host_key_policy::strict),
          "stricthostkeychecking");
    if (auto alias = said("hostkeyalias"); !alias.empty())
      set("host_key_alias", alias, "hostkeyalias");
    auto own = files_on_line(said("userknownhostsfile"));
    auto shared = files_on_line(said("globalknownhostsfile"));
    if (!differs("userknownhostsfile") && !differs("globalknownhostsfile"))
      return;
    own.insert(own.end(), shared.begin(), shared.end());
    std::erase(own, "none");
    set("known_hosts_files", own.empty() ? strings{"/dev/null"} : own, "userknownhostsfile");
  }

  void read_keys() {
    auto agent = said("identityagent");
    if (agent == "none")
      set("agent", false, "identityagent");
    else if (agent.starts_with('$'))
      set("agent_socket", environment(agent.substr(1).c_str()), "identityagent");
    else if (!agent.empty() && agent != "SSH_AUTH_SOCK")
      set("agent_socket", agent, "identityagent");
    said("certificatefile");
    auto certificates = files_of("certificatefile");
    auto only = value_of(said_, "identitiesonly") == "yes";
    if (!differs("identityfile") && certificates.empty() && !only)
      return;
    auto keys = files_of("identityfile");
    if (value_of(said_, "identityfile") != "none")
      said("identityfile"); // of no key at all there is no such setting
    // As ssh does, of files that are not there; but when none is, that is worth a complaint.
    auto found = keys;
    std::erase_if(found, [this](const std::string& file) { return who_.there && !who_.there(file); });
    if (!found.empty() || !differs("identityfile"))
      keys = std::move(found);
    keys.insert(keys.end(), certificates.begin(), certificates.end());
    if (!keys.empty())
      set("key_files", keys, "identityfile");
  }

  strings files_of(std::string_view option) {
    strings result;
    for (const auto& each : values_of(said_, option))
      if (each != "none")
        result.push_back(expanded(each, option));
    return result;
  }

  // TOKENS of ssh_config(5) that may stand in a file's name, and ${VARIABLES}.
  std::string expanded(const std::string& file, std::string_view option) {
    std::string result;
    for (std::size_t i = 0; i < file.size(); ++i) {
      if (file.compare(i, 2, "${") == 0 && file.find('}', i) != std::string::npos) {
        auto end = file.find('}', i);
        result += environment(file.substr(i + 2, end - i - 2).c_str());
        i = end;
      } else if (file[i] == '%' && i + 1 < file.size()) {
        result += token(file[++i], option);
      } else {
        result += file[i];
      }
    }
    return expand_home(result, who_.home);
  }

  std::string token(char which, std::string_view option) {
    auto user = value_of(said_, "user");
    switch (which) {
    case '%':
      return "%";
    case 'd':
      return who_.home;
    case 'h':
      return value_of(said_, "hostname");
    case 'k': {
      auto alias = value_of(said_, "hostkeyalias");
      return alias.empty() ? value_of(said_, "hostname") : alias;
    }
    case 'L':
      return who_.machine.substr(0, who_.machine.find('.'));
    case 'l':
      return who_.machine;
    case 'n':
      return who_.alias;
    case 'p':
      return value_of(said_, "port");
    case 'r':
      return user;
    case 'u':
      return who_.user;
    default:
      wrong(as_written(std::string{option}) + ": %" + which +
            " is not known here; write the file's name, or set key_files");
      return {};
    }
  }

  void read_way() {
    auto command = said("proxycommand");
    auto jump = said("proxyjump");
    if (value_of(said_, "proxyusefdpass") == "yes")
      wrong("ProxyUseFdpass passes a descriptor, which is not supported");
    if (!command.empty() && command != "none") {
      for (auto at = command.find('%'); at != std::string::npos; at = command.find('%', at + 2))
        if (at + 1 < command.size() && command[at + 1] == 'n')
          command.replace(at, 2, who_.alias);
      set("proxy_command", command, "proxycommand");
    } else if (!jump.empty() && jump != "none") {
      result_.hops = expanded_hops(jump);
    }
  }

  // ssh has them in the command of another ssh, and expands what ProxyCommand knows.
  std::string expanded_hops(const std::string& jump) {
    std::string result;
    for (std::size_t i = 0; i < jump.size(); ++i)
      if (jump[i] == '%' && i + 1 < jump.size())
        result += token(jump[++i], "proxyjump");
      else
        result += jump[i];
    return result;
  }

  const ssh_options& said_;
  const ssh_options& usual_;
  const ssh_config_reader& who_;
  strings followed_;
  ssh_config_reading result_;
};

} // namespace

ssh_options parse_ssh_options(std::string_view answer) {
  ssh_options result;
  while (!answer.empty()) {
    auto end = std::min(answer.find('\n'), answer.size());
    auto line = answer.substr(0, end);
    answer.remove_prefix(std::min(end + 1, answer.size()));
    auto blank = line.find(' ');
    if (line.empty() || blank == 0)
      continue;
    result.emplace_back(lower_case(line.substr(0, blank)),
                        blank == std::string_view::npos ? "" : std::string{line.substr(blank + 1)});
  }
  return result;
}

bool says_more(const ssh_options& of_host, const std::string& host, const ssh_options& of_other) {
  auto without_name = [](ssh_options of) {
    std::erase_if(of, [](const auto& each) { return each.first == "host" || each.first == "hostname"; });
    return of;
  };
  return value_of(of_host, "hostname") != host || without_name(of_host) != without_name(of_other);
}

ssh_config_reading read_ssh_options(const ssh_options& of_host, const ssh_options& without_files,
                                    const ssh_config_reader& who) {
  return translation{of_host, without_files, who}.read();
}

} // namespace moorage
