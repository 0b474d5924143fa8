// An outside observer of a pool core. It sees the events that go in and the effects that come out, keeps
// books of its own from these alone, and complains, in words, as soon as the pool breaks a promise. It shares
// no code with the core.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "actors/pool/protocol.hpp"

namespace moorage::test {

/// `what()` is the promise that was broken.
struct broken_promise : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class observer {
public:
  enum class phase : std::uint8_t { unknown, trying, between_tries, open, closing, gone };

  struct connection_book {
    phase now = phase::unknown;
    std::uint32_t attempt = 0;
    time_point began, tried, opened, failed;
    ssh_failure failure = ssh_failure::none;
    files_used files;
    bool unreached = false; ///< no TCP connection came about in the last try
    bool failed_on_trial = false;
    bool condemned = false;
    time_point renew_by = time_point::max(); ///< since a reconnect was ordered
    bool evicted = false, other_transport = false, abandoned = false, failed_too_often = false,
         discarded = false, flapped = false;
    bool served = false, proved = false;
    std::uint32_t probe_failures = 0, exec_failures = 0;
    time_point last_failure;
    bool doubted = false, late = false;
    probe_id probe;
    bool probe_runs = false;
    time_point probe_by;
    std::vector<lease_id> live, asked;
    // Of its checks.
    time_point heard, unheard_since = time_point::max(), last, quiet_since;
    bool carried = false;          ///< a lease, since it was heard of
    bool silent_meanwhile = false; ///< while its probe was in flight
    bool was_idle = false, ordered = false, in_line = false, checking = false;
    // Of its history.
    std::vector<bool> checks_failed; ///< the last ten
    time_point checked_at = time_point::min();
    double rate = 1;
    bool slow = false, last_ran = false;
    double usual[2]{}; ///< round trips, of channels and of commands
    int measured[2]{};
    // Of the leases that its server lets it carry, for long and for the moment.
    std::uint32_t carries = 0, carries_now = 0;
    time_point carries_until = time_point::min(), carries_now_until = time_point::min();
    std::chrono::nanoseconds believed = std::chrono::hours{1};
    void fade(time_point now) {
      if (carries_until == time_point::min() || now < carries_until)
        return;
      believed = std::min<std::chrono::nanoseconds>(2 * believed, std::chrono::hours{24});
      carries_until = time_point::min();
    }
    void may_carry(std::uint32_t leases, time_point now) {
      fade(now);
      carries = now < carries_until ? std::min(carries, leases) : leases;
      carries_until = now + believed;
    }

    std::vector<request_id> carriages; ///< connections of other clusters
    std::string waits_for;             ///< what a person has to do; empty: nothing
    time_point waits_until;
    std::string hindered, trouble;  ///< why its jump does not carry it; what its last try failed with
    bool trouble_as_before = false; ///< which waited for the like of what this one says that it waits for

    std::size_t in_use() const { return live.size() + asked.size(); }
    bool busy() const { return in_use() > 0 || !carriages.empty(); }
    bool idle() const { return now == phase::open && !busy(); }
    bool in_doubt() const { return doubted || (probe_failures > 0 && !idle()); }
    bool in_question() const { return doubted || probe_failures > exec_failures; }
    bool opening() const { return now == phase::trying || now == phase::between_tries; }
  };

  struct lease_book {
    connection_id connection;
    holder_id holder;
    request_id request;
    time_point granted;
    bool known = false, confirmed = false, live = false, released = false, leaked = false, unserved = false;
  };

  /// From the first question to the giving back.
  struct permit_book {
    time_point asked;
    bool given = false, told_anew = true;
    connection_id connection; ///< that it is used for
  };

  struct request_book {
    bool known = false, answered = false, acquire = false, wait_for_ready = false, carries = false;
    holder_id holder;
    std::string identity;
    time_point deadline, asked;
    std::string waits_for, hindered;  ///< as it was told, to be carried
    std::chrono::nanoseconds left{0}; ///< of its deadline, which stands still meanwhile
    bool yields = false;              ///< named no patience, and does not wait until the cluster is ready
    std::uint64_t step = 0;
  };

  /// Of a holder under an identity, or of an identity: who else of its kind was served since it came or was
  /// served last.
  struct turn_book {
    std::uint64_t since = 0; ///< counts who came and who was served
    std::set<std::string> served;
  };

  struct pause_book {
    holder_id holder;
    bool keep = false;
    std::string by;
  };

  explicit observer(cluster_settings settings) : settings_(std::move(settings)) {}

  /// What the pool is told; before it is.
  void told(time_point now, const pool_event& event);
  /// What it did about it, and what it says of itself afterwards.
  void did(const pool_effects& effects, const pool_status& status, time_point next_due);

