// Those who use the node of a soak.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/cli/soak_world.hpp"
#include "tests/node/hand_client.hpp"

namespace moorage::soak {

class chance {
public:
  explicit chance(std::uint32_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t end) {
    return std::uniform_int_distribution<std::uint32_t>{0, end - 1}(random_);
  }
  bool one_in(std::uint32_t times) { return below(times) == 0; }
  template <class Any>
  const Any& of(const std::vector<Any>& all) {
    return all[below(static_cast<std::uint32_t>(all.size()))];
  }

private:
  std::mt19937 random_;
};

/// How a worker is linked: by the one link that stays until all is settled, whose leases nobody reclaims, or
/// by one after another.
enum class way { stays, socket, tls };

/// A thread that does one thing after another until it is stopped.
class worker {
public:
  worker(world& in, std::string name, std::uint32_t seed, way by);
  /// For how long it has been at what it does.
  std::chrono::milliseconds at_it_for() const;
  void stop() { thread_.request_stop(); }
  bool done() const { return done_; }

private:
  void work(const std::stop_token& stop, way by);
  void be_busy(runtime& rt, const std::stop_token& stop);
  void begin() { since_ = steady::now().time_since_epoch().count(); }
  /// False: nothing came of it.
  bool do_something(runtime& rt);
  bool run_one(runtime& rt, const std::string& cluster);
  bool hold_a_lease(runtime& rt, const std::string& cluster);
  bool read_a_stream(runtime& rt, const std::string& cluster);
  bool leave_a_stream_unread(runtime& rt, const std::string& cluster);
  bool call_off(runtime& rt, const std::string& cluster);
  bool run_out_of_time(runtime& rt, const std::string& cluster);

  world& world_;
  std::string name_;
  chance chance_;
  std::atomic<steady::rep> since_{steady::now().time_since_epoch().count()};
  std::atomic<bool> done_ = false;
  std::jthread thread_; // last: it uses the others
};

/// Processes of the program: a few at a time, for as long as this lives. One thread.
class crowd {
public:
  crowd(world& in, std::uint32_t seed) : world_(in), chance_(seed) {}

  /// Sees who has ended, and starts others in their place.
  void go_on();
  void kill_one();
  void freeze_one();
  void thaw_all();
  /// Waits for each to end, which all do by themselves.
  void end();

private:
  struct one {
    std::unique_ptr<cli_tests::program> program;
    std::string words;
    std::string pid;
    steady::time_point since = steady::now();
    bool frozen = false, killed = false;
  };
  void start_one();
  void see_end(one& who);
  one& any() { return *std::next(all_.begin(), chance_.below(static_cast<std::uint32_t>(all_.size()))); }

  world& world_;
  chance chance_;
  std::list<one> all_;
};

/// Clients by hand, which come, want something, and are gone before they have it, or stay without a word.
class passers_by {
public:
  passers_by(world& in, std::uint32_t seed) : world_(in), chance_(seed) {}
  void go_on();
  void end() { staying_.clear(); }

private:
  world& world_;
  chance chance_;
  std::uint32_t last_ = 0;
  std::deque<std::unique_ptr<node_tests::hand_client>> staying_;
};

} // namespace moorage::soak
