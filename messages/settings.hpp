// A cluster's settings: every one, with its unit, default and the reason for it. The same names are the keys
// of the TOML file (runtime/config.hpp), with durations written as "30s". What each may be, and what a change
// of it does to open connections, is in its row in messages/settings_table.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "messages/errors.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// What to do about a host key that known_hosts does not have. A changed or revoked key is always refused.
enum class host_key_policy : std::uint8_t {
  strict,     ///< "yes": an unknown key is refused
  accept_new, ///< "accept-new": an unknown key is written to the first known_hosts file, then trusted
  off         ///< "no": an unknown key is trusted and not written down
};

enum class probe_method : std::uint8_t {
  channel, ///< open a session channel and close it: one round trip, no process on the login node
  exec     ///< run `probe_command`; starts a login shell on the login node every time
};

/// What becomes of variables that the server's AcceptEnv turns down.
enum class variable_fallback : std::uint8_t {
  prefix, ///< the command is rewritten so that it sets them itself
  none    ///< as ssh(1): the command runs without them, and the outcome names them
};

/// Of which kind the addresses may be that a host's name is looked up for.
enum class address_family : std::uint8_t {
  any,
  inet, ///< IPv4
  inet6 ///< IPv6
};

struct cluster_settings {
  /// Short, such as `lumi`: letters, digits, `-`, `_`, `.`, `@`, `:` (and `[`, `]` for literal IPv6
  /// addresses).
  std::string name = {};

  // --- where, and as whom
  std::string host = {}; ///< name or address (IPv4 or IPv6); required, or else `hosts`
  /// Names or addresses of machines that are one cluster: a connection goes to any of them. In the place of
  /// `host`; each one's host key is looked up under its own name. An address that is down costs a log-in at
  /// the others little, and once in a while. Empty: `host`, whose name may have several addresses.
  std::vector<std::string> hosts = {};
  /// Whether new connections go to the machine that has the fewest of them, of those that are well, or to the
  /// one that has the most. Most: what is in /tmp, and what a machine has cached, is where it was.
  bool spread = false;
  std::uint16_t port = 22; ///< RFC 4253, section 4
  std::string user = {};   ///< empty: the user who runs this process
  /// A `Host` of OpenSSH's client configuration, which says whatever is not said here. It is read by ssh(1)
  /// itself (`ssh -G`) when a configuration's clusters are registered (runtime/config.hpp: `ask_openssh`); in
  /// settings that are handed over it says only where they came from. Empty: none.
  std::string ssh_host = {};
  /// The file that is read for it in place of ~/.ssh/config and /etc/ssh/ssh_config; "none": no file. Empty:
  /// those two.
  std::string ssh_config = {};
  /// Private key files; `~/` is the home folder, and "none" is no file. Empty: the usual ~/.ssh/id_ed25519,
  /// id_ecdsa, id_rsa that exist.
  std::vector<std::string> key_files = {};
  /// Ask the agent at $SSH_AUTH_SOCK; when key files are listed, only for those keys, since servers cut a
  /// client off after a handful of keys (sshd_config(5): MaxAuthTries 6).
  bool agent = true;
  /// The agent's socket. Empty: $SSH_AUTH_SOCK, as it is at each log-in.
  std::string agent_socket = {};
  /// Name of an entry in the secret store: the password. Empty: no password is tried.
  std::string password_secret = {};
  /// Name of an entry in the secret store: the passphrase of the key files. Empty: keys must be unlocked.
  std::string passphrase_secret = {};
  /// The methods of the log-in that may be used, in the order to try (ssh_config(5):
  /// PreferredAuthentications). Written as `ciphers`. Empty: publickey, password, keyboard-interactive.
  std::string auth_methods = {};
  /// What a key may sign with, of the log-in (ssh_config(5): PubkeyAcceptedAlgorithms); a key of another kind
  /// is not offered. Written as `ciphers`. Empty: all but ssh-rsa, which signs with SHA-1.
  std::string pubkey_accepted_algorithms = {};
  /// Files of known host keys. Empty: ~/.ssh/known_hosts, ~/.ssh/known_hosts2, /etc/ssh/ssh_known_hosts{,2},
  /// as ssh(1).
  std::vector<std::string> known_hosts_files = {};
  host_key_policy strict_host_keys = host_key_policy::strict;
  /// Whether a new key is written down under a hashed name (ssh_config(5): HashKnownHosts), so that the file
  /// does not tell which hosts its owner knows.
  bool hash_known_hosts = false;
  /// Whether known_hosts must not have another key for the server's address than the one that it shows
  /// (ssh_config(5): CheckHostIP), beside what it has for its name. An address that is not in it is added
  /// once the name's key is trusted. Not of loopback, nor by a `proxy_command` or a `jump`, where there is no
  /// address.
  bool check_host_ip = false;
  /// Kinds of host keys that the server may show (ssh_config(5): HostKeyAlgorithms); those of which a key is
  /// known come first in any case. Written as `ciphers`. Empty: all but ssh-rsa.
  std::string host_key_algorithms = {};
  /// The name, without a port, under which known_hosts files have the host's keys (ssh_config(5):
  /// HostKeyAlias); for machines of one key, or ones that are reached by another name than their own. Empty:
  /// host and port.
  std::string host_key_alias = {};
  moorage::address_family address_family = moorage::address_family::any;
  /// The address of this machine that connections come from (ssh_config(5): BindAddress). Empty: as the
  /// system chooses.
  std::string bind_address = {};
  /// A command of this machine whose standard input and output stand for the TCP connection, run as ssh(1)
  /// does: by the user's shell, with `exec` before it. %h, %p and %r are host, port and user; %% is a percent
  /// sign. Empty: none.
  std::string proxy_command = {};
  /// The cluster, of the same node, whose connections carry this one's (ssh_config(5): ProxyJump): each is a
  /// channel of one of them. Its pool's settings, budget and health are its own, and so is what it jumps by.
  /// Host and port are as that machine knows them. Empty: none.
  std::string jump = {};
  /// Which of a site's nodes has the pool, by its name in [nodes]. Empty: any that is asked. Of no meaning to
  /// a process that is no node with a name.
  std::string node = {};