  const std::vector<connection_book>& connections() const { return connections_; }
  const std::vector<lease_book>& leases() const { return leases_; }
  const std::vector<request_book>& requests() const { return requests_; }
  const std::vector<request_id>& waiting() const { return waiting_; }
  const std::vector<request_id>& to_be_carried() const { return to_be_carried_; }
  const turn_book& identity_turn(request_id request) {
    return identities_[requests_[request.value].identity];
  }
  const turn_book& holder_turn(request_id request) { return holders_[name_of(requests_[request.value])]; }
  static std::string name_of(const request_book& r) { return to_string(r.holder) + " " + r.identity; }
  const std::map<permit_id, permit_book>& permits() const { return permits_; }
  const cluster_settings& settings() const { return settings_; }
  pool_state state() const;
  bool paused() const { return !pauses_.empty(); }
  /// Serves nobody, and keeps nothing that is free.
  bool drains() const { return state_ == pool_state::draining || state_ == pool_state::drained; }
  bool overloaded() const { return overload_begins() <= now_; }
  time_point overload_begins() const;
  bool free_slot() const;
  bool stopping() const { return stopping_; }
  bool latched() const { return latched_; }
  /// Whose channel is late, as was told in this step, unless its command was moved.
  lease_id late() const { return late_; }
  bool may_move() const { return may_move_; }
  bool must_move() const { return must_move_; }
  bool on_trial() const { return trial_; }
  const connection_book* asking() const;
  bool certificate_in_use() const { return !certificate_.name.empty(); }
  std::chrono::nanoseconds certificate_left() const { return certificate_ends_ - now_; }
  /// An opening that somebody waits for.
  time_point not_before() const { return not_before_; }
  time_point not_before_alone() const { return not_before_alone_; }

private:
  struct expected_end {
    lease_id lease;
    bool ask;
  };
  struct expected_answer {
    request_id request;
    errc code; ///< none: acknowledged
  };

  void hear(const acquire_requested& event);
  void hear(const acquire_cancelled& event);
  void hear(const lease_confirmed& event);
  void hear(const lease_released& event);
  void hear(const holder_lost& event);
  void hear(const lease_cleared& event);
  void hear(const carriage_ended& event);
  void hear(const connection_opened& event);
  void hear(const connection_waits& event);
  void hear(const connection_hindered& event);
  void hear(const connection_failed& event);
  void hear(const connection_lost& event);
  void hear(const connection_closed& event);
  void hear(const probe_passed& event);
  void hear(const probe_failed& event);
  void hear(const connection_doubted& event);
  void hear(const machine_slept& event);
  void hear(const connection_answered& event);
  void hear(const channel_refused& event);
  void hear(const channel_late& event);
  bool others_have_room(const connection_book& c) const;
  bool one_idle_besides(const connection_book& c) const;
  void hear(const permit_given& event);
  void hear(const permit_delayed& event);
  void hear(const permits_forgotten& event);
  void hear(const credentials_seen& event);
  void hear(const time_passed&) {}
  void hear(const settings_changed& event);
  void hear(const ordered<resize_pool>& event);
  void hear(const ordered<set_setting>& event);
  void hear(const ordered<pause_pool>& event);
  void hear(const ordered<suspend_pool>& event);
  void hear(const ordered<resume_pool>& event);
  void hear(const ordered<drain_pool>& event);
  void hear(const ordered<reconnect_pool>& event);
  void hear(const ordered<probe_pool>& event);
  void hear(const ordered<evict_connection>& event);
  void hear(const ordered<revoke_lease>& event);
  void hear(const ordered<reset_pool>& event);
  void hear(const ordered<disconnect_pool>& event);
  void hear(const ordered<record_pool>& event);
  void hear(const stop_requested& event);
  void hear_sender(const pool_event& event);
  void end_drain_and_suspension();
  void pauser_lost(holder_id holder);
  void silent_probes();
  void unconfirmed_grants();
  void leaked_leases();
  void overdue_drain();
  void overdue_renewals();

  void see(const request_permit& effect);
  void see(const return_permit& effect);
  void use_permit(permit_id permit, connection_id connection);
  void see(const look_at_credentials& effect);
  void see(const open_connection& effect);
  void see(const close_connection& effect);
  void see(const grant& effect);
  void see(const begin_carriage& effect);
  void see(const tell_of_wait& effect);
  void see(const tell_of_hindrance& effect);
  void see(const refuse& effect);
  void see(const acknowledge& effect);
  void see(const write_recording& effect);
  void see(const end_lease& effect);
  void see(const give_up_channel& effect);
  void see(const notify_holder& effect);
  void see(const start_probe& effect);
  void see(const change_probes& effect);
  void see(const announce& effect);
  void tells_of_persons(const announce& effect);
  void let_in_with(const certificate_used& certificate);
  void check_persons() const, check_hindrances(time_point next_due) const;
  void tells_of_overload(const announce& effect);
  void tells_of_renewals(const announce& effect);
  void tells_who_ordered(const announce& effect) const;
  void refused_for_overload(const request_book& r) const;
  void check_overload(time_point next_due);
  void check_turn(const connection_book& c) const;
  void comes_to_turns(const request_book& r);
  void takes_turn(request_id granted);
  void check_silences(time_point next_due);
  void learn(const connection_book& c);
  void measure(connection_book& c, std::chrono::nanoseconds rtt, bool ran) const;
  void check_history(const connection_book& c) const;
  std::chrono::nanoseconds idle_limit() const;
  void check_reason(const connection_book& c, removal_reason reason) const;
  void check_choice(connection_id chosen) const;
  void check_expectations();
  void check_waiters(time_point next_due) const;
  void check_connections(time_point next_due) const;
  void check_doubts(time_point next_due) const;
  void check_status(const pool_status& status) const;
  void check_pauses(const pool_status& status) const;
  void check_permits(time_point next_due);
  void check_drain(time_point next_due);
  void check_renewals(time_point next_due) const;
  std::size_t wishes() const; ///< permits asked for and not given

