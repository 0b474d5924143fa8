// Long lives of a pool whose cluster is several machines, which go and come back, and of holders who ask for
// one of them, beside an observer that keeps its own books of who asked for what and who is where. Everything
// is drawn from one seed.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "actors/pool/core.hpp"
#include "actors/pool/seeded_random.hpp"
#include "tests/core/observer.hpp"

namespace moorage::test {

/// Believes nothing that the pool does.
class machine_observer {
public:
  struct request_book {
    std::string machine;
    time_point deadline;
    bool answered = false;
  };
  struct connection_book {
    std::string machine, asked_for;
    bool open = false, closing = false;
    std::set<lease_id> leases;
  };

  explicit machine_observer(cluster_settings settings) : settings_(std::move(settings)) {}
  void told(time_point now, const pool_event& event);
  void did(const pool_effects& effects, const pool_core& core);

  const std::map<request_id, request_book>& requests() const { return requests_; }
  const std::map<connection_id, connection_book>& connections() const { return connections_; }
  bool waits(const std::string& machine) const;

private:
  void see(const pool_effect& effect);
  void check_waiters(const pool_core& core) const;

  cluster_settings settings_;
  time_point now_;
  std::map<request_id, request_book> requests_;
  std::map<connection_id, connection_book> connections_;
  std::map<lease_id, connection_id> leases_;
};

class machine_life {
public:
  explicit machine_life(std::uint64_t seed);
  void run(std::size_t steps);
  /// All machines are up, and leases are given back: everybody who waits must be served.
  void make_peace();

  /// Stands between the pool and its observer.
  std::function<void(pool_effects&)> tamper = [](pool_effects&) {};
  machine_observer watch;
  std::map<std::string, std::size_t> seen; ///< what happened, how often

private:
  static cluster_settings settings_of(seeded_random& random);
  void step(const pool_event& event);
  void answer(const pool_effect& effect);
  void open(const open_connection& effect);
  void next();
  void ask();
  void later(std::chrono::nanoseconds longest, pool_event event);
  bool chance(double share) { return random_.unit() < share; }
  const std::string& any_machine();

  seeded_random random_;
  cluster_settings settings_;
  pool_core core_;
  time_point now_{std::chrono::hours{1}};
  std::set<std::string> down_;
  std::multimap<time_point, pool_event> coming_;
  std::map<lease_id, holder_id> held_;
  std::uint64_t requests_ = 0;
  bool kind_ = false;
};

} // namespace moorage::test
