// The pool's brain: events go in with the time, effects come out, in order (actors/pool/protocol.hpp).
//
// A value type. It includes no CAF, no libssh and no clock, its randomness is a seeded generator of its own,
// and a copy is a full copy: a test can branch from every past. Called by the pool's shell (actors/pool)
// alone.
//
// One step has three parts. The event changes what is known (`on`). What has fallen due is done (`fall_due`):
// an event that arrives together with its deadline wins, so that a process that was stopped for a while is
// fair to those who answered in time. Then the pool settles: it is trimmed to its size, waiters are served,
// openings are begun, probes are started. Grants are made in two places only: to a newcomer who finds a slot
// and no queue, and from the queue.
//
// No step looks at every connection, lease or waiter, save for an admin's orders and the ends of many things
// at once: everything is indexed by what it is asked for.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/pool/core_limits.hpp"
#include "actors/pool/ordered_index.hpp"
#include "actors/pool/policies/back_off.hpp"
#include "actors/pool/policies/certificate_watch.hpp"
#include "actors/pool/policies/history.hpp"
#include "actors/pool/policies/idle_limit.hpp"
#include "actors/pool/policies/latch_watch.hpp"
#include "actors/pool/policies/machine_book.hpp"
#include "actors/pool/policies/overload.hpp"
#include "actors/pool/policies/waiter_queue.hpp"
#include "actors/pool/pool_connection.hpp"
#include "actors/pool/pool_records.hpp"
#include "actors/pool/pool_standing.hpp"
#include "actors/pool/protocol.hpp"
#include "actors/pool/seeded_random.hpp"
#include "messages/explanation.hpp"

namespace moorage {

class archive_reader;
class archive_writer;
class pool_core : public pool_core_limits, protected pool_standing {
public:
  /// `settings` must have passed `check_settings`. Ids of every kind begin with `first_id` (1 or more): a
  /// pool that replaces another must be given one above all that the other used.
  pool_core(cluster_settings settings, std::uint64_t seed, std::uint64_t first_id = 1);

  /// Takes the event in and appends what is to be done now. Time that goes backwards is taken as standing
  /// still. Throws `broken_invariant`, after which this pool must not be used any more.
  void step(time_point now, const pool_event& event, pool_effects& effects);
  pool_effects step(time_point now, const pool_event& event);

  /// Whether announcements of less than a warning are among the effects [yes]; while nobody hears them, their
  /// texts need not be written.
  void set_announcing(bool wanted) { announcing_ = wanted; }
  bool announcing() const { return announcing_; }
  /// How long a probe may wait for its turn before its own time begins [not at all].
  void set_probe_wait(std::chrono::nanoseconds longest) { probe_wait_ = longest; }

  /// When `time_passed` is due; it may lie in the past: at once. `time_point::max()`: nothing is due.
  time_point next_due() const;

  const cluster_settings& settings() const { return settings_; }
  bool stopping() const { return stopping_; }
  pool_status status(time_point now) const;
  /// In the order in which they were made; waiters: in the order in which they will be served.
  std::vector<connection_status> connections(time_point now) const;
  std::vector<lease_status> leases(time_point now) const;
  std::vector<waiter_status> waiters(time_point now) const;
  /// Why each of them waits, and each connection is where it is in the order of grants.
  explanation explain(time_point now) const;
  /// Log-ins of other clusters wait for one of ours.
  bool is_to_carry() const { return waiters_.to_be_carried() > 0; }
  /// What the shell must have in its own books between two steps: those of the connections that have an
  /// actor, and the requests, but for acquires, that have no answer yet.
  std::vector<connection_id> with_actors() const;
  std::vector<request_id> unanswered() const;
  /// Checks everything that must always hold between two steps; throws `broken_invariant`. Looks at
  /// everything: for tests.
  void verify() const;
  /// Connections, leases and waiters, together.
  std::size_t things() const { return connections_.size() + leases_.size() + waiters_.size(); }
  // --- core_recording.cpp: all of it as bytes, and back (recording/archive.hpp)
  void write(archive_writer& to) const;
  /// None, and the reader has failed: what was read is no pool core's, or its books do not agree.
  static std::optional<pool_core> read(archive_reader& from);
  /// Two that know the same: they give the same effects from now on.
  friend bool operator==(const pool_core&, const pool_core&) = default;

private:
  template <class Inspector>
  friend void inspect(Inspector& f, pool_core& x) {
    x.inspect_books(f);
    x.inspect_work(f);
  }
  template <class Inspector>
  void inspect_books(Inspector& f);
  template <class Inspector>
  void inspect_work(Inspector& f);
  bool is_fresh() const;
  friend class pool_core_surgeon; // breaks the books in tests, so that `verify` is seen to notice
  using connection = pool_connection;
  using keys = connection_keys;
  using lease = pool_lease;
  using whom = doom::whom;
  using ticket = waiter_queue::ticket;
  using connection_map = std::map<connection_id, connection>;
  using lease_map = std::map<lease_id, lease>;

