#include "tests/support/fake_channel.hpp"
#include "tests/support/fake_connection.hpp"

#include <algorithm>
#include <cstring>

namespace moorage::support {

void fake_connection::on_message(ssh_message message) {
  switch (ssh_message_type(message)) {
  case SSH_REQUEST_AUTH:
    return on_auth(message);
  case SSH_REQUEST_CHANNEL_OPEN:
    return on_channel_open(message);
  case SSH_REQUEST_CHANNEL:
    return on_channel_request(message);
  case SSH_REQUEST_SERVICE:
    ssh_message_service_reply_success(message);
    break;
  default:
    ssh_message_reply_default(message);
  }
  ssh_message_free(message);
}

void fake_connection::later(std::chrono::milliseconds delay, ssh_message message,
                            void (fake_connection::*then)(ssh_message)) {
  if (delay.count() <= 0) {
    (this->*then)(message);
    return ssh_message_free(message);
  }
  held_.push_back(message);
  after(delay, [this, message, then] {
    held_.erase(std::find(held_.begin(), held_.end(), message));
    (this->*then)(message);
    ssh_message_free(message);
  });
}

void fake_connection::on_channel_open(ssh_message message) {
  server_.count([](fake_counters& c) { ++c.channel_requests; });
  if (strike(phase::channel_open) || faults().channel_open == reply::never)
    return ssh_message_free(message);
  later(faults().channel_open_delay, message, &fake_connection::accept_channel);
}

void fake_connection::accept_channel(ssh_message message) {
  const auto& f = faults();
  const bool welcome = ssh_message_subtype(message) == SSH_CHANNEL_SESSION &&
                       f.channel_open == reply::normal && static_cast<int>(channels_.size()) < f.sessions_max;
  if (!welcome) {
    server_.count([](fake_counters& c) { ++c.channels_refused; });
    ssh_message_reply_default(message);
    return;
  }
  // Counted before it is answered, so that a client that has its answer finds it in the books.
  server_.count([](fake_counters& c) {
    ++c.channels_opened;
    c.channels_open_max = std::max(c.channels_open_max, ++c.channels_open);
  });
  ssh_channel channel = ssh_message_channel_request_open_reply_accept(message);
  if (channel)
    channels_.push_back(std::make_unique<fake_channel>(*this, channel, ++last_serial_));
  else
    server_.count([](fake_counters& c) { --c.channels_opened, --c.channels_open; });
}

fake_channel* fake_connection::channel_of(ssh_message message) {
  ssh_channel wanted = ssh_message_channel_request_channel(message);
  for (auto& channel : channels_)
    if (channel->raw() == wanted)
      return channel.get();
  return nullptr; // closed while its request was delayed
}

void fake_connection::on_channel_request(ssh_message message) {
  fake_channel* channel = channel_of(message);
  if (!channel) // there is nothing left to answer on
    return ssh_message_free(message);
  switch (ssh_message_subtype(message)) {
  case SSH_CHANNEL_REQUEST_EXEC:
    return on_exec(message);
  case SSH_CHANNEL_REQUEST_ENV:
    server_.count([](fake_counters& c) { ++c.env_requests; });
    if (!faults().env_answered)
      break;
    if (faults().env_accepted) {
      channel->set_env(ssh_message_channel_request_env_name(message),
                       ssh_message_channel_request_env_value(message));
      ssh_message_channel_request_reply_success(message);
    } else {
      ssh_message_reply_default(message);
    }
    break;
  case SSH_CHANNEL_REQUEST_PTY:
  case SSH_CHANNEL_REQUEST_WINDOW_CHANGE:
    ssh_message_channel_request_reply_success(message);
    break;
  default:
    ssh_message_reply_default(message);
  }
  ssh_message_free(message);
}

void fake_connection::on_exec(ssh_message message) {
  server_.note_command(ssh_message_channel_request_command(message));
  server_.count([](fake_counters& c) { ++c.execs; });
  if (strike(phase::exec_request) || faults().exec == reply::never)
    return ssh_message_free(message);
  later(faults().exec_delay, message, &fake_connection::start_command);
}

void fake_connection::start_command(ssh_message message) {
  fake_channel* channel = channel_of(message);
  if (!channel) // there is nothing left to answer on
    return;
  if (faults().exec == reply::refuse) {
    ssh_message_reply_default(message);
    return;
  }
  ssh_message_channel_request_reply_success(message);
  channel->run(ssh_message_channel_request_command(message));
}

void fake_connection::after_for(std::chrono::milliseconds delay, std::uint64_t serial,
                                std::function<void(fake_channel&)> then) {
  after(delay, [this, serial, then = std::move(then)] {
    for (auto& channel : channels_)
      if (channel->serial() == serial)
        return then(*channel);
  });
}

bool fake_connection::progress_channels() {
  bool worked = false;
  for (std::size_t i = 0; i < channels_.size() && state_ == state::speaking; ++i)
    worked |= channels_[i]->progress();
  const auto before = channels_.size();
  if (state_ == state::speaking)
    channels_.erase(std::remove_if(channels_.begin(), channels_.end(), [](auto& c) { return c->closed(); }),
                    channels_.end());
  if (auto freed = static_cast<int>(before - channels_.size()))
    server_.count([&](fake_counters& c) { c.channels_open -= freed; });
  return worked;
}

} // namespace moorage::support
