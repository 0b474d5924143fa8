// The user's SSH agent without a blocking call: our own client on its socket (draft-miller-ssh-agent), and
// the way to make libssh, whose own agent client blocks without limit, use the agent's signatures.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/pool/protocol.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// The numbers of the agent's messages (draft-miller-ssh-agent, 5.1).
namespace agent_message {
constexpr std::uint8_t failure = 5;
constexpr std::uint8_t request_identities = 11;
constexpr std::uint8_t identities_answer = 12;
constexpr std::uint8_t sign_request = 13;
constexpr std::uint8_t sign_response = 14;
} // namespace agent_message

/// How long an agent may take to accept a connection or to list its keys, which it does without asking
/// anybody, before we go on with what else there is. A signature may need a touch or a passphrase: see
/// `agent_timeout` of the settings.
constexpr std::chrono::milliseconds agent_patience{5'000};

/// A socket connected to the agent, non-blocking; or why there is none, to be said of the agent: "cannot be
/// reached: …".
struct agent_connection {
  unique_fd socket;
  std::string problem;
  bool absent = false; ///< nobody listens there
  /// This process or machine is short of something now, and the agent may well be there.
  bool passing = false;
};

/// Blocks for `patience` at most (a path on a dead file server aside): run it on a thread for blocking calls.
agent_connection connect_agent(const std::string& path, std::chrono::milliseconds patience = agent_patience);

/// A key that the agent holds.
struct agent_key {
  std::string blob; ///< SSH wire form
  std::string comment;
};

/// What an agent holds; or why that is not known.
struct agent_listing {
  std::vector<agent_key> keys;
  std::string problem;
  bool absent = false; ///< nobody listens there
};

/// A text that another set of keys has not, behind a newline; of an agent that is not there, too. In which
/// order they are listed is no matter, nor is until when a certificate lasts, but whether it is valid now.
/// Compared with others of this process.
std::string agent_state(const std::vector<agent_key>& keys);
constexpr const char* no_agent_state = "\nnone";

/// OpenSSH's lists nothing while it is locked, others refuse to.
constexpr const char* agent_listed_nothing = "did not list its keys; if it is locked, ssh-add -X unlocks it";
constexpr const char* agent_holds_nothing = " holds no key, or is locked: ssh-add -X unlocks it";

/// Blocks for `patience` at most, and for as long to connect: run it on a thread for blocking calls.
agent_listing list_agent(const std::string& path, std::chrono::milliseconds patience = agent_patience);

/// One conversation with an agent: one request at a time, each with its deadline. Never blocks. After a
/// failure there is nothing more to be had from it; its socket stays open until it goes, since somebody may
/// still be watching the number.
class agent_client {
public:
  explicit agent_client(unique_fd socket) : socket_(std::move(socket)) {}

  enum class state { idle, waiting, answered, failed };

  void request_keys(time_point deadline);
  /// `request` is a whole SSH2_AGENTC_SIGN_REQUEST without its length, as libssh wrote it.
  void request_raw(std::string request, time_point deadline);
  /// Sends and receives what can be at once.
  state pump(time_point now);
  /// The answer to `request_raw`, without its length.
  const std::string& answer() const { return answer_; }
  /// The answer to `request_keys`; false: the agent sent nonsense or refused.
  bool keys(std::vector<agent_key>& result) const;
  /// To be said of the agent: "did not answer in time".
  const std::string& problem() const { return problem_; }

  int fd() const { return socket_.get(); }
  bool wants_write() const { return state_ == state::waiting && sent_ < outgoing_.size(); }
  time_point deadline() const { return state_ == state::waiting ? deadline_ : time_point::max(); }

private:
  state fail(std::string why);
  void begin(std::string body, time_point deadline);

  unique_fd socket_;
  state state_ = state::idle;
  std::string outgoing_;
  std::size_t sent_ = 0;
  std::string incoming_;
  std::string answer_;
  std::string problem_;
  time_point deadline_ = time_point::max();
};

} // namespace moorage