  // --- core.cpp: the step, and what moves a connection from state to state
  template <class Effect>
  void emit(Effect&& effect) {
    effects_->emplace_back(std::forward<Effect>(effect));
  }
  void note(event_kind what, connection_id connection = {}, lease_id lease = {}, std::string text = {},
            removal_reason removed = removal_reason::none);
  void note(announce what);
  void on(const time_passed&) {}
  void fall_due();
  void settle();
  connection* find(connection_id id);
  connection& need(connection_id id);
  std::uint32_t& count(connection_state state) { return counts_[static_cast<std::size_t>(state)]; }
  std::uint32_t count(connection_state state) const { return counts_[static_cast<std::size_t>(state)]; }
  std::uint32_t live() const;
  void enter(connection& c, connection_state state);
  void refresh(connection& c);
  keys keys_of(const connection& c) const;
  static time_point due_of(const connection& c);
  static bool needs_probe(const connection& c);
  static bool in_doubt(const connection& c);
  void becomes_idle(connection& c);
  void slot_freed(connection& c);
  void condemn(connection& c, removal_reason reason, std::string text);
  void close(connection& c, removal_reason reason, std::string text = {});
  void remove(connection& c, removal_reason reason);
  void trim();

  // --- core_leases.cpp: acquires, leases, holders
  void on(const acquire_requested& event);
  void on(const acquire_cancelled& event);
  void on(const lease_confirmed& event);
  void on(const lease_released& event);
  void discarded(connection& c, const std::string& reason);
  void on(const lease_cleared& event);
  void on(const holder_lost& event);
  failure in_vain() const, distrusted(const std::string&machine) const;
  void give(connection& c, request_id request, holder_id holder, std::string label, time_point asked);
  bool may_grant() const { return works() && !grantable_.empty(); }
  void serve();
  lease_map::iterator forget(lease_map::iterator position, lease_end how, const std::string& why = {});
  void take_back(lease_map::iterator position, failure reason, bool notify);
  void cut_off(connection& c, const failure& reason, bool tell_connection);
  ended_lease ended(lease_id id) const;
  failure no_such_lease(lease_id id) const;
  void refuse_acquire(request_id request, failure reason);
  void refuse_waiter(ticket place, failure reason);
  void refuse_waiters(failure reason, whom which = whom::all, std::string machine = {});
  void refuse_doomed();
  bool dooms_all() const, dooms(const std::string&machine) const;
  void reclaim_from_gone();
  void expire_waiters(), expire_grants();

  // --- core_machines.cpp: on which machine a connection is, and those who ask for one
  void move_to(connection& c, const std::string& machine);
  void found_machines(const std::vector<machine_seen>& machines, const files_used& files);
  machine_choice choose_machine(connection& c);
  connection_id grantable_on(const std::string& machine) const;
  bool servable_on(const std::string& machine) const;
  void know_machines(), refuse_in_vain(), refuse_distrusted();
  std::vector<std::string> machines_that_grant() const, machines_lacking() const;
  std::size_t needed_on(const std::string&machine) const, opening_for(const std::string&machine) const;
  bool may_wait_for(const acquire_requested& event);
  void given_up_on(const std::string& machine, failure reason, bool may_pass);
  bool make_room(), hold_back(connection_id which);
  time_point machines_due() const;
  std::string machine_to_open() const, machine_in_words(const waiter&w) const;
  void verify_machines() const;

  // --- core_carrying.cpp: connections of other clusters, which have this one as their jump
  bool may_carry() const { return works() && !carriers_.empty(); }
  void carry(connection& c, request_id request, time_point asked);
  void serve_carriers(), hurry_for_carriers();
  void on(const carriage_ended& event);
  void drop_carried(connection& c);
  const connection* asking_opening() const;
  void tell_of(const connection& asks, ticket place);
  void pass_on_waits(), pass_on_hindrances();
  hindrance why_not_carried() const;

