// Host keys: what known_hosts files say of a host, and the verdict on the key a server shows. The files are
// read by the preparation, off the workers; everything else here looks at values only (sshd(8),
// SSH_KNOWN_HOSTS FILE FORMAT).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/cluster.hpp"
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
  std::string file;
  int line = 0; ///< from 1
  /// The line names the host without its port. As ssh does, such a key is accepted when no line names the
  /// port, but never makes another key a changed one.
  bool without_port = false;
  /// The name was matched by a wildcard: ssh-keygen -R does not find such a line.
  bool by_pattern = false;
};

/// What the files say of one host and port.
struct known_hosts {
  std::string host; ///< as the settings name it
  std::uint16_t port = 22;
  std::vector<std::string> files; ///< read in this order, whether they exist or not; the first takes new keys
  std::vector<known_host> entries;
  std::vector<std::string> problems; ///< files that exist and could not be read, in words
};

/// The name that known_hosts lines use: "host", or "[host]:port" for other ports than 22; lower case.
std::string known_hosts_name(const std::string& host, std::uint16_t port);

/// Appends what a file's text says of the host. Lines that make no sense are skipped, as ssh does.
void parse_known_hosts(std::string_view text, const std::string& file, known_hosts& known);

/// For SSH_OPTIONS_HOSTKEYS: the signature algorithms of known keys first, so that the server shows the key
/// we know; then all others that libssh offers by itself.
std::string host_key_algorithms(const known_hosts& known);

/// Reads the files; blocks. `files` have their `~/` expanded already.
known_hosts read_known_hosts(const std::string& host, std::uint16_t port,
                             const std::vector<std::string>& files);

enum class host_key_state : std::uint8_t {
  known,   ///< trusted
  unknown, ///< no line has a key for this host
  changed, ///< lines have keys for this host, and none is this one
  revoked  ///< a @revoked line has this key
};

struct host_key_verdict {
  host_key_state state = host_key_state::unknown;
  /// The key may be used: known, or unknown and the policy is accept-new or off.
  bool accepted = false;
  /// accept-new: append this line, newline included, to `known.files.front()` (`append_known_host`) before
  /// anything is sent that must stay secret. Empty: nothing to write.
  std::string line_to_write;
  ssh_error
      error; ///< when not accepted: the key seen, the keys expected and where, the command that accepts it
  std::string text; ///< when accepted, for the opening's steps: "ssh-ed25519 SHA256:…, known_hosts:3"
};

host_key_verdict judge_host_key(const known_hosts& known, const host_key& shown, host_key_policy policy);

/// The key the server has shown in the key exchange; empty type when there is none. Does not block.
host_key shown_host_key(ssh_session_struct* session);

/// Blocks: run it on a thread for blocking calls. Makes the folder (0700) and the file (0600) when missing,
/// adds a newline that the file's last line lacks, and appends in one write. The text is empty on success.
std::string append_known_host(const std::string& file, const std::string& line);

} // namespace moorage
