#include "runtime/config/ssh_config.hpp"

#include <algorithm>
#include <cstdlib>

#include "messages/printable.hpp"
#include "messages/settings_words.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/ssh_names.hpp"
#include "runtime/config/ssh_option_names.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

using namespace std::string_view_literals;
using strings = std::vector<std::string>;

/// What RequiredRSASize of a distribution asks for.
constexpr unsigned long rsa_size_usual = 2'048;

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
    read_names();
    read_methods();
    read_transport();
    read_variables();
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
           changes_nothing(option);
  }
  void wrong(std::string_view option, const std::string& text) {
    if (!result_.wrong.empty())
      return;
    result_.wrong = text;
    if (differs(option))
      result_.wrong_option = option;
  }
  void set(const std::string& field, const setting_value& value, std::string_view option) {
    const auto* rules = find_cluster_field(field);
    if (auto why = check_value(*rules, value); !why.empty())
      wrong(option, as_written(std::string{option}) + " " + printable(value_of(said_, option)) + ": " + why);
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
    if (auto tries = said("connectionattempts"); differs("connectionattempts"))
      set("connect_tries", std::clamp<std::uint64_t>(std::strtoul(tries.c_str(), nullptr, 10), 1, 10),
          "connectionattempts");
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
    if (auto revoked = said("revokedhostkeys"); !revoked.empty() && revoked != "none")
      wrong("revokedhostkeys",
            "RevokedHostKeys is not supported, and without it a host that it revokes would be let in: write "
            "those keys as @revoked lines into a known_hosts file, and RevokedHostKeys none for this Host");
    if (auto command = said("knownhostscommand"); !command.empty() && command != "none")
      wrong("knownhostscommand",
            "KnownHostsCommand is not supported, and without it a host key that it revokes would be let in: "
            "write what it prints into a known_hosts file, and KnownHostsCommand none for this Host");
    // Distributions ask that of all hosts, and up to there their servers' keys are long enough anyway.
    if (std::strtoul(value_of(said_, "requiredrsasize").c_str(), nullptr, 10) > rsa_size_usual &&
        differs("requiredrsasize") && value_of(said_, "hostkeyalgorithms").find("rsa") != std::string::npos)
      wrong("requiredrsasize",
            "RequiredRSASize is not supported, and a host with a shorter RSA key would be let in: leave RSA "
            "out of HostKeyAlgorithms");
    if (auto alias = said("hostkeyalias"); !alias.empty())
      set("host_key_alias", alias, "hostkeyalias");
    auto own = files_on_line(said("userknownhostsfile"));
    auto shared = files_on_line(said("globalknownhostsfile"));
    // What ssh names by itself is in the same home as its files.
    if (!differs("userknownhostsfile") && !differs("globalknownhostsfile") && !who_.other_home)
      return;
    own.insert(own.end(), shared.begin(), shared.end());
    std::erase(own, "none");
    set("known_hosts_files", own.empty() ? strings{"/dev/null"} : own, "userknownhostsfile");
  }

  void read_keys() {
    auto agent = said("identityagent");
    auto named = agent.starts_with('$') ? environment(agent.substr(1).c_str()) : agent;
    const auto agent_off = agent == "none" || (named.empty() && !agent.empty());
    if (agent_off) // as ssh, which asks no other one then
      set("agent", false, "identityagent");
    else if (agent.starts_with('$'))
      set("agent_socket", named, "identityagent");
    else if (!agent.empty() && agent != "SSH_AUTH_SOCK")
      set("agent_socket", agent, "identityagent");
    said("certificatefile");
    const auto written_certificates = files_of("certificatefile");
    auto certificates = written_certificates;
    std::erase_if(certificates, [this](const auto& file) { return pass_over(file, "certificatefile"); });
    auto only = value_of(said_, "identitiesonly") == "yes";
    if (!differs("identityfile") && certificates.empty() && !only)
      return; // a certificate is no identity by itself
    auto keys = files_of("identityfile");
    said("identityfile");
    const auto none_wanted = keys.empty();
    // As ssh does, of files that are not there: the agent's are tried then, and no usual one in their place.
    // Where no others may be, that is worth a complaint.
    auto found = keys;
    std::erase_if(found, [this](const std::string& file) {
      return (who_.there && !who_.there(file)) || pass_over(file, "identityfile");
    });
    // Of the usual names nobody wrote any: that there is none of them is one matter.
    const auto lacks_usual = found.empty() && only && !differs("identityfile");
    if (!found.empty() || !only || none_wanted) {
      keys = std::move(found);
    } else {
      keys.resize(lacks_usual ? std::min<std::size_t>(keys.size(), 1) : keys.size());
      result_.passed_over.clear(); // each is refused by name
      certificates = written_certificates;
    }
    for (const auto& [files, option] : {std::pair{&keys, "identityfile"}, {&certificates, "certificatefile"}})
      for (const auto& each : *files)
        result_.named_by.emplace_back(
            each, named_as(lacks_usual && files == &keys ? "IdentitiesOnly, without a usual key," : option));
    keys.insert(keys.end(), certificates.begin(), certificates.end());
    if (only && none_wanted && !agent_off) { // nor may it show a key that nobody named
      set("agent", false, "identitiesonly");
      result_.agent_off_for_keys = true;
    }
    if (keys.empty() && differs("identityfile"))
      keys.emplace_back(no_key_file);
    if (!keys.empty())
      set("key_files", keys, "identityfile");
  }

  std::string named_as(const std::string& option) const {
    return as_written(option) + " of '" + who_.tokens.alias + "' in ssh's configuration";
  }

  // As ssh does, of a file that cannot be read, since another one may do.
  bool pass_over(const std::string& file, const std::string& option) {
    auto why = who_.wrong_with ? who_.wrong_with(file) : std::string{};
    if (!why.empty())
      result_.passed_over.push_back(named_as(option) + ": " + why);
    return !why.empty();
  }

  strings files_of(std::string_view option) {
    strings result;
    for (const auto& each : values_of(said_, option))
      if (lower_case(each) != no_key_file)
        result.push_back(expanded(each, option));
    return result;
  }

  std::string expanded(const std::string& file, std::string_view option) {
    auto name = expand_file_name(file, tokens());
    if (!name.wrong.empty())
      name.wrong += "; write the file's name, or set key_files";
    return taken(std::move(name), option);
  }

  std::string taken(ssh_text text, std::string_view option) {
    if (!text.wrong.empty())
      wrong(option, as_written(std::string{option}) + ": " + text.wrong);
    return std::move(text.text);
  }

  ssh_tokens tokens() const {
    auto result = who_.tokens;
    result.host = value_of(said_, "hostname");
    result.host_key_alias = value_of(said_, "hostkeyalias");
    result.port = value_of(said_, "port");
    result.remote_user = value_of(said_, "user");
    return result;
  }

  void read_way() {
    auto command = said("proxycommand");
    auto jump = said("proxyjump");
    if (value_of(said_, "proxyusefdpass") == "yes")
      wrong("proxyusefdpass", "ProxyUseFdpass passes a descriptor, which is not supported");
    if (!command.empty() && command != "none") {
      for (auto at = command.find('%'); at != std::string::npos; at = command.find('%', at + 2))
        if (at + 1 < command.size() && command[at + 1] == 'n')
          command.replace(at, 2, who_.tokens.alias);
      set("proxy_command", command, "proxycommand");
    } else if (!jump.empty() && jump != "none") {
      // ssh has them in the command of another ssh, and expands what ProxyCommand knows.
      result_.hops = taken(expand_way(jump, tokens()), "proxyjump");
    }
  }

  void read_names() {
    for (auto [option, field, kind] : ssh_lists) {
      auto list = said(option);
      if (differs(option))
        take(option, field, known_names(kind, list, value_of(usual_, option)));
    }
  }

  void read_methods() {
    ssh_log_in how;
    how.preferred = said("preferredauthentications");
    how.public_key = said("pubkeyauthentication") != "false";
    how.password = said("passwordauthentication") != "no";
    how.questions = said("kbdinteractiveauthentication") != "no";
    if (auto methods = known_methods(how); !methods.names.empty())
      take("preferredauthentications", "auth_methods", methods);
  }

  // Not checked here: what is wrong with it is of no matter where the cluster says something else.
  void take(const std::string& option, const char* field, const names_taken& names) {
    result_.settings.emplace_back(field, names.names);
    std::string left_out;
    for (const auto& each : names.left_out)
      left_out += " " + printable(each, 64);
    if (!left_out.empty())
      result_.not_followed.push_back(as_written(option) + left_out);
  }

  void read_transport() {
    if (auto address = said("bindaddress"); !address.empty())
      result_.settings.emplace_back("bind_address", address);
    if (said("compression") == "yes")
      set("compression", true, "compression");
    if (said("hashknownhosts") == "yes")
      set("hash_known_hosts", true, "hashknownhosts");
    if (said("checkhostip") == "yes")
      set("check_host_ip", true, "checkhostip");
    if (auto count = said("serveralivecountmax"); differs("serveralivecountmax"))
      set("keep_alive_count_max", within("keep_alive_count_max", std::strtoull(count.c_str(), nullptr, 10)),
          "serveralivecountmax");
    auto limit = said("rekeylimit"); // bytes and seconds, 0 for what is not said
    char* rest = nullptr;
    auto bytes = std::strtoull(limit.c_str(), &rest, 10);
    auto seconds = std::min<std::uint64_t>(std::strtoull(rest, nullptr, 10), 1u << 30);
    if (bytes > 0)
      set("rekey_data", within("rekey_data", bytes), "rekeylimit");
    if (seconds > 0)
      set("rekey_interval", std::chrono::milliseconds{within("rekey_interval", seconds * 1'000)},
          "rekeylimit");
  }

  // ssh has each on a line of its own, without quotes.
  void read_variables() {
    for (auto [option, field] : {std::pair{"setenv", "set_env"}, std::pair{"sendenv", "send_env"}}) {
      said(option);
      std::string all;
      for (const auto& each : values_of(said_, option))
        all += (all.empty() ? "" : " ") + quoted_word(each);
      if (!all.empty())
        set(field, all, option);
    }
  }

  static std::uint64_t within(const char* field, std::uint64_t number) {
    const auto& rules = *find_cluster_field(field);
    return std::clamp(number, rules.least, rules.most);
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
