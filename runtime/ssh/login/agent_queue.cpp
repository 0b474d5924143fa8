#include "runtime/ssh/login/agent_queue.hpp"

#include <algorithm>
#include <utility>

namespace moorage {

agent_queue& agent_queue::of_this_process() {
  static auto& one = *new agent_queue; // openings may end after the process's exit has begun
  return one;
}

agent_queue::agent_queue() : books_(std::make_shared<books>()) {}

agent_queue::place agent_queue::join(const std::string& socket, std::function<void()> wake) {
  place result;
  result.books_ = books_;
  result.socket_ = socket;
  std::lock_guard guard{books_->mutex};
  result.number_ = ++books_->numbers;
  books_->queues[socket].push_back({result.number_, std::move(wake)});
  return result;
}

agent_queue::place::place(place&& other) noexcept
    : books_(std::move(other.books_)), socket_(std::move(other.socket_)), number_(other.number_) {}

agent_queue::place& agent_queue::place::operator=(place&& other) noexcept {
  std::swap(books_, other.books_);
  std::swap(socket_, other.socket_);
  std::swap(number_, other.number_);
  return *this;
}

bool agent_queue::place::may_ask() const {
  if (!books_)
    return false;
  std::lock_guard guard{books_->mutex};
  return books_->queues.at(socket_).front().number == number_;
}

void agent_queue::place::went_unanswered() {
  if (!books_)
    return;
  std::lock_guard guard{books_->mutex};
  books_->held_up.insert(socket_);
}

void agent_queue::place::was_answered() {
  if (!books_)
    return;
  std::lock_guard guard{books_->mutex};
  books_->held_up.erase(socket_);
}

bool agent_queue::place::agent_is_held_up() const {
  if (!books_)
    return false;
  std::lock_guard guard{books_->mutex};
  return books_->held_up.contains(socket_);
}

void agent_queue::place::leave() {
  auto books = std::exchange(books_, nullptr);
  if (!books)
    return;
  std::function<void()> next;
  {
    std::lock_guard guard{books->mutex};
    auto queue = books->queues.find(socket_);
    auto& those = queue->second;
    auto own =
        std::find_if(those.begin(), those.end(), [&](const waiting& x) { return x.number == number_; });
    const bool asked = own == those.begin();
    those.erase(own);
    if (those.empty())
      books->queues.erase(queue);
    else if (asked)
      next = those.front().wake;
  }
  if (next)
    next();
}

} // namespace moorage