  void end(lease_id lease, bool ask, bool notice);
  void end_everything(request_id request);
  void gave_up(connection_book& c, ssh_failure kind);
  void back_off(time_point began, bool unreached);
  void count_failures(bool says_so);
  void count_failure(time_point began, bool unreached, bool says_so);
  void failed_try(connection_book& c, const ssh_error& error);
  void forgive();
  void of_no_use(const connection_book& c);
  void ended_early(const connection_book& c);
  void was_of_use(connection_book& c);
  void probe_failed_on(connection_book& c);
  void failed_on(connection_book& c, bool peer_silent);
  void answered_on(connection_book& c, bool ran);
  void fresh_request(request_id request);
  void expect_answer(request_id request, errc code);
  bool expect_stopping(request_id request);
  void answered(request_id request);
  bool expect_no_change(request_id request);
  bool works() const { return !stopping_ && !paused() && !drains(); }
  bool grantable(const connection_book& c) const;
  bool takes_carriage(const connection_book& c) const;
  std::size_t waiters() const { return waiting_.size() + to_be_carried_.size(); }
  std::uint32_t slots(const connection_book& c) const;
  void begins_with_lessons(connection_book& c);
  std::size_t count(phase a, phase b) const;
  std::size_t count_open(bool sound_only) const;
  errc late_release(lease_id lease, holder_id holder) const;

  cluster_settings settings_;
  time_point now_{};
  time_point due_ = time_point::max();        ///< when the pool wanted to be woken
  time_point late_until_ = time_point::min(); ///< nobody woke it for long
  std::uint64_t step_ = 0;
  std::vector<connection_book> connections_; ///< by id
  std::vector<lease_book> leases_;           ///< by id
  std::vector<request_book> requests_;       ///< by id
  std::vector<request_id> waiting_;          ///< first come first
  std::vector<request_id> to_be_carried_;    ///< likewise
  std::map<std::string, turn_book> identities_, holders_;
  std::uint64_t turns_ = 0;
  time_point in_vain_since_ = time_point::max(); ///< somebody waits, and nobody was served in time
  bool overload_told_ = false;
  std::vector<expected_end> ends_;
  std::vector<expected_answer> answers_;
  std::vector<lease_id> notices_;
  std::vector<lease_id> leaks_; ///< that must be told of now
  lease_id late_; ///< whose channel is late, as was told in this step, and whose command was not moved
  bool may_move_ = false, must_move_ = false;
  std::vector<std::pair<request_id, connection_id>> pending_; ///< answered once none up to it is left
  std::vector<request_id> drains_;                            ///< of them, those that a resume refuses
  pool_state state_ = pool_state::running;                    ///< but for pauses
  std::vector<pause_book> pauses_;                            ///< the oldest first
  std::string by_;                                            ///< who ordered what is being done
  time_point drain_by_;
  std::size_t waited_before_ = 0;
  std::uint64_t last_probe_ = 0;
  std::chrono::nanoseconds fatal_idle_{0}; ///< the shortest, as it has faded; 0: none
  time_point fatal_at_;
  std::map<permit_id, permit_book> permits_;
  std::vector<permit_id> strays_; ///< given though they were not asked for any more
  std::uint64_t last_permit_ = 0;
  bool forgotten_now_ = false, hurried_now_ = false;
  bool reset_ = false;                        ///< since the last permit was asked for
  time_point not_before_ = time_point::min(); ///< when somebody waits; the earliest of what chance leaves
  time_point not_before_alone_ = time_point::min();
  time_point not_after_ = time_point::min(); ///< when somebody waits; the latest
  time_point not_after_alone_ = time_point::min();
  bool trial_ = false;         ///< nobody was let in since an opening was given up
  std::uint32_t given_up_ = 0; ///< or ended before they were of use
  time_point given_up_at_ = time_point::min();
  time_point useless_at_ = time_point::min();         ///< when a connection was last found of no use
  std::vector<std::pair<time_point, bool>> failures_; ///< of this step that are not counted yet
  bool gave_up_now_ = false, fatal_now_ = false;      ///< for a cause that does not pass
  connection_book newcomer_;                          ///< what is known of those to be opened
  std::string credentials_;                           ///< as the log-in saw them that latched it
  time_point looked_at_ = time_point::min(), looking_until_ = time_point::min();
  connection_id asks_now_;       ///< that began to wait for a person in this step, and is not told of
  certificate_used certificate_; ///< of the last log-in; with an end only
  time_point certificate_ends_ = time_point::max();
  std::set<std::string> ends_told_;
  bool stopping_ = false, removed_ = false, latched_ = false, disconnected_now_ = false;
};

} // namespace moorage::test
