// A job manager with an event loop of its own: submits jobs and waits for their ends. All its state is the
// loop's alone, since what moorage answers is called there.
//   job_manager CLUSTER COMMAND…         a job for each command
#include <condition_variable>
#include <deque>
#include <functional>
#include <iostream>
#include <mutex>
#include <string>

#include <moorage/runtime.hpp>

using namespace std::chrono_literals;

/// What a host has anyway: calls what it is given, one after the other, on the thread that runs it.
class event_loop {
public:
  void post(std::function<void()> call) {
    std::lock_guard guard{mutex_};
    calls_.push_back(std::move(call));
    posted_.notify_one();
  }
  void run_one() {
    std::unique_lock lock{mutex_};
    posted_.wait(lock, [this] { return !calls_.empty(); });
    auto call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
  }

private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> calls_;
};

int main(int argc, char** argv) try {
  event_loop loop;
  moorage::runtime rt{moorage::load_config(moorage::find_config_file()),
                      {.executor = [&loop](std::function<void()> call) { loop.post(std::move(call)); }}};
  int open = 0, failed = 0;
  for (int job = 2; job < argc; ++job, ++open)
    rt.async()
        .run(argv[1], argv[job], {.patience = 60s, .label = "job_manager"})
        .then([&open, &failed, job](const moorage::exec_result& result) {
          --open;
          // Only what was never sent may be submitted once more without asking what became of it.
          failed += !result.ended.succeeded();
          std::cout << "job " << job - 1 << ": " << to_string(result.ended) << '\n';
        });
  while (open > 0)
    loop.run_one();
  return failed == 0 ? 0 : 1;
} catch (const std::exception& wrong) {
  std::cerr << wrong.what() << '\n';
  return 2;
}
