#include "runtime/node/keeper.hpp"

#include "messages/type_ids.hpp"

#include <utility>

namespace moorage {

node_keeper::node_keeper(published_node first, publisher again, teller tell)
    : path_(first.path()), node_(std::move(first)), again_(std::move(again)), tell_(std::move(tell)),
      thread_([this] { watch(); }) {}

node_keeper::~node_keeper() {
  close();
}

void node_keeper::close() {
  {
    std::lock_guard guard{mutex_};
    closing_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable())
    thread_.join();
  node_.close();
}

/// False: it is time to end.
bool node_keeper::wait(std::chrono::milliseconds span) {
  std::unique_lock guard{mutex_};
  return !changed_.wait_for(guard, span, [this] { return closing_; });
}

void node_keeper::watch() {
  while (wait(node_file_look))
    if (!node_.in_place() && !restore())
      return;
}

/// Listens again where the file was. False: that is not to be.
bool node_keeper::restore() {
  auto deadline = std::chrono::steady_clock::now() + node_file_patience;
  for (;;) {
    auto made = again_(path_);
    if (made) {
      node_ = std::move(*made);
      tell_({errc::none, "the socket's file " + path_ + " was gone: listening on a new one"}, true);
      return true;
    }
    auto reason = to_failure(made.error());
    // Where another node listens now, nobody will come to this one any more.
    auto over = reason.code == errc::node_running || std::chrono::steady_clock::now() >= deadline;
    if (over)
      tell_({reason.code,
             "the socket's file " + path_ + " is gone, and it cannot be made anew: " + reason.text},
            false);
    if (over || !wait(node_file_look))
      return false;
  }
}

} // namespace moorage
