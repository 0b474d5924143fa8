// What a node's other threads leave for its main one to do.
#pragma once

#include <condition_variable>
#include <future>
#include <mutex>
#include <utility>
#include <vector>

#include "messages/errors.hpp"
#include "runtime/result.hpp"

namespace moorage::cli {

class errands {
public:
  enum class kind { reload, stop };
  using reading = std::promise<result<std::string>>;
  ~errands() { close(); }

  // An admin's order to read the configuration again; returns when that is done.
  result<std::string> reload() {
    std::future<result<std::string>> answer;
    {
      std::lock_guard guard{mutex_};
      if (closed_)
        return failure{errc::stopping, "the node ends"};
      answer = readings_.emplace_back().get_future();
      reload_ = true;
      changed_.notify_one();
    }
    return answer.get();
  }
  // Whoever had ordered it when it began is told what became of it.
  void answer(const result<std::string>& what) {
    for (auto& each : std::exchange(begun_, {}))
      each.set_value(what);
  }
  // Nothing is read any more.
  void close() {
    answer(failure{errc::stopping, "the node ends"});
    std::lock_guard guard{mutex_};
    closed_ = true;
    for (auto& each : std::exchange(readings_, {}))
      each.set_value(failure{errc::stopping, "the node ends"});
  }
  void leave(kind what) {
    std::lock_guard guard{mutex_};
    (what == kind::stop ? stop_ : reload_) = true;
    changed_.notify_one();
  }
  // A stop, since nobody can reach the node any more.
  void leave(failure why) {
    std::lock_guard guard{mutex_};
    lost_ = std::move(why);
    stop_ = true;
    changed_.notify_one();
  }
  // Why the node has to stop, if not because somebody said so.
  failure lost() {
    std::lock_guard guard{mutex_};
    return lost_;
  }
  kind wait() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return stop_ || reload_; });
    reload_ = false;
    if (stop_)
      return kind::stop;
    begun_ = std::exchange(readings_, {});
    return kind::reload;
  }

private:
  // edge: the signals' thread, the one that watches the socket's file, and the main one.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool reload_ = false;
  bool closed_ = false;
  std::vector<reading> readings_;
  std::vector<reading> begun_; ///< the main thread's alone
  failure lost_;
};

} // namespace moorage::cli
