// Whose turn it is: the acquires that wait for a lease.
//
// Identities take turns; within an identity its holders do; a holder's own are served as they came. An
// identity is who somebody is known to be, and cannot be made up; holders can, by starting more processes.
// Each that is served goes to the end, and so does each that comes, be it new or be it back: nobody is owed
// anything for having been away, nor gains by leaving.
//
// The bound. While a holder waits, from when it came or was last served until it is served next, each other
// holder of its identity is served once at most, and only if it waited already then. So it is with
// identities: from one service to the next, each other is served once at most, and only if it waited already.
// With h other holders of its identity waiting and i other identities, a holder is served after h + (h + 1) *
// i others at the latest, however many acquires each of them has made.
//
// Who wants to be carried takes nobody's turn, and is served as it came, beside all these.
//
// Who asks for a lease on one machine has its place in the same turns; where its machine has no slot it is
// passed over and keeps its turn, so that it holds up nobody and is the next whom that machine can serve.
// Those who ask for each machine stand in a circle of their own, in which holders and identities have the
// same turn as in all others: so the next of those that can be served is found without a look at the ones
// that cannot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/durations.hpp"
#include "messages/ids.hpp"

namespace moorage {

struct waiter {
  request_id request;
  holder_id holder;
  std::string label;
  time_point asked;
  time_point deadline; ///< `time_point::max()`: none
  bool wait_for_ready = false;
  std::string identity = {};
  /// It named no patience, so that it is the first to be refused when the pool is overloaded.
  bool yields = false;
  /// Wants no lease but to be carried, which takes no turn of anybody's.
  bool carries = false;
  /// Of `deadline`, which stands still meanwhile; negative: it runs.
  std::chrono::nanoseconds left{-1};
  /// Wants a lease on this machine and no other; empty: on any.
  std::string machine = {};

  friend bool operator==(const waiter&, const waiter&) = default;
};

/// Found by request, by holder, by deadline and by age, without a look at the others.
class waiter_queue {
public:
  /// A waiter's place: whoever came later has a greater one. 0: nobody.
  using ticket = std::uint64_t;

  /// A request joins once.
  void join(waiter who);
  /// Whom the ticket names, which must wait. It leaves unserved: its holder keeps its turn while it has
  /// others.
  waiter leave(ticket place);
  /// Its deadline stands still, what is left of it is kept, and it ends at `until` at the latest; or its
  /// deadline runs on, from `now`.
  void stop_clock(ticket place, time_point now, time_point until);
  void run_clock(ticket place, time_point now);
  /// Whose turn it is leaves, and its holder and its identity go to the end. Somebody must wait for a lease
  /// on any machine.
  waiter serve() { return serve(turn()); }
  /// The same of one who waits for a lease.
  waiter serve(ticket place);

  const std::set<ticket>& carriers() const { return carriers_; }
  bool empty() const { return waiters_.empty(); }
  std::size_t size() const { return waiters_.size(); }
  std::size_t for_leases() const { return waiters_.size() - carriers_.size(); }
  /// Of these, those that ask for a machine.
  std::size_t asking() const { return asking_count_; }
  /// And those that ask for this one.
  std::size_t asking_for(const std::string& machine) const;
  std::vector<std::string> machines_asked_for() const;
  /// Whether who joins would have more than `most` of them asked for.
  bool asks_beyond(const std::string& machine, std::size_t most) const {
    return !machine.empty() && asking_.size() >= most && !asking_.contains(machine);
  }
  std::size_t to_be_carried() const { return carriers_.size(); }
  const waiter& at(ticket place) const { return waiters_.at(place); }
  /// Who is granted the next lease, of those that take one on any machine.
  ticket turn() const { return first_of(rounds_); }
  /// Whose turn it is of those, if `any`, and of those that ask for one of these machines.
  ticket turn(bool any, const std::vector<std::string>& machines) const;
  /// Who is carried next.
  ticket first_to_be_carried() const { return carriers_.empty() ? 0 : *carriers_.begin(); }
  /// The first whose place is `from` or later.
  ticket next(ticket from) const;
  /// The last that was given.
  ticket newest() const { return last_; }
  ticket of(request_id request) const;
  /// Any of the holder's.
  ticket of(holder_id holder) const;
  /// The earliest deadline; `time_point::max()`: none.
  time_point due() const { return deadlines_.empty() ? time_point::max() : deadlines_.begin()->first; }
  /// Whose deadline is the earliest.
  ticket most_urgent() const { return deadlines_.empty() ? 0 : deadlines_.begin()->second; }
  /// Who asked first of those who yield.
  ticket first_to_yield() const { return yielding_.empty() ? 0 : yielding_.begin()->second; }
  /// How many are served before, if nobody comes or leaves; counted to `limit`, since the queue may be long.
  std::size_t ahead_of(ticket place, std::size_t limit) const;
  /// The same of one who would join now.
  std::size_t ahead_of_newcomer(holder_id holder, const std::string& identity, std::size_t limit) const;
  /// In the order in which they will be served, if nobody comes or leaves. Looks at everything.
  std::vector<ticket> in_order() const;

  /// In the order in which they came.
  auto begin() const { return waiters_.begin(); }
  auto end() const { return waiters_.end(); }

  /// Checks that its books agree with each other; throws `broken_invariant`. Looks at everything: for tests.
  void verify() const;

  friend bool operator==(const waiter_queue&, const waiter_queue&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, waiter_queue& x) {
    return f(x.last_, x.last_turn_, x.waiters_, x.by_request_, x.deadlines_, x.yielding_, x.rounds_,
             x.asking_, x.asking_count_, x.round_of_, x.line_of_, x.carriers_, x.carriers_of_);
  }

private:
  friend class pool_core_surgeon; // breaks the books in tests, so that `verify` is seen to notice

  /// Who came or was served longest ago has the least number, and is next.
  using turn_number = std::uint64_t;
  /// A holder's under one identity.
  struct line {
    std::set<ticket> waiting;

    friend bool operator==(const line&, const line&) = default;
  };
  /// An identity's.
  struct round {
    std::size_t waiting = 0;
    std::map<turn_number, line> holders;

    friend bool operator==(const round&, const round&) = default;
  };
  using line_key = std::pair<holder_id, std::string>;
  using circle = std::map<turn_number, round>;

  std::size_t ahead(const circle& among, const line_key& whose, std::size_t own, std::size_t limit) const;
  void set_deadline(ticket place, time_point deadline);
  void join_turns(ticket place, const waiter& who);
  void leave_turns(ticket place, const waiter& who);
  bool waits_in_any(turn_number identity) const;
  bool waits_in_any(turn_number identity, turn_number holder) const;
  template <class Each>
  void for_each_circle(Each each) const;
  static ticket first_of(const circle& of);
  static void list(const circle& of, std::vector<ticket>& order);
  void verify_turns() const;

  ticket last_ = 0;
  turn_number last_turn_ = 0;
  std::map<ticket, waiter> waiters_;
  /// No hash: one that grows keeps an acquire waiting for milliseconds.
  std::map<request_id, ticket> by_request_;
  std::set<std::pair<time_point, ticket>> deadlines_;
  std::set<std::pair<time_point, ticket>> yielding_; ///< by when they asked
  circle rounds_;                                    ///< of those that take any machine
  std::map<std::string, circle> asking_;             ///< of the others, by the machine
  std::size_t asking_count_ = 0;
  std::map<std::string, turn_number> round_of_;
  std::map<line_key, turn_number> line_of_;
  std::set<ticket> carriers_; ///< who wants to be carried
  std::set<std::pair<holder_id, ticket>> carriers_of_;
};

} // namespace moorage
