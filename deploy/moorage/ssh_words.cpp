#include "deploy/moorage/ssh_words.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>
#include <utility>

#include "messages/written_values.hpp"
#include "runtime/config/ssh_option_names.hpp"

namespace moorage::cli {

namespace {

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Takes the words one after another, as getopt(3) does.
class reading {
public:
  explicit reading(const std::vector<std::string>& words) : words_(words) {}

  ssh_words read();

private:
  bool take_options();
  bool take_letter(const ssh_letter& letter, const std::string& value);
  bool take_option(const std::string& text);
  bool take_value(const std::string& name, const std::string& written,
                  const std::vector<std::string>& values);
  bool take_last(const std::string& name, const std::string& written, const std::string& value);
  bool take_texts(const std::string& name, const std::string& written, const std::string& value);
  void settle_methods();
  bool take_switches(const std::string& name, const std::string& value);
  bool take_log_level(const std::string& value);
  bool take_destination(const std::string& word);
  bool take_port(const std::string& value);
  void note_written(const std::string& setting, const std::string& written) {
    call_.written.emplace_back(setting, (written.starts_with('-') ? "" : "-o ") + written);
  }
  bool wrong(const std::string& text) {
    if (complaint_.empty())
      complaint_ = text;
    return false;
  }
  bool wrong_value(const std::string& name, const std::string& value) {
    return wrong("'" + value + "' is no value of " + name);
  }

  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  bool ended_ = false; ///< by --
  ssh_call call_;
  ssh_log_in methods_;
  std::set<std::string> seen_; ///< options whose first value was taken
  std::string complaint_;
};

ssh_words reading::read() {
  auto done = [this] {
    settle_methods();
    return ssh_words{call_, complaint_};
  };
  if (!take_options() || call_.why != ssh_call::purpose::run)
    return done();
  if (next_ == words_.size()) {
    wrong("no destination");
    return done();
  }
  if (!take_destination(words_[next_++]))
    return done();
  // Options may follow the destination as well, up to the command's first word.
  if (!ended_ && !take_options())
    return done();
  for (auto i = next_; i < words_.size(); ++i)
    call_.command += (i == next_ ? "" : " ") + words_[i];
  return done();
}

bool reading::take_options() {
  for (; next_ < words_.size(); ++next_) {
    const auto& word = words_[next_];
    if (word.size() < 2 || word.front() != '-')
      return true;
    if (word == "--") {
      ended_ = true;
      ++next_;
      return true;
    }
    if (word.starts_with("--"))
      return wrong("unknown option '" + word + "'; options of moorage stand before ssh");
    for (std::size_t i = 1; i < word.size(); ++i) {
      auto letters = ssh_letters();
      auto found = std::find_if(letters.begin(), letters.end(),
                                [c = word[i]](const auto& each) { return each.letter == c; });
      if (found == letters.end())
        return wrong(std::string{"unknown option -- "} + word[i]);
      std::string value;
      if (!found->value.empty()) {
        if (i + 1 == word.size() && next_ + 1 == words_.size())
          return wrong(std::string{"option requires an argument -- "} + word[i]);
        value = i + 1 < word.size() ? word.substr(i + 1) : words_[++next_];
        i = word.size();
      }
      if (!take_letter(*found, value))
        return false;
      if (call_.why != ssh_call::purpose::run)
        return true; // nothing that follows is ours to judge
    }
  }
  return true;
}

bool reading::take_letter(const ssh_letter& letter, const std::string& value) {
  if (letter.treatment == ssh_treatment::refused)
    return wrong(std::string{"-"} + letter.letter + " is not possible: " + std::string{letter.text});
  switch (letter.letter) {
  case '4':
    return take_last("addressfamily", "-4", "inet");
  case '6':
    return take_last("addressfamily", "-6", "inet6");
  case 'C':
    return take_last("compression", "-C", "yes");
  case 'E':
    call_.log_file = value;
    return true;
  case 'F':
    call_.ssh_config = value == "/dev/null" ? "none" : value;
    return !value.empty() || wrong("-F wants a file");
  case 'G':
  case 'Q':
    call_.why = ssh_call::purpose::hand_over;
    return true;
  case 'J':
    return take_value("proxyjump", "-J", {value});
  case 'b':
    return take_last("bindaddress", "-b", value);
  case 'c':
    return take_last("ciphers", "-c", value);
  case 'm':
    return take_last("macs", "-m", value);
  case 'V':
    call_.why = ssh_call::purpose::say_version;
    return true;
  case 'i':
    call_.identities.push_back({value, true});
    return true;
  case 'l':
    return take_value("user", "-l", {value});
  case 'n':
    call_.no_input = true;
    return true;
  case 'o':
    return take_option(value);
  case 'p':
    return take_value("port", "-p", {value});
  case 'q':
    call_.quiet = true;
    return true;
  case 's':
    call_.subsystem = true;
    return true;
  case 'v':
    ++call_.verbose;
    return true;
  default:
    return true;
  }
}

/// Of these letters the last counts, whatever options say, as with ssh.
bool reading::take_last(const std::string& name, const std::string& written, const std::string& value) {
  if (auto taken = settings_of_ssh(name, {value}))
    for (const auto& each : taken->settings)
      std::erase_if(call_.settings, [key = each.substr(0, each.find('=') + 1)](const std::string& before) {
        return before.starts_with(key);
      });
  seen_.erase(name);
  return take_value(name, written, {value});
}

/// "Name=value", "Name value" or "Name = value".
bool reading::take_option(const std::string& text) {
  auto from = text.find_first_not_of(" \t");
  auto end = std::min(text.find_first_of(" \t=", from), text.size());
  auto name = from == std::string::npos ? std::string{} : text.substr(from, end - from);
  auto rest = std::string_view{text}.substr(from == std::string::npos ? text.size() : end);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (rest.starts_with('='))
    rest.remove_prefix(1);
  auto options = ssh_options();
  auto found = std::find_if(options.begin(), options.end(),
                            [name = lower(name)](const auto& each) { return lower(each.name) == name; });
  if (found == options.end())
    return wrong("bad configuration option: '" + name + "'");
  auto values = split_quoted(rest);
  if (!values)
    return wrong("a quote of " + name + " is never closed");
  if (values->empty() || values->front().empty())
    return wrong("option " + name + " has no value");
  auto written = std::string{found->name};
  if (written == "ChallengeResponseAuthentication") // as ssh
    name = "kbdinteractiveauthentication";
  if (found->treatment == ssh_treatment::refused)
    return wrong("option " + written + " is not possible: no part of moorage does it");
  if (found->treatment == ssh_treatment::fixed && !ssh_one_of(values->front(), found->values))
    return wrong("option " + written + " is not possible, but as " + std::string{found->values});
  if (found->name == "ProxyCommand") // the rest as it stands: a shell is to read it
    return take_value("proxycommand", written, {std::string{rest.substr(rest.find_first_not_of(" \t"))}});
  if (found->treatment == ssh_treatment::honoured)
    return take_value(lower(name), written, *values);
  if (found->treatment == ssh_treatment::idle && !changes_nothing(lower(name)) &&
      !ssh_one_of(values->front(), "no|none|false"))
    call_.not_followed.push_back(written);
  return true;
}

/// `written` is how the option is called in a complaint.
bool reading::take_value(const std::string& name, const std::string& written,
                         const std::vector<std::string>& values) {
  if (name == "identityfile") {
    call_.identities.push_back({values.front(), false}); // "none" keeps the usual ones out
    return true;
  }
  if (name == "certificatefile") {
    if (lower(values.front()) != "none")
      call_.certificates.push_back(values.front());
    return true;
  }
  if (name == "sendenv") {
    call_.passed_on.insert(call_.passed_on.end(), values.begin(), values.end());
    return true;
  }
  if (!seen_.insert(name).second)
    return true; // the first one counts
  if (name == "setenv" || name == "userknownhostsfile" || name == "globalknownhostsfile") {
    auto& list = name == "setenv"               ? call_.environment
                 : name == "userknownhostsfile" ? call_.known_hosts
                                                : call_.site_known_hosts;
    for (const auto& each : values)
      if (name == "setenv" && each.find('=') + 1 < 2) // none, or nothing before it
        return wrong_value(written, each);
    for (const auto& each : values)
      list.push_back(name != "setenv" && lower(each) == "none" ? "/dev/null" : each);
    return true;
  }
  const auto& value = values.front();
  if (auto taken = settings_of_ssh(name, values)) {
    if (taken->wrong)
      return wrong_value(written, value);
    for (const auto& each : taken->not_followed)
      call_.not_followed.push_back(as_written(name) + " " + each);
    for (const auto& each : taken->settings)
      note_written(each.substr(0, each.find('=')), written);
    call_.settings.insert(call_.settings.end(), taken->settings.begin(), taken->settings.end());
    return true;
  }
  if (take_texts(name, written, value))
    return true;
  return complaint_.empty() && (take_switches(name, value) || wrong_value(written, value));
}

/// False: it was none of these, or was wrong, which was said.
bool reading::take_texts(const std::string& name, const std::string& written, const std::string& value) {
  if (name == "user") {
    call_.user = value;
    note_written("user", written);
    return !value.empty();
  }
  if (name == "port")
    return take_port(value);
  if (name == "hostname") {
    call_.host_name = value;
    note_written("host", written);
    return true;
  }
  if (name == "proxycommand" || name == "proxyjump") {
    // Whichever comes first counts, as with ssh.
    if (!seen_.insert("a way").second)
      return true;
    if (name == "proxyjump" && ("," + value + ",").find(",,") != std::string::npos)
      return wrong("invalid " + written + " argument '" + value + "': it is hosts, with commas between them");
    if (lower(value) == "none")
      call_.command_between = "";
    else if (name == "proxyjump")
      call_.jump = value;
    else
      call_.command_between = value;
    if (call_.command_between)
      note_written("proxy_command", written);
    return true;
  }
  return false;
}

bool reading::take_switches(const std::string& name, const std::string& value) {
  if (name == "loglevel")
    return take_log_level(value);
  if (name == "identityagent") {
    call_.no_agent = lower(value) == "none";
    if (!call_.no_agent && value != "SSH_AUTH_SOCK")
      call_.agent = value;
    return true;
  }
  if (name == "sessiontype") {
    call_.subsystem = call_.subsystem || lower(value) == "subsystem";
    return ssh_one_of(value, "default|subsystem");
  }
  if (take_ssh_method(methods_, name, value))
    return true;
  auto yes = ssh_yes_or_no(value);
  if (yes && name == "identitiesonly")
    call_.identities_only = *yes;
  else if (yes && name == "stdinnull")
    call_.no_input = call_.no_input || *yes;
  else
    return false;
  return true;
}

/// What all of them say together is one setting.
void reading::settle_methods() {
  auto taken = known_methods(methods_);
  if (!taken.names.empty()) {
    call_.settings.push_back("auth_methods=" + taken.names);
    note_written("auth_methods", "PreferredAuthentications");
  }
  for (const auto& each : taken.left_out)
    call_.not_followed.push_back("PreferredAuthentications " + each);
}

bool reading::take_log_level(const std::string& value) {
  call_.quiet = call_.quiet || ssh_one_of(value, "quiet");
  call_.errors_only = call_.errors_only || ssh_one_of(value, "fatal|error");
  auto verbose = ssh_one_of(value, "verbose|debug|debug1") ? 1 : ssh_one_of(value, "debug2|debug3") ? 2 : 0;
  call_.verbose = std::max(call_.verbose, verbose);
  return verbose > 0 || ssh_one_of(value, "quiet|fatal|error|info");
}

bool reading::take_port(const std::string& value) {
  if (!is_number(value) || value.size() > 5 || std::stoul(value) == 0 || std::stoul(value) > 65'535)
    return wrong("bad port '" + value + "': it is a number from 1 to 65535");
  call_.port = std::to_string(std::stoul(value));
  return true;
}

/// HOST, USER@HOST, with :PORT as moorage has it, or ssh://USER@HOST:PORT.
bool reading::take_destination(const std::string& word) {
  call_.destination = word;
  std::string_view rest = word;
  auto has_scheme = rest.starts_with("ssh://");
  if (has_scheme)
    rest.remove_prefix(6);
  if (has_scheme && rest.ends_with('/'))
    rest.remove_suffix(1);
  // The last @, as ssh has it: some sites' user names hold one.
  if (auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (at == 0)
      return wrong("there is no user before the @ of '" + word + "'");
    if (seen_.insert("user").second)
      call_.user = rest.substr(0, at);
    rest.remove_prefix(at + 1);
  }
  auto bracket = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
  auto colon = bracket != std::string_view::npos                ? rest.find(':', bracket)
               : std::count(rest.begin(), rest.end(), ':') == 1 ? rest.find(':')
                                                                : std::string_view::npos;
  if (colon != std::string_view::npos) {
    std::string port{rest.substr(colon + 1)};
    rest = rest.substr(0, colon);
    if (auto before = call_.port; !take_port(port))
      return false;
    else if (!seen_.insert("port").second)
      call_.port = before;
  }
  call_.host = bracket == std::string_view::npos ? rest : rest.substr(1, bracket - 1);
  return (!call_.host.empty() && call_.host.front() != '-') ||
         wrong("there is no host in the destination '" + word + "'");
}

} // namespace

ssh_words parse_ssh(const std::vector<std::string>& words) {
  return reading{words}.read();
}

} // namespace moorage::cli
