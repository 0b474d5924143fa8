// The agent as one log-in sees it: its socket arrives, it lists its keys, it signs; each in its turn and with
// a deadline, and after the first disappointment it is left alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/ssh/login/agent.hpp"
#include "runtime/ssh/login/agent_queue.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage {

/// A place among those who ask the agent.
using agent_line = std::function<agent_queue::place()>;

/// A person who has something to do before a log-in can go on.
struct person_wait {
  std::string for_what; ///< "a touch (…)"; empty while it has not lasted long enough to be told
  /// It is given up then, and no other time runs meanwhile; `time_point::min()`: nobody is waited for, or
  /// with no time of its own.
  time_point until = time_point::min();
};

class agent_talk {
public:
  /// What lasts for less needs nobody to know: an agent that asks nobody signs within milliseconds.
  static constexpr std::chrono::milliseconds told_after{250};

  /// `timeout`: of one answer, and of the wait for one's turn; 0: what the log-in has left for these,
  /// `agent_patience` for all else. `line`: none, and nobody else asks. `socket`: what people are told that
  /// the agent is; empty: none in particular.
  agent_talk(bool wanted, blocking_answer<agent_connection> connect, std::chrono::milliseconds timeout,
             agent_line line = {}, const std::string& socket = {});
  ~agent_talk() { leave(); }
  agent_talk(const agent_talk&) = delete;
  agent_talk& operator=(const agent_talk&) = delete;

  enum class state {
    waiting, ///< for the socket, the list or a signature
    ready,   ///< the keys are there; when a signature was asked for, so is the answer
    none     ///< no agent, or given up: see `problem`
  };
  state pump(time_point now);

  const std::vector<agent_key>& keys() const { return keys_; }
  /// It has said which keys it holds.
  bool listed() const { return listed_; }
  /// `agent_state` of what it has listed, or of its not being there, be it for want of something of ours;
  /// `latch_watch::agent_untold`: it has not told. Empty: it is not asked.
  const std::string& told_state() const { return told_state_; }
  void ask_signature(std::string request, time_point now);
  const std::string& signature_answer() const { return client_->answer(); }

  /// It was given up before its turn came: nothing was asked.
  bool turn_missed() const { return turn_missed_; }
  /// It could not be asked, for a reason of ours that may be over the next time.
  bool passing() const { return passing_; }
  /// For its turn, nothing having been asked.
  bool queues() const { return state_ == state::waiting && (queues_ || behind_); }
  /// No more is wanted of it: the next may ask.
  void leave();

  /// To be watched; open until this object goes.
  int fd() const { return waiting_on_client() ? client_->fd() : -1; }
  bool wants_write() const { return waiting_on_client() && client_->wants_write(); }
  bool waiting() const { return state_ == state::waiting; }
  /// `time_point::max()`: none but the log-in's own.
  time_point deadline() const { return state_ == state::waiting ? deadline_ : time_point::max(); }
  /// When a wait for a person has lasted long enough to be told.
  time_point told_at() const { return asks_somebody() ? told_at_ : time_point::max(); }
  /// `key`: what it is asked to sign with. `touch`: that asks for one.
  person_wait person(time_point now, const std::string& key, bool touch) const;
  /// "the agent at /run/agent"
  const std::string& name() const { return name_; }
  /// In words; empty when there simply is no agent.
  std::string problem() const { return problem_.empty() ? std::string{} : name_ + " " + problem_; }
  /// The same, to be said of the agent: "did not answer in time".
  const std::string& fault() const { return problem_; }
  std::string waiting_for() const;

private:
  bool waiting_on_client() const { return state_ == state::waiting && client_.has_value() && !queues_; }
  bool asks_somebody() const { return state_ == state::waiting && (queues_ || behind_ || asked_to_sign_); }
  state give_up(std::string why);
  void falls_short();
  void line_up(std::string request, time_point now);
  bool ask(time_point now);

  state state_;
  blocking_answer<agent_connection> connect_;
  std::optional<agent_client> client_;
  std::vector<agent_key> keys_;
  bool listed_ = false;
  std::string told_state_;
  std::string name_;
  std::string problem_; ///< see `fault`
  std::chrono::milliseconds timeout_;
  agent_line line_;
  agent_queue::place place_;
  std::string request_; ///< for a signature; empty: for the list
  bool queues_ = false; ///< for its turn to ask
  bool behind_ = false; ///< the list is asked for, and the agent still asks what another gave up
  bool asked_to_sign_ = false;
  bool turn_missed_ = false;
  bool passing_ = false;
  time_point told_at_ = time_point::max();
  bool begun_ = false; ///< pumped once
  time_point deadline_ = time_point::max();
};

} // namespace moorage
