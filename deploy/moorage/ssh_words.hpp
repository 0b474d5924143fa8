// The command line of ssh(1) as `moorage ssh` takes it, and the options of ssh_config(5) among its words:
// from words to plain values, without a look at any file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/config/ssh_names.hpp"

namespace moorage::cli {

/// What `moorage ssh` does with an option of ssh_config(5).
enum class ssh_treatment : std::uint8_t {
  honoured, ///< it has its effect
  idle,     ///< it may say what it likes: for us it changes nothing
  fixed,    ///< it may say what is so anyway
  refused   ///< it would change what happens, and we cannot do it
};

struct ssh_option {
  std::string_view name;
  ssh_treatment treatment = ssh_treatment::idle;
  std::string_view values = {}; ///< of `fixed`: those that may be given, with | between them
};

/// In the order of their names, whatever their case. What is not in it is no option of ssh's.
std::span<const ssh_option> ssh_options();

/// An option that is a letter.
struct ssh_letter {
  char letter = 0;
  std::string_view value = {}; ///< "FILE"; empty: takes none
  ssh_treatment treatment = ssh_treatment::idle;
  std::string_view text = {}; ///< what it does; of `refused`: what is not there
};
std::span<const ssh_letter> ssh_letters();

struct ssh_call {
  enum class purpose : std::uint8_t {
    run,
    say_version, ///< -V
    hand_over    ///< to ssh itself, with all its words: -G and -Q
  };
  purpose why = purpose::run;

  std::string destination; ///< as it was written
  std::string host;        ///< without user, port and brackets
  std::string host_name;   ///< HostName, in which %h is `host`; empty: not given
  std::string user;        ///< empty: not given
  std::string port;        ///< digits; empty: not given
  std::string command;     ///< its words with a blank between; empty: none

  struct identity {
    std::string file;
    bool by_letter = false; ///< -i, and not the option
  };
  std::vector<identity> identities;
  std::vector<std::string> known_hosts; ///< the user's; empty: not given
  std::vector<std::string> site_known_hosts;
  std::vector<std::string> certificates;
  std::string ssh_config;                     ///< -F; empty: not given
  std::optional<std::string> command_between; ///< ProxyCommand; empty: none, whatever a Host says
  std::string jump;                           ///< hosts to go by, as they were written; empty: not given
  bool no_agent = false;
  std::string agent; ///< IdentityAgent as it was written; empty: not given, or the usual one
  bool identities_only = false;
  std::vector<std::string> settings; ///< further ones, as KEY=VALUE of the configuration
  /// What settings were written as, by their names: "-c", "-o Ciphers".
  std::vector<std::pair<std::string, std::string>> written = {};
  std::vector<std::string> passed_on;   ///< patterns of variables (SendEnv)
  std::vector<std::string> environment; ///< NAME=VALUE (SetEnv)
  /// What has no effect here, though it would change something: an option, or one with a value of its list.
  std::vector<std::string> not_followed;

  bool subsystem = false; ///< the command is the name of one
  bool no_input = false;
  bool quiet = false;
  bool errors_only = false; ///< neither warnings nor the server's banner
  int verbose = 0;
  std::string log_file; ///< where complaints go; empty: stderr
};

struct ssh_words {
  ssh_call call;
  std::string complaint; ///< not empty: what is wrong, and `call` is of no use
};

/// The words that follow `ssh`. The first value of an option is the one that counts, and of -4, -6, -C, -b,
/// -c and -m the last, as with ssh.
ssh_words parse_ssh(const std::vector<std::string>& words);

/// How the setting was written among the words; else as moorage's own option, "-o NAME".
std::string name_in_words(const ssh_call& call, const std::string& setting);

/// A time as ssh writes it, "30" or "1m30s", in seconds as the configuration writes them; empty: it is none.
std::string ssh_time(std::string_view written);

/// What an option comes to that is a setting of a cluster's.
struct ssh_settings {
  std::vector<std::string> settings = {};     ///< KEY=VALUE of the configuration
  std::vector<std::string> not_followed = {}; ///< of its values
  bool wrong = false;                         ///< it has no such value
};
/// Of an option in lower case, with its values. Nothing: it is none of these.
std::optional<ssh_settings> settings_of_ssh(std::string_view option, const std::vector<std::string>& written);

/// Of the options that say which methods a log-in may use. False: it is none, or has no such value.
bool take_ssh_method(ssh_log_in& how, std::string_view option, const std::string& value);

/// Whether the value is one of those with | between them, in whatever case.
bool ssh_one_of(std::string_view value, std::string_view values);
std::optional<bool> ssh_yes_or_no(std::string_view value);

} // namespace moorage::cli
