// A lease in a host application's hands, and what can be done under it.
//
// Every member may be called from any host thread, several at once; but a lease or stream is moved, released
// or destroyed by one thread, while no other uses it.
// The blocking forms must not be called on a thread of CAF's scheduler (an actor's handler): they are refused
// there with `would_block_scheduler`, since they would starve the very actors they wait for.
//
// Each call that may wait has another form, which does not: the same call through `async()` gives a `pending`
// (runtime/pending.hpp), which takes a callback.
//
// Callbacks are called on threads of their own, or by the executor that the host gave
// (runtime/runtime_options.hpp, or `pending::then`).
//  - They may take their time and make blocking calls. Those of different calls run side by side, four at most unless the
//    host gave an executor, so that one which waits for other callbacks may wait for ever.
//  - Each is called once, also when the runtime stops or ends (`runtime::stop`).
//  - What one throws is its own: it is caught and logged with the cluster's name (a runtime of `connect` says it on stderr)
//    and changes nothing for others.
//  - When a call is refused before it began (too many requests, the runtime has stopped or was moved from, the lease is
//    empty, the stop token was used already) the callback may be called on the caller's thread before `then` returns:
//    it must not take a lock that the caller holds.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/exec.hpp"
#include "messages/ids.hpp"
#include "runtime/pending.hpp"
#include "runtime/result.hpp"
#include "runtime/stream.hpp"

namespace moorage {

class async_lease;
class callback_strand;
class client_gate;
class client_state;
class log_in_notes;
struct lease_hold;
struct lease_key;

#pragma GCC visibility push(default) // not of what is declared above, which is ours

/// A command may be given as text wherever an `exec_request` may. What stands in braces is always the latter.
template <class T>
concept command_text = std::convertible_to<T, std::string_view>;

/// How long an acquire may wait.
struct acquire_options {
  /// Zero: now or not at all; negative [the default]: the cluster's `acquire_timeout`, or less where the pool
  /// is overloaded (`overload_target`).
  std::chrono::nanoseconds patience{-1};
  /// Who this is, for people who wonder who holds the leases.
  std::string label = {};
  /// Withdraws the acquire, which then ends with `cancelled`.
  std::stop_token stop = {};
  /// Rides out an outage: while the cluster cannot be reached for a cause that may pass, the acquire stays in
  /// the queue and is told the last error when its patience ends. Without it [false] it is told as soon as
  /// the pool gives an opening up, after three tries. So it waits for a node that has gone away, too
  /// (`runtime::connect`).
  bool wait_for_ready = false;
  /// On this of the cluster's machines and no other, as `lease::machine` names it: for what one left in /tmp
  /// there, or for a tunnel. A connection is opened there if need be; where the pool is full, one of another
  /// machine makes room when it is this acquire's turn. `unknown_machine` if the cluster has no such one.
  /// [any]
  std::string machine = {};
};

/// What people should know of one log-in.
struct log_in {
  std::string banner = {};                ///< the server's own words
  std::vector<std::string> warnings = {}; ///< a line each
};

/// The right to use one slot of one connection, given back by the destructor. Its commands all run on that
/// connection, and it ends with it. What still runs under it then, a pending run or a stream, keeps it: it is
/// given back when the last of them has ended. `release` gives it back at once, and ends what runs.
///
/// But if the connection ends before anything has run under the lease, the lease goes on with another
/// connection, waited for with the patience of its acquire (less what that took, unless it was long ago):
/// what was never sent is sent once more there, its input included (unless that is more than 16 MiB). So it
/// does where the server opens no channel for the lease's first command, as often as fits into that patience,
/// counted from when the command was asked; if there is no other, the lease is lost. `id` and `connection`
/// tell those of the grant, `outcome::moves` how often it went on; what people should know of the other
/// connection's log-in is added to `log_ins` before anything runs there, and `machine` is where it is from
/// then on: the same one, if the acquire asked for it.
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
  /// The machine that its commands run on: a name of `hosts`, or the address in digits where `host` was
  /// looked up, or the host itself behind a jump or a proxy command. `acquire_options::machine` asks for the
  /// same again. Empty: not known, by a node of an older version.
  std::string machine() const;
  /// What the server said to people (RFC 4252, section 5.4) in the log-in that the acquire waited for: its
  /// legal notice, word of a maintenance. Fit to be printed, with its lines. Empty: nothing, or the
  /// connection was open already.
  std::string banner() const;
  /// What people should know of that log-in, a line each and fit to be printed: that the new host key could
  /// not be written down. Empty: nothing. Each is an event `warned` and a line of the log as well.
  std::vector<std::string> warnings() const;
  /// The same for each log-in that had something to say, in order: the acquire's, and those of further
  /// connections that the lease went on with. `banner` and `warnings` are all of it together, each text once.
  std::vector<log_in> log_ins() const;

  /// The calls below that wait, as ones that do not.
  async_lease async();

