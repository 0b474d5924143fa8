// Everything an opening needs that can only be had by blocking: addresses, key files, known_hosts, secrets,
// the agent's socket. Fetched all at the same time on threads of their own, and abandoned by the destructor.
// Files that have a certificate near its end are read again once `renew_command` was run.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "messages/connection_life.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"
#include "runtime/secrets.hpp"
#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/login/renewals.hpp"
#include "runtime/ssh/opening/host_key_memory.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage {

struct user_account;

/// Where to connect to.
struct endpoint {
  sockaddr_storage address{};
  socklen_t length = 0;
  std::string text;   ///< "127.0.0.1:22", "[::1]:22"
  std::string digits; ///< "127.0.0.1", "::1": the machine
};

struct resolution {
  std::vector<endpoint> endpoints; ///< in the order to try; without duplicates
  ssh_error error;                 ///< of the stage look_up; set when there are none
};

/// Blocks. Runs on a thread for blocking calls; must own all it touches, and be callable from several at
/// once.
using resolver = std::function<resolution(const std::string& host, std::uint16_t port)>;

/// getaddrinfo: TCP, families that this machine has an address of (AI_ADDRCONFIG).
resolver system_resolver();
/// The address itself, when the host is written as one ("::1", "192.0.2.7", "fe80::1%eth0"). Never blocks.
std::optional<endpoint> numeric_endpoint(const std::string& host, std::uint16_t port);

/// How this process sees itself. Tests write their own.
struct surroundings {
  std::string home;            ///< empty: $HOME, else the password database
  std::string user;            ///< empty: the user who runs this process, from the password database
  std::string agent_socket;    ///< empty: $SSH_AUTH_SOCK
  std::string shell;           ///< empty: $SHELL
  bool use_environment = true; ///< false: an empty value above stands for itself
};

/// With what the environment says. Called where a preparation begins: the host may change its environment,
/// not its threads' view of it.
surroundings filled_in(surroundings around);

/// Whose files `~` stands for: as they say, or else as the password database does. Blocks.
std::string home_folder(const surroundings& around);

/// Who logs in, from where; `account` is what the password database says, if it may be asked.
struct self_told {
  std::string user; ///< to log in as
  std::string home;
  ssh_error error; ///< of the stage prepare: not all that matters of it could be told
};
self_told who_we_are(const cluster_settings& settings, const surroundings& around,
                     const user_account& account);

/// The files of known host keys, whether they exist or not.
std::vector<std::string> known_hosts_files(const cluster_settings& settings, const std::string& home);

/// What the blocking calls brought. Moves only: it holds keys and the password.
struct prepared {
  std::string user;                  ///< to log in as
  std::string shell;                 ///< of that user of this machine, for commands; may be empty
  std::vector<endpoint> endpoints;   ///< empty only with a proxy command or a jump
  known_hosts known;                 ///< what the files say of this host and port
  credentials keys;                  ///< also the password, and the agent's socket as it becomes connected
  std::vector<opening_step> steps;   ///< prepare and look_up, with the time each took
  files_used files;                  ///< as they were when they were read
  std::vector<std::string> warnings; ///< for people
};

/// OpenSSL reads its configuration file when a process first uses it, and takes itself down at the process's
/// exit. Whoever makes transports calls this first, on a thread of its own, so that neither happens on a
/// worker or under a task that was abandoned. Later calls do nothing.
void let_openssl_begin();

/// One preparation. Owned and called by one transport; nothing in it blocks.
class preparation {
public:
  /// Starts everything. `wake` is called, on any thread, when `poll` has news. `secrets` may be null: no
  /// entries; so may `remembered`: no host key is remembered but by the files.
  preparation(const cluster_settings& settings, blocking_threads& threads, resolver resolve,
              std::shared_ptr<secret_store> secrets, std::function<void()> wake, surroundings around = {},
              std::shared_ptr<host_key_memory> remembered = nullptr);

  enum class state { waiting, ready, failed };
  /// Cheap. After `ready` call `take` once; after `failed` see `error`.
  state poll();
  prepared take();
  const ssh_error& error() const { return error_; }
  /// For people: what came of `renew_command`, if that is not good.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// What `renew_command` keeps waiting, and until when; given up then, by this call.
  person_wait renewing(time_point now);
  /// Once it has failed for want of something to log in with: which keys there are, and what is wrong with
  /// each.
  const std::vector<key_considered>& keys() const { return keys_; }
  /// Once they were read, until `take`.
  files_used files() const { return files_ ? files_->files : files_used{}; }

  /// The failure to report when the opening's deadline passes while this waits: says which call is stuck.
  ssh_error overdue() const;
  /// Which call is waited for.
  std::string awaited() const;
  /// Of which step that is.
  ssh_stage stage() const { return look_up_ ? ssh_stage::prepare : ssh_stage::look_up; }
  /// Those that are done; until `take`.
  std::vector<opening_step> steps() const;

private:
  struct read_files {
    std::string user;
    known_hosts known;
    credentials keys;
    files_used files;
    ssh_error error;
    bool renew = false; ///< a certificate is near its end
    time_point began;
    std::chrono::nanoseconds took{0};
  };
  struct looked_up {
    resolution found;
    std::chrono::nanoseconds took{0};
  };
  static read_files read(const cluster_settings& settings, secret_store* secrets, const surroundings& around,
                         host_key_memory* remembered, const abandonment& sign);

  void read_files_again();
  // preparation_renewal.cpp
  void accept_files();
  void look_at_agent();
  void go_on_looking();
  void renew();
  void renewed(const renewal& result);

  cluster_settings settings_;
  std::shared_ptr<secret_store> secrets_;
  std::shared_ptr<host_key_memory> remembered_;
  std::string cluster_;
  std::string host_;
  bool proxied_; ///< by a command or by a jump
  blocking_threads& threads_;
  std::function<void()> wake_;
  surroundings around_;
  blocking_answer<read_files> files_pending_;
  blocking_answer<looked_up> look_up_pending_;
  std::optional<read_files> files_;
  std::optional<looked_up> look_up_;
  enum class renewal_state { none, asked, over } renewal_ = renewal_state::none;
  blocking_answer<renewal> renewing_;
  time_point renewing_until_ = time_point::min();
  bool looks_ = false; ///< at the agent's certificates, or waits for its turn to
  agent_queue::place turn_;
  time_point looks_since_ = time_point::min();
  blocking_answer<agent_listing> listing_;
  std::vector<std::string> warnings_;
  std::vector<key_considered> keys_;
  ssh_error error_;
};

} // namespace moorage
