#include "runtime/ssh/login/agent_talk.hpp"

#include <algorithm>
#include <utility>

namespace moorage {

agent_talk::agent_talk(bool wanted, blocking_answer<agent_connection> connect,
                       std::chrono::milliseconds timeout)
    : state_(wanted && connect.asked() ? state::waiting : state::none), connect_(std::move(connect)),
      timeout_(timeout) {}

agent_talk::state agent_talk::give_up(std::string why) {
  problem_ = std::move(why);
  keys_.clear();
  return state_ = state::none;
}

agent_talk::state agent_talk::pump(time_point now) {
  if (state_ != state::waiting)
    return state_;
  if (!begun_) {
    begun_ = true;
    deadline_ = now + (timeout_.count() > 0 ? std::min(timeout_, agent_patience) : agent_patience);
  }
  if (!client_) {
    if (auto why = connect_.refusal())
      return give_up("the agent cannot be reached: " + why.text);
    auto connection = connect_.take();
    if (!connection)
      return now < deadline_ ? state_ : give_up("the agent did not take a connection in time");
    if (!connection->socket)
      return give_up(connection->problem);
    client_.emplace(std::move(connection->socket));
    client_->request_keys(deadline_);
  }
  switch (client_->pump(now)) {
  case agent_client::state::answered:
    break;
  case agent_client::state::failed:
    return give_up(client_->problem());
  default:
    return state_;
  }
  if (!listed_ && !client_->keys(keys_))
    return give_up("the agent did not list its keys (is it locked?)");
  listed_ = true;
  return state_ = state::ready;
}

void agent_talk::ask_signature(std::string request, time_point now) {
  deadline_ = timeout_.count() > 0 ? now + timeout_ : time_point::max();
  client_->request_raw(std::move(request), deadline_);
  state_ = state::waiting;
}

std::string agent_talk::waiting_for() const {
  if (!client_)
    return "the agent to take a connection";
  return listed_ ? "a signature from the agent" : "the agent's list of keys";
}

} // namespace moorage
