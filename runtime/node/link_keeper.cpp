#include "runtime/node/link_keeper.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <system_error>
#include <utility>

#include "actors/pool/seeded_random.hpp"
#include "messages/type_ids.hpp"
#include "runtime/system/awaited_threads.hpp"
#include "runtime/system/log_let_go.hpp"

namespace moorage {

caf::expected<session_link> connect_session(caf::actor_system& system, const node_place& place,
                                            std::chrono::milliseconds timeout, std::stop_token called_off) {
  auto link = connect_node(system, place, timeout, {}, std::move(called_off));
  if (!link)
    return std::move(link.error());
  auto speaks = vocabulary::read(link->interface());
  if (!speaks)
    return make_error(errc::node_lost, "what listens on " + place.name +
                                           " is no node of moorage, since it does not say what it "
                                           "understands: give the path that 'moorage serve' listens on");
  if (auto apart = no_understanding(vocabulary::ours(), *speaks, place.name); apart.code != errc::none)
    return make_error(apart);
  return session_link{std::move(*link), std::move(*speaks)};
}

namespace {

void leave_to_itself(std::thread late) {
  auto kept = std::make_shared<std::thread>(std::move(late));
  try {
    on_awaited_thread([kept] { kept->join(); });
  } catch (const std::system_error&) {
    kept->detach();
  }
}

} // namespace

/// What the keeper and its thread share; it outlives the keeper if the thread is abandoned.
struct link_keeper::books {
  node_place where;
  std::chrono::milliseconds timeout;
  std::stop_source called_off;
  // edge: the keeper's thread, the client that tells of a loss, and host threads that wait for one.
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<node_link> link;
  session_actor session;
  vocabulary speaks = vocabulary::ours();
  std::uint64_t losses = 0;
  std::uint64_t losses_then = 0; ///< when the last link was made
  bool away = false;
  bool closing = false;
  bool trying = false; ///< the thread may be using the actor system

  /// Waits for a loss; the link that was lost. None: it is time to end.
  bool lost(std::optional<node_link>& which) {
    std::unique_lock guard{mutex};
    changed.wait(guard, [this] { return closing || away; });
    if (closing)
      return false; // the link is the client's to the end
    which.swap(link);
    trying = true;
    return true;
  }
  /// False: it is time to end.
  bool pause(std::chrono::nanoseconds length) {
    std::unique_lock guard{mutex};
    return !changed.wait_for(guard, length, [this] { return closing; });
  }
  /// False: it comes too late, and is left to the caller.
  bool take(session_link& made) {
    {
      std::lock_guard guard{mutex};
      if (closing)
        return false;
      session = made.link.actor_as<session_actor>();
      speaks = made.speaks;
      link.emplace(std::move(made.link));
      losses_then = losses;
      trying = false;
    }
    changed.notify_all();
    return true;
  }
  /// Once the client knows of it. The new link may be lost by then.
  void is_back() {
    {
      std::lock_guard guard{mutex};
      away = losses != losses_then;
    }
    changed.notify_all();
  }
  void thread_over() {
    {
      std::lock_guard guard{mutex};
      trying = false;
    }
    changed.notify_all();
  }
};

link_keeper::link_keeper(session_link first, node_place where, std::chrono::milliseconds timeout)
    : books_(std::make_shared<books>()) {
  books_->where = std::move(where);
  books_->timeout = timeout;
  books_->session = first.link.actor_as<session_actor>();
  books_->speaks = std::move(first.speaks);
  books_->link.emplace(std::move(first.link));
}

link_keeper::~link_keeper() {
  close();
}

std::function<void()> link_keeper::loss_teller() const {
  return [mine = books_] {
    {
      std::lock_guard guard{mine->mutex};
      mine->away = true;
      mine->session = nullptr;
      ++mine->losses;
    }
    mine->changed.notify_all();
  };
}

session_actor link_keeper::session() const {
  std::lock_guard guard{books_->mutex};
  return books_->session;
}

vocabulary link_keeper::speaks() const {
  std::lock_guard guard{books_->mutex};
  return books_->speaks;
}

bool link_keeper::wait_for_loss(std::chrono::milliseconds timeout) const {
  std::unique_lock guard{books_->mutex};
  auto lost = [mine = books_.get(), before = books_->losses] {
    return mine->away || mine->closing || mine->losses != before;
  };
  return books_->changed.wait_for(guard, timeout, lost);
}

void link_keeper::come_back(std::shared_ptr<caf::actor_system> system, hearers told) {
  thread_ = std::thread{[mine = books_, system = std::move(system), told = std::move(told)]() mutable {
    keep(mine, system, told);
    told = {}; // what it holds may need the system
    mine->thread_over();
    system = nullptr;
  }};
}

/// The thread.
void link_keeper::keep(const std::shared_ptr<books>& mine, const std::shared_ptr<caf::actor_system>& system,
                       const hearers& told) {
  seeded_random random{std::random_device{}()};
  std::optional<node_link> before;
  std::chrono::nanoseconds pause = reconnect_pause_first;
  auto since = std::chrono::steady_clock::now();
  while (mine->lost(before)) {
    before.reset();
    // A node that ends each link at once is not to be knocked at ten times a second.
    if (std::chrono::steady_clock::now() - since >= reconnect_pause_max)
      pause = reconnect_pause_first;
    for (auto back = false; !back;) {
      if (!mine->pause(random.around(pause, 0.2)))
        return;
      pause = std::min<std::chrono::nanoseconds>(
          std::chrono::duration_cast<std::chrono::nanoseconds>(pause * reconnect_growth),
          reconnect_pause_max);
      log_let_go let_go; // an abandoned thread may be who ends the system
      auto made = connect_session(*system, mine->where, mine->timeout, mine->called_off.get_token());
      if (!made) {
        told.in_vain(to_failure(made.error()));
        continue;
      }
      auto session = made->link.actor_as<session_actor>();
      back = mine->take(*made);
      if (!back)
        return;
      told.back(std::move(session), std::move(made->speaks));
      mine->is_back();
      since = std::chrono::steady_clock::now();
    }
  }
}

void link_keeper::stop_trying() {
  {
    std::lock_guard guard{books_->mutex};
    books_->closing = true;
  }
  books_->called_off.request_stop();
  books_->changed.notify_all();
  if (!thread_.joinable())
    return;
  std::unique_lock guard{books_->mutex};
  auto over = books_->changed.wait_for(guard, reconnect_abandoned_after, [this] { return !books_->trying; });
  guard.unlock();
  if (over)
    thread_.join();
  else
    leave_to_itself(std::move(thread_));
}

void link_keeper::close() {
  stop_trying();
  std::optional<node_link> last; // ends without the lock
  session_actor session;
  std::lock_guard guard{books_->mutex};
  last.swap(books_->link);
  std::swap(session, books_->session);
}

} // namespace moorage
