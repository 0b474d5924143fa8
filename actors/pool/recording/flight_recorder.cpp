// What a pool keeps of its latest life.
#include "actors/pool/recording/flight_recorder.hpp"

#include <utility>

namespace moorage {

void flight_recorder::begin_leg(const pool_core& core) {
  earlier_ = std::exchange(later_, {});
  if (core.things() > things_max)
    return;
  archive_writer snapshot;
  core.write(snapshot);
  later_.snapshot = snapshot.copy();
}

void flight_recorder::before(const pool_core& core, time_point now, const pool_event& event) {
  auto full = blind() ? later_.missed % look_again_after == 0 : later_.events.size() >= leg_max_;
  if (full)
    begin_leg(core);
  if (blind()) {
    ++later_.missed;
    return;
  }
  later_.events.difference(now.time_since_epoch().count() - later_.last.time_since_epoch().count());
  later_.last = now;
  later_.events(core.announcing(), event);
}

void flight_recorder::after(const pool_effects& effects) {
  if (blind())
    return;
  later_.events(step_end::effects);
  later_.events.word(digest_of(effects, scratch_));
}

void flight_recorder::broke(const char* invariant) {
  if (blind())
    return;
  later_.events(step_end::broken);
  later_.events.text(invariant);
}

recording flight_recorder::kept(const pool_core& core, recording_header header) const {
  recording result{std::move(header), {}};
  result.header.cluster = core.settings().name;
  if (blind()) {
    archive_writer snapshot;
    core.write(snapshot);
    result.legs.push_back({snapshot.copy(), {}});
    return result;
  }
  if (!earlier_.snapshot.empty())
    result.legs.push_back({earlier_.snapshot, earlier_.events.copy()});
  result.legs.push_back({later_.snapshot, later_.events.copy()});
  return result;
}

} // namespace moorage
