#pragma once

#include "tests/support/process_tree.hpp"
#include "tests/support/real_sshd.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace moorage::support {

inline std::chrono::steady_clock::time_point now() {
  return std::chrono::steady_clock::now();
}

/// OpenSSH's ssh-agent on a socket of its own, holding the given private keys (without passphrase). Ready
/// when the constructor returns.
class ssh_agent {
public:
  explicit ssh_agent(const std::vector<std::string>& key_files = {},
                     const std::vector<std::string>& environment = {});
  void add(const std::string& key_file, const std::vector<std::string>& options = {});
  std::string socket() const { return folder_ / "agent"; } ///< for SSH_AUTH_SOCK
  void freeze() { process_.freeze(); }
  void thaw() { process_.thaw(); }

private:
  scratch_folder folder_;
  process_tree process_;
};

/// OpenSSH's ssh-agent with keys that ask before each use (ssh-add -c), and the one who is asked: the
/// question stands until it is answered, and nobody else has a word from the agent meanwhile.
class confirming_agent {
public:
  explicit confirming_agent(const std::vector<std::string>& key_files,
                            const std::vector<std::string>& options = {});
  std::string socket() const { return agent_.socket(); }
  std::size_t asked() const; ///< questions so far
  void answer(bool yes);     ///< the one that stands

private:
  static std::vector<std::string> environment(const scratch_folder& folder);
  scratch_folder folder_; // before the agent, which asks by a program in it
  ssh_agent agent_;
};

/// Writes to whoever reads there, once somebody does; throws std::runtime_error when nobody comes.
void tell_by_fifo(const std::string& fifo, const std::string& text);

/// A stand-in for a security key that needs no touch (openssh-tests' sk-dummy.so); empty: it is not here.
std::string security_key_provider();

/// A real agent's socket with somebody in between whom signatures depend on, as they do on a user's touch.
class asking_agent {
public:
  enum class manner {
    keeps,    ///< each request for a signature waits for `let_sign`
    refuses,  ///< the user says no
    hangs_up, ///< the agent dies of it
  };
  asking_agent(const ssh_agent& real, manner how);
  ~asking_agent();
  asking_agent(const asking_agent&) = delete;
  asking_agent& operator=(const asking_agent&) = delete;
  std::string socket() const { return folder_ / "agent"; }
  int asked() const; ///< signatures asked for so far
  void let_sign();   ///< those that wait, and all from now on

private:
  struct shared;
  void relay(int client);

  scratch_folder folder_;
  std::string real_;
  int listener_ = -1;
  std::unique_ptr<shared> shared_;
  std::thread thread_; ///< takes connections, with a thread for each
};

/// A Unix socket where an agent should be, and nobody answers.
class hung_agent {
public:
  enum class manner {
    never_accepts, ///< connects wait in the backlog, or block once it is full
    accepts,       ///< takes connections and requests, answers nothing
    hangs_up,      ///< takes connections and closes them at once
  };
  explicit hung_agent(manner how = manner::accepts);
  ~hung_agent();
  hung_agent(const hung_agent&) = delete;
  hung_agent& operator=(const hung_agent&) = delete;
  std::string socket() const { return folder_ / "agent"; }
  int accepted() const; ///< connections taken so far

private:
  struct shared;
  scratch_folder folder_;
  int listener_ = -1;
  int wake_ = -1;
  std::unique_ptr<shared> shared_;
  std::thread thread_;
};

} // namespace moorage::support
