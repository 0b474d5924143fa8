// Host keys: what known_hosts files say of a host, and the verdict on the key a server shows. The files are
// read by the preparation, off the workers; everything else here looks at values only (sshd(8),
// SSH_KNOWN_HOSTS FILE FORMAT).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"

struct ssh_session_struct; // libssh's session

namespace moorage {

/// A host's public key as it stands in known_hosts.
struct host_key {
  std::string type;   ///< "ssh-ed25519"
  std::string base64; ///< the key blob

  friend bool operator==(const host_key&, const host_key&) = default;
};

/// "SHA256:…" as ssh-keygen -l prints it; "(unreadable)" when the blob is no base64.
std::string fingerprint(const host_key& key);

enum class host_marker : std::uint8_t { none, revoked, cert_authority };

/// One line that speaks of our host.
struct known_host {
  host_marker marker = host_marker::none;
  host_key key;
  std::string file; ///< empty: the key was accepted as new, and stands in this process's memory only
  int line = 0;     ///< from 1
  /// The line names the host without its port. As ssh does, such a key is accepted when no line names the
  /// port, but never makes another key a changed one.
  bool without_port = false;
  /// The name was matched by a wildcard: ssh-keygen -R does not find such a line.
  bool by_pattern = false;
};

/// Why a file that exists was not read whole.
struct known_hosts_problem {
  std::string text; ///< names the file
  /// The system does not let this user read it: ssh(1), run by the same user, does without it too.
  bool forbidden = false;
  /// The errno of a failure that may be over the next time; 0: it is none.
  int passing = 0;
};

/// What the files say of one host and port.
struct known_hosts {
  std::string host; ///< as the settings name it
  std::uint16_t port = 22;
  std::vector<std::string> files; ///< read in this order, whether they exist or not; the first takes new keys
  std::vector<known_host> entries;
  std::vector<known_hosts_problem> problems;
  std::vector<std::string> keep_nothing; ///< those of `files` that are /dev/null, by whatever name
  std::vector<std::string> algorithms;   ///< of host keys that may be shown; empty: the usual ones
  bool hash_names = false;               ///< new keys are written down under a hashed name
};

/// A site's file has some hundred thousand lines at most; more is a mistake such as a log written to the
/// wrong place.
constexpr std::size_t known_hosts_size_max = 64u << 20;

/// The name that known_hosts lines use: "host", or "[host]:port" for other ports than 22; lower case.
std::string known_hosts_name(const std::string& host, std::uint16_t port);

/// The line that makes the key known, without its end.
std::string known_hosts_line(const known_hosts& known, const host_key& key);

/// The name as it is written where it is not to be read ("|1|…"), with a salt of its own; empty: there is no
/// randomness.
std::string hashed_name(const std::string& name);

/// Appends what a file's text says of the host, matched as OpenSSH does. Lines that make no sense are
/// skipped, as ssh does, but a NUL in one is a problem. A revocation is taken even from lines that ssh would
/// skip.
void parse_known_hosts(std::string_view text, const std::string& file, known_hosts& known);

/// For SSH_OPTIONS_HOSTKEYS, those that are allowed, in their order: the signature algorithms of known keys
/// first, so that the server shows a key we know, unless the one that is first anyway is known. Revoked keys
/// and lines without the port have no say.
std::string host_key_algorithms(const known_hosts& known);

/// Reads the files; blocks. `files` have their `~/` expanded already.
known_hosts read_known_hosts(const std::string& host, std::uint16_t port,
                             const std::vector<std::string>& files);

enum class host_key_state : std::uint8_t {
  known,     ///< trusted
  unknown,   ///< no line has a key for this host
  changed,   ///< lines have keys for this host, and none is this one
  revoked,   ///< a @revoked line has this key
  unreadable ///< a file was not read, and might say any of these
};

struct host_key_verdict {
  host_key_state state = host_key_state::unknown;
  /// The key may be used: known, or unknown and the policy is accept-new or off.
  bool accepted = false;
  /// accept-new: the key is to be written down (`write_known_host`) before anything is sent that must stay
  /// secret. Also when it is known from this process's memory only.
  bool to_write = false;
  ssh_error
      error; ///< when not accepted: the key seen, the keys expected and where, the command that accepts it
  std::string text; ///< when accepted, for the opening's steps: "ssh-ed25519 SHA256:…, known_hosts:3"
};

/// Stricter than ssh in three ways: a revoked key and a changed one are refused under every policy; a
/// revocation of the name without its port holds for every port; and a file that could not be read is never
/// taken for one that says nothing (only one that the system forbids us to read may be missing where another
/// has the key, as for ssh).
host_key_verdict judge_host_key(const known_hosts& known, const host_key& shown, host_key_policy policy);

/// The refusal for a file that could not be read, which does not latch where one may be read the next time;
/// no error when there is none that matters whatever the key is.
ssh_error unreadable_known_hosts(const known_hosts& known);

/// The key the server has shown in the key exchange; empty type when there is none. Does not block.
host_key shown_host_key(ssh_session_struct* session);

struct key_written {
  std::string problem;   ///< why the key does not stand in the file; empty: it does, or see `error`
  ssh_error error;       ///< the file has come to know another key for this host, or to revoke this one
  std::string text = {}; ///< of `check_address`, for the opening's steps
  std::vector<std::string> warnings = {}; ///< of the same, for people
};

/// Writes a new key down in the first file; blocks for `patience`, and for as long as the file system does:
/// run it on a thread for blocking calls. Makes the folder (0700) and the file (0600) when missing. Nothing
/// is written without the file's lock (flock(2)), under which the file is looked at again; all of the line is
/// written, or none of it.
key_written write_known_host(const known_hosts& known, const host_key& shown,
                             std::chrono::milliseconds patience);

/// For `check_host_ip`: the address, without a port, at the other end of a TCP connection to `port`. Empty:
/// there is none, it is loopback's, or known_hosts has it under the name that was compared.
std::string address_to_check(int socket, std::uint16_t port, const known_hosts& known);

/// As ssh does (CheckHostIP), once the key is trusted by the name's lines in `known`: an address that has
/// another key is an error, or a warning where the policy is off; one that has none is added. Blocks as
/// `write_known_host`.
void check_address(const known_hosts& known, const host_key& shown, host_key_policy policy,
                   const std::string& address, std::uint16_t port, std::chrono::milliseconds patience,
                   key_written& result);

/// For people, once it is written down: they may be glad to find when that was.
std::string newly_trusted(const known_hosts& known, const host_key& shown, const std::string& file);
/// For people, when that failed: which key, why not, what holds now and what to do.
std::string not_written_down(const known_hosts& known, const host_key& shown, const std::string& problem);

} // namespace moorage
