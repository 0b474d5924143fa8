// Between a stream's messages, which an actor takes in, and the host thread that reads and writes.
// edge: a host thread waits here for output, or for room for input.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>

#include "messages/exec.hpp"
#include "runtime/lease.hpp"

namespace moorage {

class client_gate;

class stream_pipe {
public:
  /// `place`: among the client's outstanding requests; given back when the stream has ended.
  stream_pipe(std::shared_ptr<client_gate> gate, std::uint64_t call, std::uint64_t window,
              std::shared_ptr<void> place)
      : gate_(std::move(gate)), call_(call), window_(window), place_(std::move(place)) {}

  // From the actor.
  void push(output_kind kind, std::string bytes);
  void add_room(std::uint64_t bytes);
  void finish(outcome ended);

  // From host threads; see `stream` for their promises.
  bool read(stream::chunk& into);
  bool write(std::string_view bytes);
  void end_input();
  void cancel();
  void cancel(std::chrono::milliseconds at_most);
  outcome wait();

private:
  std::shared_ptr<client_gate> gate_;
  std::uint64_t call_;
  std::uint64_t window_;
  std::shared_ptr<void> place_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<stream::chunk> output_;
  std::uint64_t taken_ = 0; ///< read since the last grant
  std::uint64_t room_ = 0;
  bool input_ended_ = false;
  bool over_ = false;
  std::chrono::steady_clock::time_point leave_at_ = std::chrono::steady_clock::time_point::max();
  outcome ended_;
};

} // namespace moorage
