#include "runtime/node/keeper.hpp"

#include "messages/durations.hpp"
#include "messages/type_ids.hpp"
#include "runtime/node/unix_socket.hpp"

#include <filesystem>
#include <system_error>
#include <utility>

namespace moorage {

void link_count::began() {
  std::lock_guard guard{mutex_};
  ++links_;
}

void link_count::ended() {
  std::lock_guard guard{mutex_};
  if (--links_ == 0)
    none_since_ = std::chrono::steady_clock::now();
}

std::chrono::milliseconds link_count::none_for() const {
  std::lock_guard guard{mutex_};
  if (links_ > 0)
    return std::chrono::milliseconds{0};
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               none_since_);
}

node_keeper::node_keeper(published_node first, publisher again, teller tell, node_idleness idleness)
    : path_(first.path()), given_(first.given()), node_(std::move(first)), again_(std::move(again)),
      tell_(std::move(tell)), idleness_(std::move(idleness)), thread_([this] { watch(); }) {}

node_keeper::~node_keeper() {
  close();
}

failure node_keeper::admit_others(bool others) {
  return given_ ? failure{} : moorage::admit_others(path_, others);
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
  while (wait(node_file_look)) {
    if (is_idle() ? leave() : !node_.in_place() && !restore())
      return;
  }
}

bool node_keeper::is_idle() const {
  return idleness_.end.count() > 0 && idleness_.links->none_for() >= idleness_.end &&
         !(idleness_.held && idleness_.held());
}

bool node_keeper::is_used() const {
  return idleness_.links && idleness_.links->none_for().count() == 0;
}

/// To try is to knock at whoever has the place, who would never be idle for it.
bool node_keeper::may_try(bool taken) const {
  std::error_code unknown;
  return !taken || !is_used() || !std::filesystem::exists(std::filesystem::symlink_status(path_, unknown));
}

/// Ends, unless somebody came at the last moment. False: somebody did, and it listens again.
bool node_keeper::leave() {
  // Who looks for a node from now on finds none, and starts another.
  node_.withdraw();
  if (!wait(node_last_look))
    return true;
  for (auto taken = false; taken ? is_used() : !is_idle();) {
    if (may_try(taken)) {
      auto made = again_(path_);
      if (made) {
        node_ = std::move(*made);
        return false;
      }
      // Another one listens there by now: whoever came is served by this one to the end.
      taken = to_failure(made.error()).code == errc::node_running;
    }
    if (!wait(node_file_look))
      return true;
  }
  tell_({errc::none, "no command or program has used the node for " + format_duration(idleness_.end)}, false);
  return true;
}

/// Listens again where the file was. False: that is not to be.
bool node_keeper::restore() {
  auto deadline = std::chrono::steady_clock::now() + node_file_patience;
  for (auto taken = false;;) {
    if (!may_try(taken)) {
      if (!wait(node_file_look))
        return false;
      continue;
    }
    auto made = again_(path_);
    if (made) {
      node_ = std::move(*made);
      tell_({errc::none, "the socket's file " + path_ + " was gone: listening on a new one"}, true);
      return true;
    }
    auto reason = to_failure(made.error());
    // Where another node listens now, nobody will come to this one any more. Who has come is served to the
    // end.
    taken = reason.code == errc::node_running;
    auto over = taken || std::chrono::steady_clock::now() >= deadline;
    over = over && !is_used();
    if (over)
      tell_({reason.code,
             "the socket's file " + path_ + " is gone, and it cannot be made anew: " + reason.text},
            false);
    if (over || !wait(node_file_look))
      return false;
  }
}

} // namespace moorage
