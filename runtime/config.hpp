// The configuration: clusters by name, read from a TOML file. deploy/moorage.toml is a commented sample, and
// messages/settings_table.cpp the table of settings.
//
//   [defaults]                 # for every cluster; any setting but host
//   pool_size = 5
//   [clusters.lumi]
//   host = "lumi.csc.fi"
//   connect_timeout = "30s"    # "250ms", "5min", "1h30m"
//   [limits]                   # of all clusters together
//   connects_at_once = 32
//   probes_at_once = 200
//   [node]
//   socket = "/run/user/1000/moorage/node.sock"
//   start = "auto"             # no, auto
//   idle_end = "10min"
//   listen = "0.0.0.0:4422"    # with certificate, key, authority: for clients on other machines
//   name = "gw1"               # which of [nodes] this one is
//   [nodes]                    # of a site, the same in each one's file and its clients'
//   gw1 = "gw1.example.org:4422"
//   [client]
//   node = "gw1.example.org:4422"   # with the same three
//   [[access]]                 # what such a client may do; nothing but what such tables allow
//   certificate = "dns:login2.example.org"
//   clusters = ["lumi", "test-*"]
//   allow = ["use", "observe"]
//   [log]
//   level = "warning"          # trace, debug, info, warning, error, critical, off
//   file = "~/moorage.log"     # none: stderr
//
// A file is taken whole or not at all. Everything wrong with it is told at once, each with file, line, column
// and key. Relative file names are relative to the folder of the configuration file.
// Whether the files that it names are there is no part of that: a key file that is gone, or on a disk that
// hangs, is the trouble of the clusters that name it, and of no other. See `check_files`.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/access.hpp"
#include "messages/settings.hpp"
#include "runtime/node_files.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// One thing wrong with a configuration.
struct config_problem {
  std::string file = {};    ///< empty: not from a file
  std::uint32_t line = 0;   ///< from 1; 0: the file as a whole
  std::uint32_t column = 0; ///< 0: the line as a whole
  std::string key = {};     ///< "clusters.lumi.pool_size"; empty: not about a key
  std::string text = {};    ///< what is wrong, and what is allowed

  friend bool operator==(const config_problem&, const config_problem&) = default;
};

/// "moorage.toml:7:13: clusters.lumi.pool_size: 0 is out of range; allowed: 1 to 10000"
std::string to_string(const config_problem& problem);

/// Thrown by the throwing forms below. `what` has one line for each problem.
class config_error : public std::runtime_error {
public:
  explicit config_error(std::vector<config_problem> problems);
  const std::vector<config_problem>& problems() const { return problems_; }

private:
  std::vector<config_problem> problems_;
};

/// Where a setting's value comes from.
struct setting_origin {
  enum class source : std::uint8_t {
    built_in,     ///< the default
    defaults,     ///< [defaults] in the file
    cluster,      ///< [clusters.NAME] in the file
    destination,  ///< the text user@host:port
    command_line, ///< -o KEY=VALUE
    ssh_config,   ///< what ssh(1) says of the cluster's `ssh_host`
  };
  source from = source::built_in;
  std::uint32_t line = 0; ///< in the file

  friend bool operator==(const setting_origin&, const setting_origin&) = default;
};

/// A cluster's settings with their origins, in the order of `cluster_fields()`.
struct cluster_config {
  cluster_settings settings = {};
  std::vector<setting_origin> origins = {}; ///< shorter than the table: the rest is built in
  bool asked_openssh = false;               ///< what its `ssh_host` says is in the settings
  /// Options of ssh_config(5) that its `ssh_host` has and that are not followed here.
  std::vector<std::string> not_followed = {};
  /// Of `key_files` that ssh's configuration or words named, or would have: as whoever wrote them knows them,
  /// such as "IdentityFile of 'lumi' in ssh's configuration". By file.
  std::vector<std::pair<std::string, std::string>> named_by = {};
  /// What of those cannot be used, and so is left out, as ssh does; such as "CertificateFile of 'lumi' in
  /// ssh's configuration: /home/me/x is not there (No such file or directory)".
  std::vector<std::string> passed_over = {};
  /// `agent` is off since ssh's configuration has no key that it may show (IdentitiesOnly), and for nothing
  /// else.
  bool agent_off_for_keys = false;
  /// What ssh said of its files where it went on all the same, as it said it, such as "… line 3: Unsupported
  /// option". Empty: nothing.
  std::string complaints = {};
  /// The jump hosts that ssh's ProxyJump names and that are in no table, the nearest first, and none of them
  /// with jumps here of its own.
  std::vector<cluster_config> jumps = {};

  setting_origin origin_of(std::string_view field) const;
  /// Sets a field without checking it and notes where the value came from. False: there is no such field.
  void note_origin(std::string_view field, setting_origin origin);
};