  // --- core_overload.cpp: who is refused when everybody waits too long
  overload::bounds overload_bounds() const;
  void watch_overload(), refuse_overloaded();
  std::string why_relieved() const, overload_in_words() const;
  time_point yields_at() const;

  // --- core_opening.cpp: openings, and what becomes of them
  void on(const connection_opened& event);
  void on(const connection_waits& event);
  void on(const connection_hindered& event);
  void on(const connection_failed& event);
  void on(const connection_lost& event);
  void on(const connection_closed& event);
  std::vector<std::string> warn(connection_id connection, const std::vector<std::string>& warnings);
  std::uint32_t wanted_anywhere() const, wanted() const;
  time_point may_open_at() const;
  openings_balance balance() const;
  std::size_t openings_lacking() const;
  void open_new(permit_id permit);
  void retry_due();
  void attempt(connection& c, permit_id permit);
  void try_failed(connection& c, const ssh_error& error, const connection_failed& told);
  void give_up(connection& c, const files_used& files);
  failure cannot_connect(std::uint32_t tries, const ssh_error& error) const;
  static std::string in_words(const ssh_error& error);
  std::string which_try(const connection& c) const;
  std::string opening_in_words(const connection& c) const;
  std::string hindrance_of(const connection& c) const;
  bool names_jump(const std::string& hindrance) const;
  void given_up(time_point began, failure reason, const ssh_error& error, const files_used& files,
                const std::string& asked_for, bool of_machine);
  void delay_openings(time_point began, failure reason, back_off::reach how_far, const std::string& more);
  void latch(failure reason, const files_used& files);
  bool latched_for_host_keys() const;
  void on(const credentials_seen& event);
  void was_of_use(connection& c);
  void count_if_useless(const connection& c, const std::string& why);
  bool servable() const { return servable_ > 0; }

  // --- core_permits.cpp: leave to log in
  void on(const permit_given& event);
  void on(const permit_delayed& event);
  void on(const permits_forgotten& event);
  std::size_t permits_needed() const;
  time_point permits_due() const;
  void use_permits(), ask_for_permits(), withdraw_wishes();
  void permit_over(connection& c, permit_use use);
  void verify_permits() const;

  // --- core_health.cpp: ageing and probes
  void on(const probe_passed& event);
  void on(const probe_failed& event);
  void on(const connection_doubted& event);
  void on(const machine_slept& event);
  void on(const connection_answered& event);
  void connection_due(connection& c);
  void lifetime_over(connection& c);
  time_point surplus_due() const;
  void close_replaced();
  void check_all();
  void queue_probe(connection& c);
  void dequeue_probe(connection& c);
  void start_probes();
  void begin_probe(connection& c);
  connection_id next_to_ask() const;
  std::size_t checks_max() const;
  void drop_probe(connection& c);
  void probe_over(connection& c);
  check_pace pace() const;
  void learn_idle_limit(const connection& c, ssh_failure how);
  void shorten_intervals();
  void doubt_open_ones();
  void probe_has_failed(connection& c, const std::string& text);
  void has_failed(connection& c, event_kind what, evidence_kind of, bool peer_silent,
                  const std::string& text);

  // --- core_watch.cpp: leases held for long, channels that are refused, certificates that end
  void on(const channel_refused& event);
  void on(const channel_late& event);
  std::chrono::nanoseconds channel_patience(const connection& c) const;
  bool others_have_room(const connection& c) const;
  time_point leaks_due() const;
  void watch_leaks();
  time_point certificate_due() const;
  void watch_certificate();
  // --- core_pauses.cpp: pauses, each its sender's
  bool paused() const { return !pauses_.empty(); }
  std::string pausers() const;
  void sender_gone(holder_id holder);
  void verify_pauses() const;

  // --- core_drain.cpp: whom the pool serves
  pool_state state() const { return state_ == pool_state::running && paused() ? pool_state::paused : state_; }
  bool drains() const { return state_ == pool_state::draining || state_ == pool_state::drained; }
  /// Grants leases, and opens connections for those who wait.
  bool works() const { return !stopping_ && !paused() && !drains(); }
  bool admits() const { return !stopping_ && state_ != pool_state::suspended && !drains(); }
  bool keeps_reserve() const { return !dormant_ && state() == pool_state::running; }
  failure why_not_admitted() const;
  bool refused_for_draining(request_id request);
  time_point drain_due() const;
  void end_drained_leases();
  void look_whether_drained();
  void undo_drains();
  void verify_drain() const;

