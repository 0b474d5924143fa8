#pragma once

#include "tests/support/account.hpp"
#include "tests/support/process_tree.hpp"
#include "tests/support/scratch_folder.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace moorage::support {

struct real_sshd_settings {
  bool ipv4 = true;         ///< listens on 127.0.0.1
  bool ipv6 = false;        ///< listens on ::1, on the same port
  std::string address = {}; ///< listens there in place of 127.0.0.1: of the machine that starts it
  std::uint16_t port = 0;   ///< 0: one that is free
  std::vector<std::string> host_key_types = {"ed25519"}; ///< of ed25519, ecdsa, rsa
  int max_sessions = 10;                                 ///< OpenSSH's own default
  std::string max_startups = "1000";                     ///< generous: tests of good manners set "10:30:100"
  bool ordinary_user =
      false; ///< lets in an account made for it where we are root, whom sshd treats differently
  std::vector<std::string> config = {}; ///< further sshd_config lines; they win over the fixture's own
};

/// OpenSSH's sshd as the current user, on a free port of loopback, with keys and files of its own in a
/// scratch folder; nothing of the user's is read or written.
///
/// Starts in the constructor and is accepting connections when it returns; throws std::runtime_error, with
/// sshd's log in the text, when it cannot. Everything that sshd has started ends with this object. One thread
/// at a time.
class real_sshd {
public:
  explicit real_sshd(real_sshd_settings settings = {});
  ~real_sshd();
  real_sshd(const real_sshd&) = delete;
  real_sshd& operator=(const real_sshd&) = delete;

  // How to reach it.
  std::string host() const; ///< `address`, "127.0.0.1", or "::1" when it listens on IPv6 only
  std::uint16_t port() const { return port_; }
  const std::string& user() const { return user_; }
  const std::string& folder() const { return folder_.path(); }

  /// Private key files that authorized_keys lists. The second has the passphrase below; it is made when first
  /// asked for.
  std::string client_key() const { return folder_ / "client_ed25519"; }
  std::string locked_client_key();
  static constexpr const char* passphrase = "correct horse";
  /// Makes one more key and authorises it; type is ed25519, ecdsa or rsa. Returns the private key file.
  std::string add_client_key(const std::string& name, const std::string& type = "ed25519",
                             const std::string& key_passphrase = "");
  /// Makes a key that sshd does not know.
  std::string unauthorised_client_key();

  /// A known_hosts file that lists every host key as [host]:port.
  std::string known_hosts() const { return folder_ / "known_hosts"; }
  /// "ssh-ed25519 AAAA…", without comment.
  std::string host_key(const std::string& type = "ed25519") const;
  /// "SHA256:…", as ssh-keygen -l prints it.
  std::string host_key_fingerprint(const std::string& type = "ed25519") const;

  /// An OpenSSH client's command line up to and including the destination:
  /// batch mode, our key, our known_hosts, no config file. Append the command.
  std::vector<std::string> ssh_command(const std::vector<std::string>& options = {}) const;

  // Faults.
  void freeze() { process_->freeze(); } ///< SIGSTOP to the listener and all its descendants
  void thaw() { process_->thaw(); }
  void freeze_connections(); ///< those that there are: the listener takes others
  void kill_connections() { process_->kill_all_but_main(); } ///< the listener lives on
  void stop();    ///< listener and connections; the port then refuses
  void start();   ///< on the same port as before
  void restart(); ///< stop and start
  /// New host keys and a restart; known_hosts keeps naming the old ones.
  void change_host_keys();
  /// The same as an administrator does it, by SIGHUP: what is connected stays.
  void change_host_keys_by_signal();
  /// Rewrites known_hosts from the host keys in force.
  void write_known_hosts() const;
  /// The same of one address alone.
  void write_known_hosts_of(const std::string& address) const;
  /// Replaces `settings().config` and restarts.
  void reconfigure(std::vector<std::string> config);

  // What it saw.
  int connections() const; ///< connections it is serving now (one child each)
  int logins() const;      ///< "Accepted METHOD for …" lines since the start of the fixture
  int connects() const;    ///< "Connection from …" lines since the start of the fixture
  std::string log() const; ///< sshd's whole log (LogLevel VERBOSE)
  int log_count(const std::string& text) const; ///< how often the text occurs in the log
  /// Waits until the text occurs at least `count` times; false when the time is up.
  bool wait_for_log(const std::string& text, int count, std::chrono::milliseconds patience) const;
  /// Waits until it serves exactly `count` connections; false when the time is up.
  bool wait_for_connections(int count, std::chrono::milliseconds patience) const;

  process_tree& processes() { return *process_; }
  const real_sshd_settings& settings() const { return settings_; }

private:
  void make_host_keys();
  void write_config() const;
  bool launch(std::chrono::milliseconds patience);

  real_sshd_settings settings_;
  scratch_folder folder_;
  std::string user_;
  std::uint16_t port_ = 0;
  int keys_made_ = 0;
  std::optional<ordinary_account> account_; // before the process: its sessions end first
  std::optional<process_tree> process_;
};

} // namespace moorage::support