/// Whether a command that finds no node starts one.
enum class node_start : std::uint8_t { no, automatic };

/// What some clients may do: those that show a certificate, or on the Unix-domain socket those of a user or
/// group of this machine. One of the three says whom it is about; entries add up. The node's own user and
/// root need none.
struct access_entry {
  /// By which of its names: "uri:URI", "dns:NAME" or "subject:SUBJECT" (as RFC 2253 writes it).
  std::string certificate = {};
  std::vector<std::string> clusters = {}; ///< patterns of `access_rights`
  std::vector<access_right> allow = {};
  std::string user = {};  ///< by name or number
  std::string group = {}; ///< by name or number; its process's own group, or one of its further ones

  friend bool operator==(const access_entry&, const access_entry&) = default;
};

class openssh_answers; // runtime/config/openssh.hpp

struct configuration {
  std::string file = {};                     ///< as it was given; empty: no file was read
  cluster_config defaults = {};              ///< what a cluster starts from
  std::vector<cluster_config> clusters = {}; ///< in the order of the file
  /// Those that ssh(1) had no answer for, by name, and why: whoever asks for one is refused with that.
  std::vector<std::pair<std::string, failure>> unusable = {};
  /// Log-ins under way at once, of all clusters together, of which none can take more than half; 0: no limit.
  /// As many as keep a hundred clusters busy, and few enough that a file of a thousand does not open all at
  /// once.
  std::uint32_t connects_at_once = 32;
  /// Health checks in flight at once, of all clusters together, of which none can take more than half; 0: no
  /// limit. Those beyond wait for their turn, as long as it takes: enough that this is rare with a thousand
  /// clusters, and few enough that a network that comes back is not flooded by questions.
  std::uint32_t probes_at_once = 200;
  std::string node_socket = {}; ///< empty: `usual_node_socket()` of runtime/node/socket.hpp
  /// `no`, since a process that stays behind is nothing that a command does unasked.
  moorage::node_start node_start = moorage::node_start::no;
  /// After how long without a link a node ends that was started because somebody needed it, by `start` or by
  /// systemd's socket; 0: never. Longer than a cluster's `idle_timeout`, so that its connections are closed
  /// first.
  std::chrono::milliseconds node_idle_end = std::chrono::minutes{10};
  /// Where a node takes links from other machines, "ADDRESS:PORT" or "[ADDRESS]:PORT" each. Empty: nowhere,
  /// since who listens there is somebody's decision.
  std::vector<std::string> node_listen = {};
  /// Which of `nodes` a runtime of this configuration is: it has pools for those clusters whose `node` it is
  /// or that have none, and refuses the others `elsewhere`. Empty: none of them, and it has every cluster's.
  std::string node_name = {};
  /// The nodes of a site by name, and where each listens over TLS, "HOST:PORT", in the order of the file.
  std::vector<std::pair<std::string, std::string>> nodes = {};
  node_files node_tls = {};              ///< all but `revoked` are there where `node_listen` is not empty
  std::vector<access_entry> access = {}; ///< empty: clients from other machines and users may do nothing
  /// A node on another machine: "HOST:PORT", or a name in `nodes`. Empty: any of `nodes`, if there are some
  /// and `client_tls` is there.
  std::string client_node = {};
  node_files client_tls = {}; ///< what is shown to it, all there where `client_node` is
  /// Whose node on a Unix-domain socket is trusted besides our own and root's, by name or number. Empty:
  /// nobody's, since whoever runs a node sees all that its clients do.
  std::string client_socket_user = {};
  std::string log_level = "warning";
  std::string log_file = {}; ///< empty: stderr
  /// Not set in files. False: of what failed the log tells the kind only, since the cause is told beside it
  /// by whoever it is refused to.
  bool log_causes = true;
  /// Not set in files. What the log calls clusters whose names nobody wrote: each name, and its words.
  std::vector<std::pair<std::string, std::string>> log_names = {};
  /// Not set in files. What ssh(1) has said to those who asked by this configuration, or by a copy, so that
  /// nobody asks it again. Empty: it is asked anew by each call.
  std::shared_ptr<openssh_answers> ssh_answers = {};

  /// Null: no such cluster.
  const cluster_config* find(std::string_view name) const;
  std::vector<std::string> cluster_names() const;
};

/// Reads and checks a file. Throws `config_error`, and nothing else but std::bad_alloc.
configuration load_config(const std::filesystem::path& file);

/// The same without throwing: a configuration without problems, or nothing but problems.
struct config_result {
  configuration value = {};
  std::vector<config_problem> problems = {};

