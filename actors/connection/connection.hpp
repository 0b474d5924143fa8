// A connection: the actor that owns one SSH transport outright. It pumps the transport when its socket is
// ready, refuses work under leases that it was not told of, answers probes, and asks a silent peer whether it
// still lives.
//
// It opens once. If that fails, or the link breaks, it tells its pool why and ends: the pool decides what
// comes next.
#pragma once

#include "actors/transport.hpp"
#include "messages/evidence.hpp"
#include "messages/internal_interfaces.hpp"

#include <array>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <vector>

namespace moorage {

/// What names a command: its asker's number, under a lease.
struct command_name {
  lease_id lease;
  std::uint64_t call = 0;
  caf::actor_addr asker;
  friend bool operator<(const command_name& a, const command_name& b) {
    return std::tie(a.lease, a.call, a.asker) < std::tie(b.lease, b.call, b.asker);
  }
};

/// A command in the connection's care.
struct connection_command {
  enum class what { run, stream, probe } is = what::run;
  command_name name;           ///< none: a probe
  caf::strong_actor_ptr asker; ///< of a run or a stream; none: it has gone
  exec_result collected;
  std::uint64_t collect_max = 0;
  caf::typed_response_promise<probe_answer> probe;
  std::uint64_t input_room = 0; ///< what the sink may still send
  std::uint64_t own_input_left =
      0; ///< bytes of the request's own input that have not left; they give no room
  time_point started{};
  time_point overdue = time_point::max(); ///< by the request's own time-out
  /// The pool is told then that its channel is late; no more once it has one.
  time_point late = time_point::max();
  bool cut_short = false; ///< by its user, and the pool has heard what that says
};

struct connection_question {
  caf::typed_response_promise<probe_answer> promise;
  time_point asked{};
};

struct connection_actor_state {
  static inline const char* name = "moorage.connection";

  explicit connection_actor_state(connection_actor::stateful_pointer<connection_actor_state> self)
      : self(self) {}
  /// Answers whoever still waits: runs on quit, on an exception and on a kill alike.
  ~connection_actor_state();

  void run(run_command& request, const caf::strong_actor_ptr& asker);
  void stream(open_stream& request, const caf::strong_actor_ptr& sink);
  void cancel(const cancel_command& request);
  void grant(const grant_stream_credit& credit);
  void take_input(send_stream_input& input);
  void end_input(const end_stream_input& request);
  void answer_probe(const probe_request& request, caf::typed_response_promise<probe_answer> promise);
  void begin(const begin_lease& order);
  void end(const end_lease& order);
  void give_up(const give_up_channel& order);
  void change(const change_probes& order);
  void carry(carry_connection& order);
  void take(const carrier_waits& told);
  void take(carrier_hindered& told);
  void wake(std::uint64_t generation);
  void take_turn();
  void ask_anew(const turns_replaced& order);
  void lose_sink(const caf::actor_addr& sink);
  void close();
  /// Pumps the transport, folds in what came of it, asks a silent peer, and sets the timer.
  void drive();

  enum class phase { opening, open, closing, over };

  connection_actor::stateful_pointer<connection_actor_state> self;
  connection_id id;
  cluster_settings settings; ///< of the opening; `output_max` as of the last lease
  pool_actor pool;
  turns_actor turns;
  time_point began{}; ///< its opening
  std::unique_ptr<transport> link;
  phase now_in = phase::opening;

private:
  void start(connection_command command, exec_request request, std::uint64_t credit);
  failure unfit(const command_name& name) const;
  command_name named(lease_id lease, std::uint64_t call) const;
  connection_command* find(lease_id lease, std::uint64_t call, stream_id& stream);
  void answer(connection_command& command, outcome ended);
  void answer_probe(connection_command& command, const outcome& ended);
  void watch_less(const caf::strong_actor_ptr& sink);
  void fold(transport_opened& event);
  void fold(opening_waits& event);
  void fold(transport_failed& event);
  void fold(transport_closed& event);
  void fold(stream_output& event);
  void fold(stream_input_taken& event);
  void fold(stream_over& event);
  void fold(question_answered& event);
  void fold(carriage_wanted& event);
  void fold(carriage_over& event);
  failure gone() const;
  void set_timer(time_point now);
  void be_over();

  // opening.cpp
  void watch_opening(time_point now);
  void tell_hindrance();

