// A world that is rude to a pool: servers that deny, fail, hang and hang up, holders that forget, die, or
// give back what is not theirs, admins who change their minds. Everything is drawn from one seed.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "actors/pool/seeded_random.hpp"
#include "tests/core/sometimes.hpp"
#include "tests/core/watched_pool.hpp"

namespace moorage::test {

class impolite_world {
public:
  explicit impolite_world(std::uint64_t seed);

  /// So many things happen, each at its time.
  void run(std::size_t steps);
  /// The world turns kind: everybody who waits must be served; then the pool is stopped, and nothing may be
  /// left.
  void make_peace();

  watched_pool pool;
  std::set<event_kind> told; ///< what the pool has announced so far
  sometimes seen;            ///< of what must happen now and then
  bool discards = false;     ///< some holders say that their connection is bad; set before it runs
  bool carriages = false;    ///< some want to be carried; likewise
  bool persons = false;      ///< some log-ins wait for a person, or are by a certificate; likewise

private:
  enum class weather : std::uint8_t { fair, frozen, banned, flapping };
  void turn_weather();
  void stand_still();
  static cluster_settings draw_settings(seeded_random& random);
  bool chance(double share) { return random_.unit() < share; }
  std::chrono::nanoseconds up_to(std::chrono::nanoseconds longest);
  std::uint64_t below(std::uint64_t limit) { return random_.next() % limit; }
  void later(std::chrono::nanoseconds delay, pool_event event);
  void step(const pool_event& event);
  void step_once();
  void answer(const request_permit& effect);
  void answer(const return_permit&) {}
  void answer(const look_at_credentials& effect);
  void answer(const open_connection& effect);
  void answer(const close_connection& effect);
  void answer(const grant& effect);
  void answer(const begin_carriage& effect);
  void answer(const tell_of_wait&) {}
  void answer(const tell_of_hindrance&) {}
  void answer(const refuse&) {}
  void answer(const acknowledge&) {}
  void answer(const write_recording&) {}
  void answer(const end_lease& effect);
  void answer(const notify_holder&) {}
  void answer(const start_probe& effect);
  void answer(const give_up_channel& effect);
  void answer(const change_probes&) {}
  void answer(const announce& effect) { told.insert(effect.what); }
  void ask();
  void be_rude();
  void administrate();
  void pause();
  request_id fresh() { return request_id{++requests_}; }
  holder_id anyone() { return holder_id{1 + below(5)}; }
  /// Three holders are the same user.
  static std::string identity_of(holder_id holder) {
    return holder.value == 4 ? "eve" : holder.value == 5 ? "mallory" : "";
  }

  seeded_random random_;
  double trouble_;                ///< share of openings and probes that go wrong
  std::chrono::nanoseconds pace_; ///< the longest time between two things that happen
  bool kind_ = false;
  weather weather_ = weather::fair;
  time_point weather_until_ = time_point::min();
  std::uint64_t requests_ = 0;
  std::multimap<time_point, pool_event> coming_;
  std::vector<lease_id> leases_;
  std::vector<connection_id> connections_;
  std::uint64_t permits_ = 0; ///< the last that was asked for
};

} // namespace moorage::test
