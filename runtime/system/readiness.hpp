// Says when a descriptor is ready, and nothing else: an epoll, and who turns it calls wakers. That is a
// thread of its own, or whichever thread of a scheduler has nothing else to do.
//
// Who owns a descriptor watches it through a `watch` and arms the watch whenever there is nothing left to do
// but wait. Each arming wakes once. A waker is called by who turns the loop: it must only pass the word on
// (such as by sending a message to an actor), never block, never throw, and may be called once more just
// after its watch has gone, which must be harmless. What woke is not said: the owner looks for itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace moorage {

/// One descriptor being watched. Owned by the descriptor's owner, and used by one thread at a time.
class watch {
public:
  watch() = default; ///< watches nothing; cannot be armed
  watch(watch&& other) noexcept;
  watch& operator=(watch&& other) noexcept;
  ~watch() { end(); }

  /// Asks to be woken once, when the descriptor can be read (or is at its end, or broken), or written. Asking
  /// again for what is already asked for costs nothing. False: the system refuses (`errno` says why).
  bool arm(bool read, bool write);
  /// Still waiting: nothing has become ready since the last `arm`. False also before the first.
  bool armed() const;
  /// Stops watching. Must come before the descriptor is closed, since its number is used again at once.
  void end();
  explicit operator bool() const { return entry_ != nullptr; }

private:
  friend class readiness;
  struct entry;
  struct core;
  watch(std::shared_ptr<core> owner, std::shared_ptr<entry> which);

  std::shared_ptr<core> core_; ///< kept alive: a watch may outlive the loop, and is then never woken
  std::shared_ptr<entry> entry_;
};

/// The loop. Made by the runtime before any transport; every member may be called from any thread.
class readiness {
public:
  enum class turned_by { own_thread, others };

  /// Starts the thread. When the system has no descriptor or thread left, `problem` says so and every `add`
  /// returns a watch that watches nothing.
  explicit readiness(turned_by whom = turned_by::own_thread);
  /// Stops the thread and waits for it: at most for the waker that is being called.
  ~readiness();
  readiness(const readiness&) = delete;
  readiness& operator=(const readiness&) = delete;

  enum class patience { none, until_something_is };
  /// Of a loop that is turned by others, one at a time: calls the wakers of what is ready, at once, or waits
  /// until something is or `interrupt` is called.
  void turn(patience how_long);
  /// A turn that waits is over at once; if there is none, the next one is.
  void interrupt();

  /// The descriptor stays the caller's.
  watch add(int fd, std::function<void()> wake);

  const std::string& problem() const { return problem_; } ///< empty: it runs
  std::size_t watched() const;                            ///< watches alive
  std::uint64_t wakes() const;                            ///< wakers called so far
  /// Events that came for a watch that had gone meanwhile; they reach nobody.
  std::uint64_t stale() const;

private:
  std::shared_ptr<watch::core> core_;
  std::string problem_;
};

} // namespace moorage
