#include "tests/bench/bare_loop.hpp"

#include "tests/bench/bare_connection.hpp"

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <sys/epoll.h>
#include <unistd.h>
#include <vector>

namespace moorage::bench {
namespace {

using clock = std::chrono::steady_clock;

} // namespace

class bare_loop::loop {
public:
  explicit loop(bare_target target) : target_(std::move(target)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (ssh_pki_import_privkey_file(target_.key_file.c_str(), nullptr, nullptr, nullptr, &key_) != SSH_OK)
      throw std::runtime_error("cannot read " + target_.key_file);
  }

  ~loop() {
    close();
    ssh_key_free(key_);
    ::close(epoll_);
  }

  duration open(std::size_t count, std::size_t at_once) {
    const auto start = clock::now();
    const auto goal = connections_.size() + count;
    connections_.reserve(goal);
    watched_.resize(goal, 0);
    auto begin_one = [&] {
      connections_.push_back(std::make_unique<bare_connection>(target_, key_, connections_.size()));
      connections_.back()->start_connect();
      watch(*connections_.back());
    };
    for (std::size_t i = 0; i < std::min(count, at_once); ++i)
      begin_one();
    drive(count, [&](bare_connection& c) {
      if (!c.log_in())
        return false;
      if (connections_.size() < goal)
        begin_one();
      return true;
    });
    return clock::now() - start;
  }

  duration run(const std::string& command, std::size_t times, std::size_t channels) {
    for (auto& c : connections_)
      c->channels(channels);
    const auto start = clock::now();
    std::size_t left = times;
    std::vector<char> busy(connections_.size() * channels, 0);
    // True when this channel has nothing to do any more.
    auto advance_channel = [&](bare_connection& c, std::size_t channel) {
      for (auto& is_busy = busy[c.index() * channels + channel];;) {
        if (!is_busy) {
          if (left == 0)
            return true;
          --left;
          is_busy = 1;
        }
        if (!c.run(channel, command, "", 0))
          return false;
        is_busy = 0;
      }
    };
    drive_all([&](bare_connection& c) {
      for (;;) {
        c.drain();
        bool finished = true;
        auto seen = c.packets();
        for (std::size_t channel = 0; channel < channels; ++channel)
          finished = advance_channel(c, channel) && finished;
        // What came meanwhile may have been for a channel that had its turn before, and no socket will tell.
        if (c.packets() == seen)
          return finished;
      }
    });
    return clock::now() - start;
  }

  duration health_round() {
    const auto start = clock::now();
    drive_all([](bare_connection& c) { return c.probe(); });
    return clock::now() - start;
  }

  duration close() {
    const auto start = clock::now();
    for (auto& c : connections_) {
      // libssh may keep its copy of the descriptor open, and epoll would go on telling of a connection that
      // is gone.
      epoll_ctl(epoll_, EPOLL_CTL_DEL, c->fd(), nullptr);
      c->say_goodbye();
    }
    connections_.clear();
    watched_.clear();
    return clock::now() - start;
  }

  std::size_t size() const { return connections_.size(); }

private:
  void watch(bare_connection& c) {
    auto& now = watched_[c.index()];
    std::uint32_t wanted = EPOLLIN | (c.write_pending() ? EPOLLOUT : 0U);
    if (now == wanted)
      return;
    epoll_event event{};
    event.events = wanted;
    event.data.ptr = &c;
    epoll_ctl(epoll_, now == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, c.fd(), &event);
    now = wanted;
  }

  /// After a write libssh wants to see the socket writable once more, and it polls in every call: calling
  /// again is cheaper than a round through epoll, and takes the input that the poll may have brought with it.
  static bool advance_fully(bare_connection& c, const std::function<bool(bare_connection&)>& advance) {
    bool finished = advance(c);
    for (int more = 2; !finished && more > 0 && c.write_pending(); --more)
      finished = advance(c);
    return finished;
  }

  /// Calls `advance` for ready connections until it has said "finished" `count` times.
  void drive(std::size_t count, const std::function<bool(bare_connection&)>& advance) {
    finished_.assign(watched_.size(), 0);
    await(count, advance);
  }

  /// The same for all connections, which are first called once without being ready.
  void drive_all(const std::function<bool(bare_connection&)>& advance) {
    finished_.assign(watched_.size(), 0);
    std::size_t left = connections_.size();
    for (auto& c : connections_) {
      finished_[c->index()] = static_cast<char>(advance_fully(*c, advance));
      left -= static_cast<std::size_t>(finished_[c->index()]);
      watch(*c);
    }
    await(left, advance);
  }

  void await(std::size_t left, const std::function<bool(bare_connection&)>& advance) {
    epoll_event events[256];
    while (left > 0) {
      int got = epoll_wait(epoll_, events, 256, 30'000);
      if (got == 0)
        throw std::runtime_error("nothing has moved for 30 s");
      for (int i = 0; i < got; ++i) {
        auto& c = *static_cast<bare_connection*>(events[i].data.ptr);
        if (finished_[c.index()]) {
          c.drain();
        } else if (advance_fully(c, advance)) {
          finished_[c.index()] = 1;
          --left;
        }
        watch(c);
      }
    }
  }

  bare_target target_;
  int epoll_;
  ssh_key key_ = nullptr;
  std::vector<std::unique_ptr<bare_connection>> connections_;
  std::vector<std::uint32_t> watched_; ///< what epoll has been told, by index; 0: nothing yet
  std::vector<char> finished_;
};

bare_loop::bare_loop(bare_target target) : loop_(std::make_unique<loop>(std::move(target))) {}

bare_loop::~bare_loop() = default;

bare_loop::duration bare_loop::open(std::size_t count, std::size_t at_once) {
  return loop_->open(count, std::max<std::size_t>(at_once, 1));
}

bare_loop::duration bare_loop::run(const std::string& command, std::size_t times, std::size_t channels) {
  return loop_->run(command, times, std::max<std::size_t>(channels, 1));
}

bare_loop::duration bare_loop::health_round() {
  return loop_->health_round();
}

bare_loop::duration bare_loop::close() {
  return loop_->close();
}

std::size_t bare_loop::size() const {
  return loop_->size();
}

} // namespace moorage::bench
