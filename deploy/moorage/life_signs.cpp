#include "deploy/moorage/life_signs.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace moorage::cli {

namespace {

using sign_clock = std::chrono::steady_clock;

constexpr std::chrono::microseconds half_least = std::chrono::milliseconds{10};
constexpr std::chrono::microseconds half_most = std::chrono::hours{1};

} // namespace

class life_signs::ear {
public:
  void hear() {
    std::lock_guard guard{mutex_};
    heard_ = true;
    changed_.notify_one();
  }
  /// Whether something was heard by then; it counts once.
  bool heard_by(sign_clock::time_point until, const std::stop_token& end) {
    std::unique_lock guard{mutex_};
    changed_.wait_until(guard, end, until, [this] { return heard_; });
    return std::exchange(heard_, false);
  }
  /// Hears nothing meanwhile.
  void rest(sign_clock::time_point until, const std::stop_token& end) {
    std::unique_lock guard{mutex_};
    changed_.wait_until(guard, end, until, [] { return false; });
  }

private:
  std::mutex mutex_; // edge: whoever answers, and the thread that asks
  std::condition_variable_any changed_;
  bool heard_ = false;
};

life_signs::life_signs(std::chrono::microseconds interval, question ask, std::function<void()> give)
    : half_(std::clamp(interval / 2, half_least, half_most)), ask_(std::move(ask)), give_(std::move(give)),
      ear_(std::make_shared<ear>()), thread_([this](const std::stop_token& end) { run(end); }) {}

life_signs::~life_signs() = default;

void life_signs::run(const std::stop_token& end) {
  while (!end.stop_requested()) {
    auto began = sign_clock::now();
    ask_([to = ear_](bool well) {
      if (well)
        to->hear();
    });
    // The rest of the interval is for the sign's own way, on a machine that is busy.
    if (!ear_->heard_by(began + half_ / 2, end))
      continue;
    give_();
    ear_->rest(began + half_, end);
  }
}

} // namespace moorage::cli
