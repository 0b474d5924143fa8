#include "runtime/ssh/login/agent_talk.hpp"

#include <algorithm>
#include <utility>

#include "actors/pool/policies/latch_watch.hpp"
#include "messages/printable.hpp"

namespace moorage {

agent_talk::agent_talk(bool wanted, blocking_answer<agent_connection> connect,
                       std::chrono::milliseconds timeout, agent_line line, const std::string& socket)
    : state_(wanted && connect.asked() ? state::waiting : state::none), connect_(std::move(connect)),
      name_("the agent" + (socket.empty() ? "" : " at " + printable(socket))), timeout_(timeout),
      line_(std::move(line)) {
  if (state_ == state::waiting)
    told_state_ = latch_watch::agent_untold;
}

/// A look that finds it later is to see something else than this log-in did.
void agent_talk::falls_short() {
  passing_ = true;
  told_state_ = no_agent_state;
}

agent_talk::state agent_talk::give_up(std::string why) {
  problem_ = std::move(why);
  keys_.clear();
  leave();
  return state_ = state::none;
}

/// The agent goes on asking its user, whoever has given up.
void agent_talk::leave() {
  if (state_ == state::waiting && asked_to_sign_ && !queues_)
    place_.went_unanswered();
  place_ = {};
}

void agent_talk::line_up(std::string request, time_point now) {
  request_ = std::move(request);
  place_ = line_ ? line_() : agent_queue::place{};
  queues_ = true;
  told_at_ = now + told_after;
  deadline_ = timeout_.count() > 0 ? now + timeout_ : time_point::max();
}

/// True: its turn has come, and it is asked now.
bool agent_talk::ask(time_point now) {
  if (place_.taken() && !place_.may_ask())
    return false;
  queues_ = false;
  asked_to_sign_ = !request_.empty();
  told_at_ = now + told_after;
  if (asked_to_sign_) {
    deadline_ = timeout_.count() > 0 ? now + timeout_ : time_point::max();
    client_->request_raw(std::move(request_), deadline_);
    return true;
  }
  behind_ = place_.agent_is_held_up();
  if (!behind_) // else it waits for the same person still, for as long as it would have for its turn
    deadline_ = now + (timeout_.count() > 0 ? std::min(timeout_, agent_patience) : agent_patience);
  client_->request_keys(deadline_);
  return true;
}

agent_talk::state agent_talk::pump(time_point now) {
  if (state_ != state::waiting)
    return state_;
  if (!begun_) {
    begun_ = true;
    deadline_ = now + (timeout_.count() > 0 ? std::min(timeout_, agent_patience) : agent_patience);
  }
  if (!client_) {
    if (auto why = connect_.refusal()) {
      if (!why.stuck)
        falls_short();
      return give_up("cannot be reached: " + why.text);
    }
    auto connection = connect_.take();
    if (!connection)
      return now < deadline_ ? state_ : give_up("did not take a connection in time");
    if (!connection->socket) {
      if (connection->absent)
        told_state_ = no_agent_state;
      if (connection->passing)
        falls_short();
      return give_up(connection->problem);
    }
    client_.emplace(std::move(connection->socket));
    line_up({}, now);
  }
  if (queues_ && !ask(now)) {
    if (now < deadline_)
      return state_;
    turn_missed_ = true;
    return give_up("was not asked: the questions of others took too long");
  }
  switch (client_->pump(now)) {
  case agent_client::state::answered:
    break;
  case agent_client::state::failed:
    if (behind_ && now >= deadline_) {
      turn_missed_ = true;
      return give_up("did not answer: it still asks for another log-in, which has given up, or hangs");
    }
    if (now < deadline_)
      asked_to_sign_ = false; // it has ended that itself
    return give_up(client_->problem() + (asked_to_sign_ ? " (agent_timeout)" : ""));
  default:
    return state_;
  }
  place_.was_answered();
  behind_ = asked_to_sign_ = false;
  leave();
  if (!listed_ && !client_->keys(keys_))
    return give_up(agent_listed_nothing);
  if (!listed_)
    told_state_ = agent_state(keys_);
  listed_ = true;
  return state_ = state::ready;
}

void agent_talk::ask_signature(std::string request, time_point now) {
  line_up(std::move(request), now);
  state_ = state::waiting;
}

person_wait agent_talk::person(time_point now, const std::string& key, bool touch) const {
  person_wait result;
  if (!asks_somebody())
    return result;
  if (timeout_.count() > 0)
    result.until = deadline_;
  if (now < told_at_)
    return result;
  result.for_what = queues_ || behind_ ? "the agent, which asks for another log-in"
                                       : (touch ? "a touch (" : "the agent (") + key + ")";
  return result;
}

std::string agent_talk::waiting_for() const {
  if (!client_)
    return name_ + " to take a connection";
  if (queues_ || behind_)
    return "its turn to ask " + name_;
  return (listed_ ? "a signature from " : "the list of keys of ") + name_;
}

} // namespace moorage
