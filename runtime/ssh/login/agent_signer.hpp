// Log-in with one of the agent's keys, in two passes. libssh's own agent client writes a request and then
// blocks until the answer is there; so the answer always is: we hold the other end of its agent socket. In
// the first pass it finds a list with just the chosen key, and a failure where the signature should be; its
// sign request is then put to the real agent, without blocking; in the second pass it finds the same list and
// the real signature. The bytes to be signed are the same in both, as they hold nothing random. Rests on the
// internals of libssh 0.10; pinned by a test.
// Each pass but a session's first leaks libssh's copy of the list, some hundred bytes (its agent client
// forgets to free the one before).
#pragma once

#include <libssh/libssh.h>

#include <string>

#include "runtime/ssh/login/agent.hpp"

namespace moorage {

/// The socket pair between libssh and us; one serves any number of keys, one after another.
class agent_signer {
public:
  /// `session` outlives this object.
  agent_signer(ssh_session session, std::string user);
  /// Takes its socket back from the session.
  ~agent_signer();
  agent_signer(const agent_signer&) = delete;
  agent_signer& operator=(const agent_signer&) = delete;

  /// False: no socket pair could be made; `errno` says why.
  bool usable() const { return static_cast<bool>(ours_); }

  /// `key.blob` is shown to the server. `held`: how the agent names the key that signs, which is another blob
  /// when a certificate is shown that the agent does not hold.
  void begin(agent_key key, std::string held);

  enum class state {
    waiting,          ///< for the session's socket; `step` again then
    signature_wanted, ///< put `request` to the agent, then call `answer`
    decided           ///< see `result`
  };
  state step();
  const std::string& request() const { return request_; }
  /// The agent's answer to the request, without its length.
  void answer(std::string response) { response_ = std::move(response); }
  /// One of SSH_AUTH_SUCCESS, PARTIAL, DENIED, ERROR.
  int result() const { return result_; }
  /// The agent refused to sign: nothing is wrong with the link, and the server denied nothing.
  static bool refuses(const std::string& response);

private:
  bool put_answers(const std::string& signature);
  bool find_request();
  void drain();

  ssh_session session_;
  std::string user_;
  unique_fd ours_;
  unique_fd theirs_; ///< libssh uses it, and does not own it
  agent_key key_;
  std::string held_;
  std::string request_;
  std::string response_;
  int result_ = SSH_AUTH_ERROR;
  bool answers_put_ = false;
};

} // namespace moorage