  // --- the transport
  /// One try, from look-up to the end of authentication. Log-in on busy login nodes takes several seconds.
  std::chrono::milliseconds connect_timeout{30'000};
  /// Tries of one opening where the cause may pass, 1 s, 2 s and so on after one another, 8 s at most. Three
  /// outlast a restarted sshd, or a moment at which too many log in. After openings that failed the next has
  /// one.
  std::uint32_t connect_tries = 3;
  /// One signature of the agent's, which may ask its user for a touch or a fingerprint, and as long again for
  /// the questions of others before it, since an agent is asked one at a time. `connect_timeout` stands still
  /// meanwhile. Half a minute: who is there has answered by then, and all of it is over before sshd's
  /// LoginGraceTime (120 s). 0: what is left of `connect_timeout`. The list of its keys, which needs nobody,
  /// is waited for 5 s at most.
  std::chrono::milliseconds agent_timeout{30'000};
  /// So long before the end of the certificate that log-ins use, people are warned, and `renew_command` is
  /// run; not before half of its life is over. An hour: time for who has to ask somebody. 0: nobody is
  /// warned, and only what has ended is renewed.
  std::chrono::milliseconds certificate_warning{3'600'000};
  /// A command of this machine that gets a new certificate, run as `proxy_command` is before a log-in that
  /// would offer one which ends soon or has ended. Clusters with the same one share its runs. Empty: none.
  std::string renew_command = {};
  /// One run of it. `connect_timeout` stands still meanwhile. A minute: it may have to ask somebody.
  std::chrono::milliseconds renew_timeout{60'000};
  /// Silence under a lease after which the peer is asked (an idle connection has its checks). 0: never.
  std::chrono::milliseconds keep_alive_interval{60'000};
  /// So many unanswered questions in a row and the link is lost (ssh_config(5): ServerAliveCountMax).
  std::uint32_t keep_alive_count_max = 3;
  /// The ciphers that may be agreed on, with commas, the preferred first (ssh_config(5): Ciphers); with +, -
  /// or ^ before them the usual ones and these, without these, or these first. Names that the SSH library
  /// does not have are refused. Empty: the usual ones, which are the library's.
  std::string ciphers = {};
  std::string macs = {};           ///< ssh_config(5): MACs
  std::string kex_algorithms = {}; ///< ssh_config(5): KexAlgorithms
  /// Ask the server to compress, once it has let us in (zlib@openssh.com). Off: it costs both sides processor
  /// time, and some 300 KiB of memory a connection, and is worth it over slow lines only.
  bool compression = false;
  /// Bytes in one direction after which we ask for new keys (ssh_config(5): RekeyLimit). 0: what the cipher
  /// bears, as the library reckons it.
  std::uint64_t rekey_data = 0;
  /// New keys after so long, with the next packet (RekeyLimit's second word). 0: never for that.
  std::chrono::milliseconds rekey_interval{0};

  // --- the pool
  /// Connections at most, the opening and the closing ones counted. Sites watch the number of log-ins.
  std::uint32_t pool_size = 5;
  /// Leases that one connection carries at once. Four: what a second connection costs is a log-in, and sshd
  /// refuses more than MaxSessions (10) channels, some of which several commands of one lease may take. A
  /// connection whose server refuses a channel earlier carries fewer for a while, which is learnt
  /// (actors/pool/policies/channel_limit.hpp). 1: nobody shares one.
  std::uint32_t channels_per_connection = 4;
  /// Whether the connection with the fewest leases is granted first, of those that are as well, or the one
  /// with the most that still has room. Fewest: what is open costs nothing more, each lease has more of a
  /// link, and one that breaks ends fewer. Most: a quiet pool needs fewer connections.
  bool spread_leases = true;
  /// Idle connections older than this are closed, less up to 10 % at random so that they do not all go at
  /// once.
  std::chrono::milliseconds connection_lifetime{3'600'000};
  /// Connections idle for longer are closed, down to `min_idle`.
  std::chrono::milliseconds idle_timeout{300'000};
  /// Connections kept ready. 0: none is opened before somebody asks.
  std::uint32_t min_idle = 0;
  /// Connections of other clusters, which have this one as their `jump`, that one connection carries at once.
  /// A hundred: each takes a channel's memory at the server, and all of them end with the one that carries
  /// them. They are no leases, and MaxSessions does not count them.
  std::uint32_t carried_max = 100;
  /// Openings in flight at most: sshd drops log-ins at random beyond MaxStartups (10:30:100), per whole
  /// server. 0: no limit but the process's. `penalty_max` lets fewer begin: with its default two at one host
  /// and port, of all clusters there together.
  std::uint32_t connects_at_once = 2;
  /// Log-ins a minute at most, by host and port, all clusters there counted, since sites count by address; as
  /// many at once as the largest pool there has connections. The strictest cluster there decides. 0: none of
  /// this cluster waits.
  std::uint32_t log_ins_per_minute = 10;
  /// What a server that bans by penalties (sshd_config(5): PerSourcePenalties, a ban from 15 s on) may have
  /// against us, of all clusters at its host and port: no log-in begins that could go beyond if it and those
  /// under way were all denied, at 5 s each; at 10 s, so one at a time, where `connect_timeout` is a minute
  /// or more and may outlast the server's LoginGraceTime. After a sign of a ban none begins for a while. 0:
  /// neither is looked at.
  std::chrono::milliseconds penalty_max{10'000};
  /// Waiters at most; one more is refused at once.
  std::uint32_t queue_depth = 1'000;
  /// Patience of an acquire that names none.
  std::chrono::milliseconds acquire_timeout{30'000};
  /// A lease held for longer is told once, as an event with its label: it may have been forgotten. 0: never.
  /// Ten minutes: few hold one for longer but those who mean to.
  std::chrono::milliseconds leak_threshold{600'000};
  /// Whether it is also taken back, which ends what runs under it.
  bool leak_reclaim = false;
  /// A wait for a lease that is borne. When for so long and `overload_interval` somebody has waited all the
  /// time, a connection being open, and nobody was served within it, the pool is overloaded: the oldest
  /// waiters that named no patience, and did not ask to ride out an outage, are refused once they have waited
  /// for twice as long, until somebody is served within it or nobody waits. Five seconds: above what a log-in
  /// at a busy site takes. 0: none is refused for overload.
  std::chrono::milliseconds overload_target{5'000};
  /// How long waits must have stayed above `overload_target`. Half a minute: a burst is served by then, or is
  /// none.
  std::chrono::milliseconds overload_interval{30'000};

  // --- health
  /// Between two checks of a connection that has just been opened; doubles with each that passes. Each is
  /// longer or shorter by up to 20 % at random, and none is made of what has answered anything within it.
  /// What ends idle connections early shortens it (actors/pool/policies/idle_limit.hpp).
  std::chrono::milliseconds probe_interval{60'000};
  /// It doubles up to this; not at all where this is shorter. Ten minutes: what is idle and well costs a
  /// login node little.
  std::chrono::milliseconds probe_interval_max{600'000};
  /// After a failure, unless `probe_interval` is shorter: soon, since users may be waiting for it.
  std::chrono::milliseconds probe_interval_unhealthy{10'000};
  std::chrono::milliseconds probe_timeout{5'000}; ///< one probe
  probe_method probe = probe_method::channel;
  std::string probe_command = "true"; ///< for the method exec
  /// 0: no limit. Each opens a channel, and a login node has other users.
  std::uint32_t probes_at_once = 10;
  /// Percent of the idle connections that are checked at a time, at least one; the one checked longest ago
  /// first. With it an idle connection is asked, at the latest, so long after it answered or became idle: 1.2
  /// times the longest interval, and two `probe_timeout` with a second each for each portion of `pool_size`
  /// connections that may be asked at once.
  std::uint32_t probe_share = 100;
  std::uint32_t probe_failures_max = 3; ///< this many failures in a row and the connection is closed
  /// A connection has proved itself once it served a lease or passed a probe so long after it was opened. One
  /// that ends before counts as a failed opening: a full login node lets in and cuts off seconds later.
  std::chrono::milliseconds proving_time{10'000};

  // --- commands
  /// Bytes collected of one command's output (stdout and stderr together), then cut and marked. Streams have
  /// no cap.
  std::uint64_t output_max = 16u << 20;
  /// Each reply that a command waits for before it runs: to the channel's opening, its variables, the command
  /// itself. Long, since a busy login node forks slowly.
  std::chrono::milliseconds reply_timeout{30'000};
  /// How long after a command's exit status its output is still waited for while the server keeps the channel
  /// open, as it does for whatever else holds the pipes. 0: not at all.
  std::chrono::milliseconds linger{10'000};
  variable_fallback environment_fallback = variable_fallback::prefix;
  /// Variables of every command, NAME=VALUE with blanks between and quotes as in ssh_config(5) (SetEnv); a
  /// request's own ones come first. What the server's AcceptEnv turns down is left out, as by ssh(1).
  std::string set_env = {};
  /// Names, with * and ?, of variables that a command has from the environment of whoever asks for it, and
  /// never of a node's (ssh_config(5): SendEnv): of a program's as it was when its runtime was made. A word
  /// with - before it takes away those before it that it fits. Turned down as `set_env`.
  std::string send_env = {};
  /// Whether a command that was ended early is also looked for by a marker in its environment, to end what
  /// escaped its process group. Costs a process on the login node, so it is asked for.
  bool sweep = false;

  friend bool operator==(const cluster_settings&, const cluster_settings&) = default;
};

/// The first thing wrong with the settings, or a `failure` with code `none`. Looks at values only, opens no
/// file.
failure check_settings(const cluster_settings& settings);

/// The host, or all hosts: "login1,login2".
std::string hosts_in_words(const cluster_settings& settings);

/// Settings for a destination written as `user@host:port`, `host`, `[::1]:2222` …; the name is the text
/// itself. A failure says what is wrong with the text.
failure parse_destination(const std::string& text, cluster_settings& result);

std::string to_string(host_key_policy policy);
std::string to_string(address_family family);
std::string to_string(probe_method method);
std::string to_string(variable_fallback fallback);

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, cluster_settings& x) {
  return f(x.name, x.host, x.hosts, x.spread, x.port, x.user, x.ssh_host, x.ssh_config, x.key_files, x.agent,
           x.agent_socket, x.password_secret, x.passphrase_secret, x.auth_methods,
           x.pubkey_accepted_algorithms, x.known_hosts_files, x.strict_host_keys, x.hash_known_hosts,
           x.check_host_ip, x.host_key_algorithms, x.host_key_alias, x.address_family, x.bind_address,
           x.proxy_command, x.jump, x.carried_max, x.node, x.connect_timeout, x.connect_tries,
           x.agent_timeout, x.certificate_warning, x.renew_command, x.renew_timeout, x.keep_alive_interval,
           x.keep_alive_count_max, x.ciphers, x.macs, x.kex_algorithms, x.compression, x.rekey_data,
           x.rekey_interval, x.pool_size, x.channels_per_connection, x.spread_leases, x.connection_lifetime,
           x.idle_timeout, x.min_idle, x.connects_at_once, x.log_ins_per_minute, x.penalty_max, x.queue_depth,
           x.acquire_timeout, x.leak_threshold, x.leak_reclaim, x.overload_target, x.overload_interval,
           x.probe_interval, x.probe_interval_max, x.probe_interval_unhealthy, x.probe_timeout, x.probe,
           x.probe_command, x.probes_at_once, x.probe_share, x.probe_failures_max, x.proving_time,
           x.output_max, x.reply_timeout, x.linger, x.environment_fallback, x.set_env, x.send_env, x.sweep);
}

} // namespace moorage

#pragma GCC visibility pop