  // carrying.cpp
  bool serves() const { return !leases_.empty() || !carried_.empty(); }
  void begin_to_serve();

  // leases.cpp
  void note_cleared(stream_id ended, lease_id lease, outcome_kind how);
  failure lease_over(lease_id lease) const;
  void channel_was_refused(const connection_command& command, failure& why);
  std::chrono::nanoseconds lateness() const;
  void watch_channels(time_point now);

  // turns.cpp
  bool waits_for_turn(time_point now);
  void ask_for_turn();
  void give_turn_back();

  // health.cpp
  void watch_silence(time_point now);
  void watch_answers(time_point now);
  void watch_cuts(time_point now);
  void cut_short(connection_command& command);
  void doubt(bool silent, std::string text, evidence_kind of = evidence_kind::channel);
  void hear_answer(evidence_kind of, bool ran, std::chrono::nanoseconds rtt = {});

  std::set<lease_id> leases_;
  std::map<stream_id, request_id> carried_; ///< connections of other clusters
  std::map<lease_id, bool> clearing_; ///< taken back while commands ran; whether one was not seen to end
  std::map<stream_id, connection_command> commands_;
  std::map<command_name, stream_id> named_; ///< the runs and streams among them
  std::map<std::uint64_t, connection_question> questions_;
  std::vector<transport_event> events_;
  std::uint64_t ids_ = 0;
  std::uint32_t unanswered_ = 0;
  time_point asked_at_{};
  time_point serves_since_{}; ///< without a pause
  time_point silence_due_ = time_point::max();
  time_point answer_due_ = time_point::max();
  time_point late_due_ = time_point::max(); ///< of commands that await their channels
  time_point silence_told_ =
      time_point::min();          ///< since when it was silent when the pool was told of it last
  std::uint64_t answers_ = 0;     ///< of the transport, as of the last pump
  bool peer_doubted_ = false;     ///< since its last answer
  bool commands_doubted_ = false; ///< since a command last ran to its end
  bool served_ = false;           ///< a holder's command has run to its end
  /// To the pool, by what they came of.
  std::array<time_point, static_cast<std::size_t>(evidence_kind::channel) + 1> answers_told_{};
  std::uint64_t probes_answered_ = 0;               ///< with this pump
  std::uint64_t kept_alive_ = 0;                    ///< the last keep-alive question
  std::chrono::nanoseconds alive_within_{0};        ///< its answer came with this pump, after so long
  std::deque<std::pair<lease_id, failure>> fenced_; ///< the latest, and why they ended
  time_point hindrance_due_{};                      ///< while it opens
  std::string awaited_;                             ///< of the transport, as of the last look
  carrier_hindered carrier_;                        ///< as its jump told it
  carrier_hindered hindered_;                       ///< as the pool was told
  std::string steps_told_; ///< with that: their number, and what the last done one said
  std::string why_gone_;   ///< the link's end, for those who hear of nothing else
  time_point timer_due_ = time_point::max();
  std::uint64_t timer_generation_ = 0;
  bool more_queued_ = false;
  enum class turn { none, asked, given } turn_ = turn::none;
};

/// Answers of one kind that nobody doubted are told to the pool no more often, so that commands by the
/// hundred cost it nothing.
constexpr std::chrono::seconds answers_told_every{1};
/// An opening says so often at most what it waits for; before the first time nobody wants to know.
constexpr std::chrono::milliseconds hindrances_told_every{500};
/// For runs and probes: output is capped by what is kept, and the rest must be drained for the command to
/// end.
constexpr std::uint64_t unlimited_credit = std::uint64_t{1} << 62;
/// Leases that have ended and whose reasons are kept for a holder that has not heard of it.
constexpr std::size_t fenced_kept = 64;
/// Commands that may be under way; beyond them, one is refused. sshd's MaxSessions is 10, and each looks at
/// all.
constexpr std::size_t commands_max = 1'000;
/// What a stream's sender of input may have under way.
constexpr std::uint64_t stream_input_room = 256 << 10;

connection_actor::behavior_type connection(connection_actor::stateful_pointer<connection_actor_state> self,
                                           connection_id id, cluster_settings settings, pool_actor pool,
                                           turns_actor turns, transport_factory transports,
                                           const machine_choice& where);

} // namespace moorage
