// Who may log in, and when: the permits of all pools.
//
// It composes what is kept by host and port (login_budget, login_penalties, cool_down) with the allowance of
// the whole process, and gives pools their turns. A value: messages go in with the time, answers come out;
// `actors/permits.cpp` sends them.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "actors/manager/policies/cool_down.hpp"
#include "actors/manager/policies/login_budget.hpp"
#include "actors/manager/policies/login_penalties.hpp"
#include "actors/pool/seeded_random.hpp"
#include "messages/permits.hpp"

namespace moorage {

class permit_book {
public:
  /// What one pool may have asked for and not been given; more is dropped, and asked again once there is
  /// room.
  static constexpr std::size_t waiting_max = 64;
  /// A book that takes the place of a lost one begins its sites as if their budgets were used up.
  static constexpr std::chrono::minutes cautious_for{1};

  /// For how long a log-in that was let in says that others will be.
  static constexpr std::chrono::seconds proves_for{30};

  /// A log-in that fails after so long kept its permit from others; one that fails sooner costs them nothing.
  static constexpr std::chrono::seconds hangs_from{5};

  /// A pool, as its keeper numbers it.
  using pool_number = std::uint64_t;
  struct answer {
    pool_number pool = 0;
    permit_id permit;
    /// `time_point::min()`: it is given. Else it is delayed.
    time_point until = time_point::min();
    std::string why;
  };

  /// `at_once`: permits for the whole process; 0: no limit.
  permit_book(std::uint32_t at_once, std::uint64_t seed, time_point cautious_until = time_point::min())
      : at_once_(at_once), random_(seed), cautious_until_(cautious_until) {}

  void ask(time_point now, pool_number pool, const permit_request& request);
  void take_back(time_point now, pool_number pool, const return_permit& what);
  /// Its permits end with it; its log-ins are cut short.
  void pool_ended(time_point now, pool_number pool);
  /// What can be said since it was last asked: permits given, and delays that are new.
  std::vector<answer> settle(time_point now);
  /// When `settle` has something to do that nobody tells it of.
  time_point next_due() const { return due_; }

  // Of a cluster that moves to another node, or from one.
  /// How long until the site's budget is full again.
  std::chrono::nanoseconds budget_full_in(time_point now, const std::string& host, std::uint16_t port) const;
  /// What was taken of it elsewhere counts here; `of` has the cluster's settings.
  void join_budget(time_point now, const permit_request& of, std::chrono::nanoseconds full_in);

  std::size_t given() const { return given_; }
  std::size_t sites() const { return sites_.size(); }

private:
  enum class obstacle : std::uint8_t { none, process, unproven, budget, penalties, under_way, cooling };

  struct site {
    login_budget budget;
    login_penalties penalties;
    cool_down cooling;
    std::uint32_t pools = 0;
    std::uint32_t under_way = 0;
    std::uint32_t emptied_for = 0; ///< the largest burst that a book with a lost past began without
  };
  using site_name = std::pair<std::string, std::uint16_t>;
  using site_map = std::map<site_name, site>;
  struct log_in {
    site_map::iterator at;
    time_point began;
    std::chrono::nanoseconds worst{0};
    bool of_failing = false; ///< its pool's last one hung
  };
  struct pool_book {
    site_map::iterator at;
    permit_request terms;
    std::deque<permit_id> waiting;
    std::map<permit_id, log_in> held;
    obstacle told = obstacle::none;
    time_point told_until = time_point::min();
    bool in_line = false;
    time_point proven_until = time_point::min(); ///< a log-in was let in lately
    bool failing = false;                        ///< its log-ins hang, and none was let in since
  };
  struct hindrance {
    obstacle what = obstacle::none;
    time_point until = time_point::min();
  };

  pool_book& booked(time_point now, pool_number pool, const permit_request& request);
  void set_rates(time_point now, site_map::iterator at);
  void leave_site(time_point now, pool_book& pool);
  void forget_if_idle(time_point now, site_map::iterator at);
  hindrance hindrance_of(const pool_book& pool, time_point now) const;
  std::string in_words(const pool_book& pool, obstacle what) const;
  void give(time_point now, pool_number number, pool_book& pool, permit_id permit);
  void ended(time_point now, log_in& what, permit_use use, std::chrono::nanoseconds lasted);

  std::uint32_t at_once_;
  seeded_random random_;
  time_point cautious_until_;
  site_map sites_;
  std::map<pool_number, pool_book> pools_;
  std::deque<pool_number> line_; ///< those that wait; the next turn is the first one's
  std::size_t given_ = 0;
  std::size_t given_to_failing_ = 0;
  std::vector<answer> answers_;
  time_point due_ = time_point::max();
};

} // namespace moorage
