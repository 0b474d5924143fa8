#include "runtime/system/awaited_threads.hpp"

#include <algorithm>
#include <ctime>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <system_error>
#include <utility>
#include <vector>

namespace moorage {

namespace {

/// The end of a runtime takes less than a second; with the callbacks that it waits for, as long as they take.
/// A connect that was called off ends within 50 ms.
constexpr time_t at_exit_seconds = 2;

void* carry_out(void* of) {
  std::unique_ptr<std::function<void()>> work{static_cast<std::function<void()>*>(of)};
  (*work)();
  return nullptr;
}

/// edge: whoever begins something adds a thread, and the exiting thread waits for all.
class awaited_threads {
public:
  awaited_threads() = default;
  awaited_threads(const awaited_threads&) = delete;
  awaited_threads& operator=(const awaited_threads&) = delete;

  ~awaited_threads() {
    timespec until{};
    ::clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += at_exit_seconds;
    std::lock_guard guard{mutex_};
    for (auto& each : threads_)
      if (::pthread_timedjoin_np(each, nullptr, &until) != 0)
        ::pthread_detach(each);
  }

  void begin(std::function<void()> work) {
    auto given = std::make_unique<std::function<void()>>(std::move(work));
    std::lock_guard guard{mutex_};
    threads_.erase(std::remove_if(threads_.begin(), threads_.end(),
                                  [](pthread_t each) { return ::pthread_tryjoin_np(each, nullptr) == 0; }),
                   threads_.end());
    threads_.reserve(threads_.size() + 1);
    pthread_t thread{};
    if (const int why = ::pthread_create(&thread, nullptr, carry_out, given.get()); why != 0)
      throw std::system_error{why, std::generic_category(), "no thread is to be had"};
    static_cast<void>(given.release()); // the thread's now
    threads_.push_back(thread);
  }

private:
  std::mutex mutex_;
  std::vector<pthread_t> threads_;
};

} // namespace

void on_awaited_thread(std::function<void()> work) {
  static awaited_threads all;
  all.begin(std::move(work));
}

} // namespace moorage