  explicit operator bool() const { return problems.empty(); }
};
config_result try_load_config(const std::filesystem::path& file);
/// The same from memory; `file` names the text in problems and anchors relative file names.
config_result parse_config(std::string_view text, const std::filesystem::path& file);

/// The file that the program reads when none is named: $MOORAGE_CONFIG, then
/// $XDG_CONFIG_HOME/moorage/moorage.toml (~/.config when that is unset), then /etc/moorage/moorage.toml; the
/// first that exists, and $MOORAGE_CONFIG even if it does not, so that a wrong one is noticed. Empty: none.
/// The current folder is not searched.
std::string find_config_file();

/// The settings of a cluster of the configuration, or of a destination written as user@host:port (anything
/// with an @ or a :), which starts from [defaults]. An unknown name is refused with the names there are.
failure resolve_cluster(const configuration& from, const std::string& name, cluster_config& result);

/// How long one answer of ssh's is waited for. It takes 5 ms; but a configuration may have names looked up or
/// commands run (ssh_config(5): CanonicalizeHostname, Match exec).
constexpr std::chrono::seconds openssh_patience{10};

/// Has ssh(1) say what its configuration has of the cluster's `ssh_host`, once: the settings are then what
/// the cluster's own table says, what ssh's files say, and what [defaults] say, the first that says anything.
/// Files are read as ssh would read them for this process's user. Blocks, for as long as that takes ssh
/// (`openssh_patience`). Code `none`: it is done, or there is no `ssh_host`; `local_failure`: there is no
/// program ssh, or it cannot be run; else `invalid_settings`, with ssh's own complaint.
/// A ProxyJump becomes `jump`, the cluster of each host on the way: a table's whose `ssh_host` or name is
/// that host and that means the same machine and user, else one in `jumps` with the settings of [defaults].
/// Each question is asked once in one call, or, with `remember_openssh`, in all that go by a configuration.
failure ask_openssh(const configuration& from, cluster_config& cluster, const std::stop_token& stop = {});
/// From now on what ssh has answered to one call is known to the next ones by the same configuration, and by
/// copies of it: for who makes several calls, of which none is to see that files have changed meanwhile.
void remember_openssh(configuration& of);
/// Where ssh cannot be run nothing is missed: there are no files that it would have read.
bool has_no_openssh_files(const cluster_settings& settings);
/// Has it go by these hosts, "a,me@b:22", as `ssh -J` would, whatever its own way was.
failure go_by_jumps(const configuration& from, cluster_config& cluster, const std::string& hops,
                    const std::stop_token& stop = {});
/// `ask_openssh` of all clusters, some at a time; their jumps are then among the clusters. Those that ssh has
/// no answer for go to `unusable`; the problems say why, and need keep nobody from the others. A runtime does
/// this itself when it begins.
std::vector<config_problem> ask_openssh(configuration& of, const std::stop_token& stop = {});

/// Has the `jumps` of its clusters among them, as they are after `ask_openssh` of all.
void add_jumps(configuration& to);

/// `resolve_cluster`, and `ask_openssh`. A name that is in no configuration may be one that ssh's files have
/// something to say of: a Host, or a pattern that does not match every name. So may an address of IPv6 be,
/// which is a destination besides. Where ssh has no answer for a name that is in no configuration: as
/// `ask_openssh`, but `unknown_cluster` where there is no program ssh.
failure find_cluster(const configuration& from, const std::string& name, cluster_config& result,
                     const std::stop_token& stop = {});
/// The clusters by which it jumps, found likewise, one by another; the one that it jumps by itself is first.
failure find_jumps(const configuration& from, const cluster_config& of, std::vector<cluster_config>& result,
                   const std::stop_token& stop = {});

/// What is wrong with the files that a cluster's settings name and that must be there (its key files): one
/// problem for each that is absent, no regular file or not readable, with the file, line and key that name
/// it. Empty: nothing. For a cluster that is about to be used, or to warn of it: a runtime takes the cluster
/// all the same, and each log-in then says what it lacks. Asks the disk at each call, for as long as that
/// takes.
std::vector<config_problem> check_files(const configuration& from, const cluster_config& of);

/// Applies "key=value" from the command line. A list setting starts anew with its first assignment, and every
/// further one adds to it. All that is wrong is told; nothing is changed then.
std::vector<config_problem> override_settings(cluster_config& target,
                                              const std::vector<std::string>& assignments);

/// Levels of logging, least severe first.
const std::vector<std::string>& log_levels();

/// "default", "moorage.toml:7 [defaults]", "command line" …
std::string describe_origin(const configuration& from, const cluster_config& of, setting_origin origin);

/// A commented sample of the file with every setting at its default. It parses, and changes nothing.
std::string sample_config();

} // namespace moorage

#pragma GCC visibility pop
