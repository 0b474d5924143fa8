// A lease in a host application's hands, and what can be done under it.
//
// Every member may be called from any host thread, several at once; but a lease or stream is moved, released or destroyed
// by one thread, while no other uses it.
// The blocking forms must not be called on a thread of CAF's scheduler (an actor's handler): they are refused there with
// `would_block_scheduler`, since they would starve the very actors they wait for.
//
// Callbacks are called on threads of their own, or by the executor that the host gave (runtime/runtime_options.hpp).
//  - They may take their time and make blocking calls. Those of different calls run side by side, four at most unless the
//    host gave an executor, so that one which waits for other callbacks may wait for ever.
//  - Each is called once, also when the runtime stops or ends (`runtime::stop`).
//  - What one throws is its own: it is caught and logged with the cluster's name (a runtime of `connect` says it on stderr)
//    and changes nothing for others.
//  - When a call is refused before it began (too many requests, the runtime has stopped or was moved from, the lease is
//    empty, the stop token was used already) the callback may be called on the caller's thread before the call returns:
//    it must not take a lock that the caller holds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "messages/exec.hpp"
#include "messages/ids.hpp"
#include "runtime/result.hpp"

namespace moorage {

class client_gate;
class client_state;
class log_in_notes;
class stream_pipe;
struct lease_key;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// Output of a command as it comes, and its input. Made by `lease::open`. Destroying it cancels the command.
class stream {
public:
  stream() = default;
  stream(stream&&) noexcept = default;
  stream& operator=(stream&& other) noexcept;
  ~stream();

  struct chunk {
    output_kind kind = output_kind::output;
    std::string bytes;
  };
  /// Waits for more output. False: there is no more, and `ended` has the outcome. What is read is granted anew, so a
  /// reader that stops reading stops the command, in constant memory.
  bool read(chunk& into);
  /// Waits until there is room, then passes it on. False: the command takes no more input.
  bool write(std::string_view bytes);
  void end_input();
  /// Ends the command by signals, as its timeout does (`exec_request::timeout`). `read` gives what comes until its
  /// channel closes, at the latest 3 s after, then false. Harmless twice, and afterwards.
  void cancel();
  /// The same for one who has no time: after `at_most` `read` gives false and `ended` what is known, which is
  /// `maybe_ran` unless the command ended sooner; it goes on being ended meanwhile.
  void cancel(std::chrono::milliseconds at_most);
  /// Waits for the outcome, throwing away output that was not read.
  outcome ended();

private:
  friend class lease;
  explicit stream(std::shared_ptr<stream_pipe> pipe) : pipe_(std::move(pipe)) {}
  std::shared_ptr<stream_pipe> pipe_;
};

/// Takes output as it comes, on the thread that called `lease::stream`; returns false to cancel the command. What it
/// has taken is granted anew after it returns: a slow one slows the command down. What it throws cancels the command and
/// reaches the caller of `lease::stream`.
using output_sink = std::function<bool(output_kind kind, std::string_view bytes)>;

/// What people should know of one log-in.
struct log_in {
  std::string banner;                ///< the server's own words
  std::vector<std::string> warnings; ///< a line each
};

/// The right to use one slot of one connection, given back by the destructor. Its commands all run on that connection,
/// and it ends with it.
///
/// But if the connection ends before anything has run under the lease, the lease goes on with another connection, waited
/// for with what is left of the patience of its acquire: what was never sent is sent once more there, its input
/// included (unless that is more than 16 MiB). `id` and `connection` still tell those of the grant; what people should know
/// of the other connection's log-in is added to `log_ins` before anything runs there.
class lease {
public:
  lease() = default;
  lease(lease&&) noexcept = default;
  lease& operator=(lease&& other) noexcept;
  ~lease();

  explicit operator bool() const { return gate_ != nullptr; }
  lease_id id() const { return id_; }
  connection_id connection() const { return connection_; }
  const std::string& cluster() const { return cluster_; }
  /// What the server said to people (RFC 4252, section 5.4) in the log-in that the acquire waited for: its legal notice,
  /// word of a maintenance. Fit to be printed, with its lines. Empty: nothing, or the connection was open already.
  std::string banner() const;
  /// What people should know of that log-in, a line each and fit to be printed: that the new host key could not be written
  /// down. Empty: nothing. Each is an event `warned` and a line of the log as well.
  std::vector<std::string> warnings() const;
  /// The same for each log-in that had something to say, in order: the acquire's, and those of further connections that
  /// the lease went on with. `banner` and `warnings` are all of it together, each text once.
  std::vector<log_in> log_ins() const;

  /// Runs a command and waits for its end. Never throws for what becomes of the command: the outcome says it,
  /// `never_sent` with the cause included. `stop` ends the command by signals, as its timeout does
  /// (`exec_request::timeout`).
  exec_result run(exec_request request, std::stop_token stop = {});
  exec_result run(std::string command) { return run(exec_request{std::move(command), {}, {}, {}, 0}); }
  std::future<exec_result> run_async(exec_request request);
  void run(exec_request request, std::function<void(exec_result)> callback);

  /// Runs a command, giving its output to the sink as it comes; waits for its end. At most `window` bytes are under way.
  outcome stream(exec_request request, const output_sink& sink, std::stop_token stop = {},
                 std::uint64_t window = stream_window);
  outcome stream(std::string command, const output_sink& sink, std::stop_token stop = {}) {
    return stream(exec_request{std::move(command), {}, {}, {}, 0}, sink, std::move(stop));
  }
  /// The same with the output to be read, and input to be written, by the caller.
  moorage::stream open(exec_request request, std::uint64_t window = stream_window);

  /// Gives it back and waits for the answer: `already_released` and `lease_ended` tell a second release and a late one
  /// apart. The lease is empty afterwards, whatever the answer.
  result<void> release();

  /// Output of one stream that may be under way before it is read: twice what a fast link moves in 10 ms.
  static constexpr std::uint64_t stream_window = 2 << 20;

private:
  friend class client_gate;
  friend class client_state;
  friend class runtime;
  lease_key key() const;
  void start(std::uint64_t call, exec_request request, std::function<void(exec_result)> answer);
  void let_go();

  std::shared_ptr<client_gate> gate_;
  lease_id id_;
  connection_id connection_;
  std::string cluster_;
  std::shared_ptr<log_in_notes> notes_;
};

} // namespace moorage

#pragma GCC visibility pop
