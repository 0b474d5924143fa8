// Commands that bring no lease: each acquires one, runs under it and gives it back, all under one number of
// the session's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "actors/session/moves.hpp"
#include "actors/session/session_state.hpp"

namespace moorage {

class one_shots {
public:
  explicit one_shots(session_state& state) : state_(state) {}

  /// `order.from.call` differs from all that is under way. `to_link`: its result goes to another process.
  void begin(run_once order, bool to_link);
  /// Of what all that are under way brought with them: what waits is bounded in bytes as well.
  std::size_t bytes() const { return bytes_; }
  static std::size_t bytes_of(const exec_request& what) { return what.command.size() + what.input.size(); }
  /// Those that have no lease yet.
  std::size_t waiting() const { return waiting_; }

  /// True: the lease is for one of these, which now runs.
  bool take(const lease_grant& grant);
  /// What one ends with that gets none; nothing: it was not for one of these.
  std::optional<run_ended> take(const acquire_refused& refusal);
  /// Gives its lease back. True: nothing was sent, and it is on its way to another connection.
  bool goes_on(run_ended& end);
  bool has(std::uint64_t call) const { return under_way_.count(call) > 0; }
  /// What one ends with that has no lease yet. Nothing: it runs, and is told to end as a run is.
  std::optional<run_ended> cancel(std::uint64_t call);
  /// Nobody waits for it any more. False: it is none of these.
  bool drop(std::uint64_t call);

private:
  /// More input than this is not kept to be sent once more: as much as is collected of output.
  static constexpr std::size_t kept_input_max = 16u << 20;

  struct one_shot {
    acquire from;
    exec_request what;
    std::size_t bytes = 0;
    std::chrono::steady_clock::time_point asked;
    lease_key lease;     ///< none while it waits for one
    command_moves moves; ///< from the first time that it was sent, when its own time-out begins
    failure unsent;      ///< why it went to another connection
    bool to_link = false;
    bool once_more = true; ///< may go to another connection
    bool cancelled = false;
  };
  void forget(std::unordered_map<std::uint64_t, one_shot>::iterator entry) {
    bytes_ -= entry->second.bytes;
    under_way_.erase(entry);
  }
  static run_ended unsent(std::uint64_t call, failure why, std::uint32_t moves);
  bool is_waiting(const one_shot& entry) const { return entry.lease == lease_key{}; }

  session_state& state_;
  std::unordered_map<std::uint64_t, one_shot> under_way_;
  std::size_t waiting_ = 0;
  std::size_t bytes_ = 0;
};

} // namespace moorage
