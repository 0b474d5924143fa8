// Whose turn it is: the acquires that wait for a lease.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

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
};

/// First come, first served. Found by request, by holder and by deadline, without a look at the others.
class waiter_queue {
public:
  /// A waiter's place: whoever came later has a greater one. 0: nobody.
  using ticket = std::uint64_t;

  /// A request joins once.
  void join(waiter who);
  /// Whom the ticket names, which must wait.
  waiter leave(ticket place);

  bool empty() const { return waiters_.empty(); }
  std::size_t size() const { return waiters_.size(); }
  const waiter& at(ticket place) const { return waiters_.at(place); }
  /// Who is served next.
  ticket turn() const { return next(0); }
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
  /// How many are served before; counted to `limit`, since the queue may be long.
  std::size_t ahead_of(ticket place, std::size_t limit) const;

  /// In the order in which they will be served.
  auto begin() const { return waiters_.begin(); }
  auto end() const { return waiters_.end(); }

  /// Checks that its books agree with each other; throws `broken_invariant`. Looks at everything: for tests.
  void verify() const;

private:
  friend class pool_core_surgeon; // breaks the books in tests, so that `verify` is seen to notice

  ticket last_ = 0;
  std::map<ticket, waiter> waiters_;
  /// No hash: one that grows keeps an acquire waiting for milliseconds.
  std::map<request_id, ticket> by_request_;
  std::set<std::pair<holder_id, ticket>> by_holder_;
  std::set<std::pair<time_point, ticket>> deadlines_;
};

} // namespace moorage
