// The shell's part in the flight recorder: each step of the core goes through it, and what it keeps is
// written when somebody orders that, or a bug ends the pool.
#include <caf/all.hpp>

#include <chrono>
#include <exception>
#include <utility>

#include "actors/pool/shell.hpp"
#include "messages/ensure.hpp"
#include "messages/printable.hpp"

namespace moorage {

void pool_actor_state::step_core(const pool_event& event) {
  auto now = self_->clock().now();
  if (!writer_)
    return core_->step(now, event, effects_);
  recorder_.before(*core_, now, event);
  try {
    core_->step(now, event, effects_);
  } catch (const std::exception& bug) {
    // The pool ends of this; whoever reports its end says where its last life can be read.
    recorder_.broke(bug.what());
    auto file = writer_(recorder_.kept(*core_, header_of(bug.what())), [] {});
    std::string text = bug.what();
    if (file && !file->path().empty())
      text += " (what the pool did lately is written to " + file->path() + ")";
    throw broken_invariant{text.c_str()};
  }
  recorder_.after(effects_);
}

/// A few long ones would leave a recording no room for anything else. What becomes of a banner does so in the
/// same step, and is given the whole of it.
void pool_actor_state::take(connection_opened& report) {
  if (report.banner.size() > banner_recorded_max) {
    auto beginning = printable(report.banner, banner_recorded_max, lines::many);
    whole_banner_ = std::exchange(report.banner, std::move(beginning));
  }
  step(std::move(report));
  whole_banner_.clear();
}

recording_header pool_actor_state::header_of(std::string why) const {
  using std::chrono::microseconds;
  auto today = std::chrono::system_clock::now().time_since_epoch();
  return {{}, {}, std::chrono::duration_cast<microseconds>(today), self_->clock().now(), std::move(why)};
}

void pool_actor_state::apply(const write_recording& effect) {
  caf::typed_response_promise<done> promise;
  if (auto node = promises_.extract(effect.request); !node.empty())
    promise = std::move(node.mapped());
  auto refuse = [&](failure reason) {
    if (promise.pending())
      promise.deliver(make_error(reason));
  };
  if (!writer_)
    return refuse({errc::local_failure, "nobody here writes recordings"});
  if (written_)
    return refuse({errc::invalid_request,
                   "a recording of '" + settings().name + "' is being written already; wait for that"});
  // Weak: a file system that hangs must not keep the pool alive.
  auto wake = [address = self_->address()] {
    if (auto owner = caf::actor_cast<caf::strong_actor_ptr>(address))
      caf::anon_send(caf::actor_cast<caf::actor>(owner), wake_up{recording_wake});
  };
  written_.emplace(being_written{nullptr, std::move(promise)});
  written_->file = writer_(recorder_.kept(*core_, header_of("an administrator asked")), std::move(wake));
}

void pool_actor_state::recording_is_written() {
  auto result = written_ ? written_->file->result() : std::nullopt;
  if (!result)
    return;
  auto& promise = written_->promise;
  if (promise.pending())
    result->code == errc::none ? promise.deliver(done{written_->file->path()})
                               : promise.deliver(make_error(*result));
  written_.reset();
}

} // namespace moorage