  /// Runs a command and waits for its end. Never throws for what becomes of the command: the outcome says it,
  /// `never_sent` with the cause included. `stop` ends the command by signals, as its timeout does
  /// (`exec_request::timeout`).
  exec_result run(exec_request request, std::stop_token stop = {});
  template <command_text Text>
  exec_result run(Text&& command, std::stop_token stop = {}) {
    return run(exec_request{.command = std::string{std::forward<Text>(command)}}, std::move(stop));
  }

  /// Runs a command, giving its output to the sink as it comes; waits for its end. At most `window` bytes are
  /// under way.
  outcome stream(exec_request request, const output_sink& sink, std::stop_token stop = {},
                 std::uint64_t window = stream_window);
  template <command_text Text>
  outcome stream(Text&& command, const output_sink& sink, std::stop_token stop = {},
                 std::uint64_t window = stream_window) {
    return stream(exec_request{.command = std::string{std::forward<Text>(command)}}, sink, std::move(stop),
                  window);
  }
  /// The same with the output to be read, and input to be written, by the caller. Does not wait: what becomes
  /// of it, a refusal as well, is the stream's to tell.
  moorage::stream open(exec_request request, std::uint64_t window = stream_window);
  template <command_text Text>
  moorage::stream open(Text&& command, std::uint64_t window = stream_window) {
    return open(exec_request{.command = std::string{std::forward<Text>(command)}}, window);
  }
  /// The same, and the lease is given back as the command ends, just before the stream tells of that, without
  /// a `release` of its own, which through a node is a round trip more. A command that was `never_sent`
  /// leaves the lease as it is. Other commands under the lease end with it; what is asked of it afterwards is
  /// answered `lease_ended`.
  moorage::stream open_last(exec_request request, std::uint64_t window = stream_window);

  /// Gives it back and waits for the answer: `already_released` and `lease_ended` tell a second release and a
  /// late one apart. The lease is empty afterwards, whatever the answer.
  result<void> release();

  /// "This connection is bad": gives the lease back as `release` does, and has its connection take no new
  /// lease and close when the last one ends. For what only its user can see: a file system that is gone
  /// there, a server that answers nonsense. `reason` is for people: in the events, `condemned` or `closing`,
  /// whose removal reason is `discarded`; 200 bytes of it are kept. [none]
  ///
  /// A connection that has not proved itself by use after `proving_time` then counts as an opening that
  /// failed: the pool waits, from 1 s to 10 s, before it opens the next one, so that to discard each is no
  /// storm of log-ins.
  result<void> discard(std::string_view reason = {});

  /// Called once when the lease ends without its holder's doing, with the cause in its code and in words: the
  /// connection was lost, an administrator revoked it, the node went away, the runtime stopped. On the
  /// callbacks' threads (as said above); at once, if it has ended already. A call that has not begun when the
  /// lease is given back, discarded or destroyed never begins; of an empty lease none does.
  ///
  /// A lease that can go on with another connection (as said above) is not lost; only if there is none when
  /// something is to run. One callback does not replace another. Not to be called by two threads at once.
  void on_lost(std::function<void(const failure& why)> callback);

  /// Output of one stream that may be under way before it is read: twice what a fast link moves in 10 ms.
  static constexpr std::uint64_t stream_window = 2 << 20;

private:
  friend class async_lease;
  friend class async_runtime;
  friend class client_gate;
  friend class client_state;
  lease_key key() const;
  moorage::stream open(exec_request request, std::uint64_t window, bool is_last);
  /// From now on the lease is given back when all that it was handed to are done with it.
  void be_shared();
  void let_go();
  void end_watch();

  std::shared_ptr<client_gate> gate_;
  lease_id id_;
  std::uint64_t link_ = 0; ///< see `lease_key`
  connection_id connection_;
  std::string cluster_;
  std::shared_ptr<log_in_notes> notes_;
  std::shared_ptr<lease_hold> hold_;      ///< none: only this holds it
  std::shared_ptr<callback_strand> loss_; ///< where the callbacks of `on_lost` go; none: nobody has asked
};

/// A lease's calls that do not wait: each is what the call of that name of `lease` says. Of use as long as
/// the lease stays where it is: `lease.async().run("squeue --me")`.
class async_lease {
public:
  pending<exec_result> run(exec_request request, std::stop_token stop = {}) const;
  template <command_text Text>
  pending<exec_result> run(Text&& command, std::stop_token stop = {}) const {
    return run(exec_request{.command = std::string{std::forward<Text>(command)}}, std::move(stop));
  }
  /// The lease is empty when this returns.
  pending<result<void>> release() const;
  pending<result<void>> discard(std::string_view reason = {}) const;

private:
  friend class lease;
  explicit async_lease(lease& of) : of_(&of) {}
  pending<result<void>> give_back(std::optional<std::string> bad) const;

  lease* of_;
};

inline async_lease lease::async() {
  return async_lease{*this};
}

} // namespace moorage

#pragma GCC visibility pop
