// The command line: its tree of commands and options, and what was written on it as plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/moorage/pages.hpp"

namespace CLI { // NOLINT(readability-identifier-naming): CLI11 calls it so
class App;
class Option;
} // namespace CLI

namespace moorage::cli {

enum class command : std::uint8_t {
  none,
  exec,
  ssh,
  status,
  check,
  bench,
  config,
  serve,
  admin,
  replay,
  completion,
  man
};

struct exec_options {
  std::vector<std::string> words;       ///< the command
  std::vector<std::string> environment; ///< NAME=VALUE
  std::chrono::milliseconds timeout{0}; ///< 0: none
  std::string label;                    ///< empty: "exec" and the process id
  std::string machine;                  ///< empty: any of the cluster's
  std::chrono::milliseconds linger{-1}; ///< negative: until the channel closes
  bool no_input = false;
  bool quote = false;                         ///< each word reaches the command as it is
  bool subsystem = false;                     ///< the words are the name of one
  std::string written = {};                   ///< what the cluster was called, if its own name is made up
  bool as_ssh = false;                        ///< says nothing of variables that the server turned down
  std::string note = {};                      ///< for who runs it, once the pools are at hand
  std::vector<std::string> warnings = {};     ///< likewise, and where there are no pools
  std::vector<std::string> not_followed = {}; ///< lines, likewise: of ssh's configuration
};

struct bench_options {
  std::chrono::milliseconds time{5'000}; ///< of each measurement
  std::uint32_t callers = 0;             ///< 0: twice the leases that the pool can give
  std::string command = "true";
};

struct serve_options {
  std::chrono::milliseconds idle_end{-1}; ///< negative: by who began it
  bool started = false;                   ///< by a command that waits for it
};

struct config_options {
  bool names = false;
  bool sample = false;
};

struct admin_options {
  std::string action;
  std::uint64_t number = 0; ///< a connection, a lease, a size, or a duration in milliseconds
  std::string key;          ///< of a setting
  std::string value;
  bool all = false;                     ///< pauses, whoever's they are
  std::vector<std::string> clusters;    ///< whose events
  std::string severity;                 ///< of events, the least; empty: any
  std::vector<std::string> kinds;       ///< of events; empty: all
  std::chrono::milliseconds within{-1}; ///< of the node's end, for leases; negative: now
};

struct replay_options {
  std::string file;
  std::uint64_t from = 1; ///< the first step that is shown
  std::uint64_t to = UINT64_MAX;
  std::uint64_t step = 0; ///< 0: not this one alone
  bool state = false;
};

struct order_argument;

/// What was written on the command line.
struct options {
  command which = command::none;

  std::string config_file;           ///< empty: the usual places
  std::string socket;                ///< empty: the configuration's
  std::string node;                  ///< HOST:PORT; empty: $MOORAGE_NODE's, or the configuration's
  std::vector<std::string> settings; ///< KEY=VALUE
  std::string log_level;             ///< empty: the configuration's
  int verbose = 0;
  int quiet = 0;
  bool embedded = false;
  bool json = false;

  std::string cluster;                    ///< empty: none named
  std::chrono::milliseconds patience{-1}; ///< negative: the cluster's
  exec_options exec;
  std::vector<std::string> ssh_words; ///< all that follows `ssh`
  std::string check_command;          ///< of check; empty: the pool's own way
  bench_options bench;
  serve_options serve;
  config_options config;
  admin_options admin;
  replay_options replay;
  std::string shell; ///< of completion
};

class command_line {
public:
  /// The whole tree of commands; or, where the first word is `exec` or `ssh`, that one alone, with what is
  /// every command's: scripts call those again and again, and the others would be half a millisecond of each
  /// start. What is said of wrong words is the same.
  explicit command_line(std::string_view first_word = {});
  ~command_line();
  command_line(const command_line&) = delete;
  command_line& operator=(const command_line&) = delete;

  /// What came of the parsing: go on, or end with this code after printing.
  struct parsing {
    bool finished = false;
    int code = 0;
    std::string output;    ///< for stdout
    std::string complaint; ///< for stderr
  };
  parsing parse(int argc, const char* const* argv);

  const options& parsed() const { return options_; }
  command_page page() const;

private:
  CLI::App* add(CLI::App& parent, const std::string& name, const std::string& summary,
                command_page text = {});
  CLI::App* add(command which, const std::string& name, const std::string& summary, command_page text = {});
  CLI::App* add_action(CLI::App& admin, const std::string& name, const std::string& summary,
                       bool cluster_required);
  void add_argument(CLI::App& to, const order_argument& argument);
  void add_events(CLI::App& admin);
  void add_globals();
  void add_exec();
  void add_ssh();
  void add_questions();
  void add_bench();
  void add_config();
  void add_serve();
  void add_admin();
  void add_replay();
  void add_generators();
  void add_cluster(CLI::App& to, bool required, const std::string& text = "its name, or user@host:port");
  void add_patience(CLI::App& to);
  void add_duration(CLI::App& to, const std::string& name, std::chrono::milliseconds& target,
                    const std::string& text);
  /// Restricts it to these, for the shells' completions too.
  void set_choices(CLI::Option& option, const std::vector<std::string>& choices);
  std::vector<std::string> choices_of(const CLI::Option& option) const;
  command_page page_of(const CLI::App& app, const std::string& path) const;
  std::string help_of(const CLI::App& app) const;
  std::size_t place_of_ssh(const std::vector<std::string>& words) const;
  std::string complaint_about(const std::exception& error) const;

  options options_;
  std::unique_ptr<CLI::App> app_;
  /// Paragraphs, examples and the like, which the tree has no place for.
  std::map<const CLI::App*, command_page> texts_;
  std::map<const CLI::Option*, std::vector<std::string>> choices_;
};

} // namespace moorage::cli