  // --- core_admin.cpp
  void on(const settings_changed& event);
#define MOORAGE_ON(order) void on(const ordered<order>& event)
  MOORAGE_ORDERS(MOORAGE_ON, ;);
#undef MOORAGE_ON
  void on(const stop_requested& event);
  void answer(request_id request, std::string done = {});
  void answer(request_id request, failure reason);
  bool refused_for_stopping(request_id request);
  failure why_stopping() const;
  void close_everything(const failure& reason);
  void answer_pending();

  // --- core_text.cpp
  static std::string plural(std::size_t count, const char* word);
  std::string situation() const;
  std::string in_words(const permit_delay& delay) const;
  bool in_trouble() const, more_to_tell_of_hindrance() const;
  std::string lacking(bool carries) const, advice(bool waited) const;
  failure trouble() const;
  failure timed_out(const waiter& w, const std::string& situation, std::size_t ahead) const;

  // --- core_explain.cpp
  opening_cause why_not_opened() const;
  std::string in_words(opening_cause why, time_point now) const;
  connection_explanation explained(const connection& c, time_point now) const;
  waiting_cause why_waits() const;

  // --- core_status.cpp
  void verify_connection(const connection& c) const;
  void verify_leases() const;
  void verify_waiters() const;
  void verify_work() const;

  cluster_settings settings_;
  seeded_random random_;
  std::uint64_t first_id_, next_connection_, next_lease_, next_probe_;
  std::uint64_t next_stamp_ = 1, next_permit_;
  time_point now_ = time_point::min();
  pool_effects* effects_ = nullptr; ///< only during a step
  const std::string* by_ = nullptr; ///< who ordered what is being done, only while it is

  back_off back_off_;
  latch_watch latch_watch_;
  certificate_watch certificate_;
  channel_limit channels_; ///< what new connections begin with
  machine_book machines_;
  connection_id held_back_; ///< takes no new lease, so that it makes room for one on another machine; 0: none
  connection_map connections_;
  std::array<std::uint32_t, 4> counts_{};    ///< by state
  std::uint32_t servable_ = 0, hanging_ = 0; ///< open: and sooner or later they serve a waiter; and silent
  grant_index grantable_;
  grant_index carriers_; ///< those with room to carry another connection
  id_index openings_;
  id_index awaiting_; ///< openings whose next try is due, and waits for a permit
  stamp_index idle_;  ///< by stamp: longest idle first
  id_index outlived_; ///< idle, waiting to be replaced
  time_index timers_;
  time_index retries_;
  time_index doubts_; ///< who is to be asked since somebody doubts it, the one asked longest ago first
  time_index checks_; ///< whose check is due, likewise

  std::vector<permit_wish> wishes_; ///< permits asked for, the oldest first
  std::vector<permit_id> in_hand_;  ///< only during a step
  std::map<permit_id, connection_id> permits_;
  permit_delay delay_; ///< of the wishes
  bool anew_ = false;  ///< since a reset, no permit has been asked for

  bool waits_changed_ = false; ///< in this step, what an opening waits for
  std::size_t carried_ = 0;    ///< connections of other clusters, by all of ours
  lease_map leases_;           ///< ids grow: in the order of granting
  std::set<std::pair<holder_id, lease_id>> leases_of_;
  std::set<lease_id> unconfirmed_; ///< also in the order of their time-outs
  lease_id watched_;               ///< up to this one, who held theirs for too long has been told of
  std::vector<ended_lease> ended_; ///< a lease has its place by its id

  waiter_queue waiters_;
  overload overload_;
  bool overload_told_ = false;    ///< that it lasts
  std::vector<doom> dooms_;       ///< until they are refused a slot may still come; each kind once
  bool more_expired_ = false;     ///< than one step refuses
  bool more_unconfirmed_ = false; ///< than one step takes back
  bool more_leaks_ = false;       ///< than one step tells
  bool shrinking_ = false;        ///< there are more to close than one step does

  idle_limit idle_limit_;
  std::optional<connection_id> doubt_from_;   ///< since the machine slept; none: all have been doubted
  std::optional<connection_id> shorten_from_; ///< since the limit is shorter; none: all have heard of it
  std::chrono::nanoseconds probe_wait_{0};
  std::uint32_t probing_ = 0;
  std::uint32_t checking_ = 0; ///< of them, those that nobody doubted
  bool asked_doubt_ = false;   ///< whom the last probe asked
  bool checking_all_ = false;  ///< by order, until none is due

  words_of_opening said_; ///< what this step's opening has to say, for the first whom it serves
};

} // namespace moorage
