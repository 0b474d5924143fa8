#include "runtime/client/stream_pipe.hpp"

#include <algorithm>

#include "runtime/client/client.hpp"

namespace moorage {

void stream_pipe::push(output_kind kind, std::string bytes) {
  {
    std::lock_guard guard{mutex_};
    output_.push_back({kind, std::move(bytes)});
  }
  changed_.notify_all();
}

void stream_pipe::add_room(std::uint64_t bytes) {
  {
    std::lock_guard guard{mutex_};
    room_ += bytes;
  }
  changed_.notify_all();
}

void stream_pipe::finish(outcome ended) {
  std::shared_ptr<void> place; // given back after the lock is
  {
    std::lock_guard guard{mutex_};
    place = std::move(place_); // also when its reader left before the end
    if (over_)
      return;
    over_ = true;
    ended_ = std::move(ended);
  }
  changed_.notify_all();
}

bool stream_pipe::read(stream::chunk& into) {
  std::uint64_t grant = 0;
  {
    std::unique_lock guard{mutex_};
    while (output_.empty() && !over_) {
      if (std::chrono::steady_clock::now() >= leave_at_) {
        over_ = true;
        ended_ = {outcome_kind::maybe_ran,
                  0,
                  {},
                  {errc::cancelled, "the command was told to end, and may still run"}};
        changed_.notify_all();
      } else if (leave_at_ == std::chrono::steady_clock::time_point::max()) {
        changed_.wait(guard);
      } else {
        changed_.wait_until(guard, leave_at_);
      }
    }
    if (output_.empty())
      return false;
    into = std::move(output_.front());
    output_.pop_front();
    taken_ += into.bytes.size();
    // In quarters of the window: often enough that the other side never runs dry, seldom enough to cost
    // little.
    if (taken_ >= window_ / 4 && !over_)
      std::swap(grant, taken_);
  }
  if (grant > 0)
    gate_->post([call = call_, grant](client_state& client) { client.grant_credit(call, grant); });
  return true;
}

bool stream_pipe::write(std::string_view bytes) {
  while (!bytes.empty()) {
    std::uint64_t share = 0;
    {
      std::unique_lock guard{mutex_};
      changed_.wait(guard, [this] { return room_ > 0 || over_ || input_ended_; });
      if (over_ || input_ended_)
        return false;
      share = std::min<std::uint64_t>(room_, bytes.size());
      room_ -= share;
    }
    gate_->post([call = call_, part = std::string{bytes.substr(0, share)}](client_state& client) mutable {
      client.send_input(call, std::move(part));
    });
    bytes.remove_prefix(share);
  }
  std::lock_guard guard{mutex_};
  return !over_ && !input_ended_;
}

void stream_pipe::end_input() {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(input_ended_, true) || over_)
      return;
  }
  changed_.notify_all();
  gate_->post([call = call_](client_state& client) { client.end_input(call); });
}

void stream_pipe::cancel() {
  {
    std::lock_guard guard{mutex_};
    if (over_)
      return;
  }
  gate_->post([call = call_](client_state& client) { client.cancel_stream_of(call); });
}

void stream_pipe::cancel(std::chrono::milliseconds at_most) {
  cancel();
  {
    std::lock_guard guard{mutex_};
    leave_at_ = std::min(leave_at_, std::chrono::steady_clock::now() + at_most);
  }
  changed_.notify_all();
}

outcome stream_pipe::wait() {
  stream::chunk ignored;
  while (read(ignored)) {
  }
  std::lock_guard guard{mutex_};
  return ended_;
}

} // namespace moorage
