// The agent as one log-in sees it: its socket arrives, it lists its keys, it signs; each with a deadline, and
// after the first disappointment it is left alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/ssh/login/agent.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage {

class agent_talk {
public:
  /// `timeout`: of one answer; 0: what the log-in has left for a signature, `agent_patience` for all else.
  agent_talk(bool wanted, blocking_answer<agent_connection> connect, std::chrono::milliseconds timeout);

  enum class state {
    waiting, ///< for the socket, the list or a signature
    ready,   ///< the keys are there; when a signature was asked for, so is the answer
    none     ///< no agent, or given up: see `problem`
  };
  state pump(time_point now);

  const std::vector<agent_key>& keys() const { return keys_; }
  void ask_signature(std::string request, time_point now);
  const std::string& signature_answer() const { return client_->answer(); }

  /// To be watched; open until this object goes.
  int fd() const { return waiting_on_client() ? client_->fd() : -1; }
  bool wants_write() const { return waiting_on_client() && client_->wants_write(); }
  bool waiting() const { return state_ == state::waiting; }
  /// `time_point::max()`: none but the log-in's own.
  time_point deadline() const { return state_ == state::waiting ? deadline_ : time_point::max(); }
  /// In words; empty when there simply is no agent.
  const std::string& problem() const { return problem_; }
  std::string waiting_for() const;

private:
  bool waiting_on_client() const { return state_ == state::waiting && client_.has_value(); }
  state give_up(std::string why);

  state state_;
  blocking_answer<agent_connection> connect_;
  std::optional<agent_client> client_;
  std::vector<agent_key> keys_;
  bool listed_ = false;
  std::string problem_;
  std::chrono::milliseconds timeout_;
  bool begun_ = false; ///< pumped once
  time_point deadline_ = time_point::max();
};

} // namespace moorage
