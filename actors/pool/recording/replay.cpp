// Stepping through a recording.
#include <exception>

#include "actors/pool/recording/recording.hpp"

namespace moorage {

replay::replay(const recording& what) : what_(what) {}

bool replay::failed(const archive_reader& in) {
  fault_ = in.fault();
  return in.failed();
}

/// The first begins with its snapshot; the core that has come to another must agree with it.
bool replay::begin_leg() {
  const auto& leg = what_.legs[leg_];
  if (core_) {
    scratch_.clear();
    core_->write(scratch_);
    if (scratch_.bytes() != leg.snapshot) {
      fault_ = "after step " + std::to_string(steps_) + " the core is another than the one that was recorded";
      return false;
    }
    ++agreed_;
  } else {
    archive_reader in{leg.snapshot, leg.snapshot_offset};
    core_ = pool_core::read(in);
    if (!in.at_end())
      in.fail("the snapshot is longer than a core");
    if (failed(in))
      return false;
  }
  events_.emplace(leg.events, leg.events_offset);
  at_ = {};
  return true;
}

bool replay::next(replayed_step& step) {
  if (!fault_.empty() || (events_ && !core_))
    return false;
  while (!events_ || events_->at_end()) {
    if (events_)
      ++leg_;
    if (leg_ >= what_.legs.size() || !begin_leg())
      return false;
  }
  step = {};
  auto& in = *events_;
  // As unsigned numbers, which may overflow: a file may say anything.
  at_ = time_point{std::chrono::nanoseconds{
      static_cast<std::int64_t>(static_cast<std::uint64_t>(at_.time_since_epoch().count()) +
                                static_cast<std::uint64_t>(in.difference()))}};
  in(step.announcing, step.event);
  if (failed(in))
    return false;
  step.at = at_;
  step.number = ++steps_;
  play(step);
  compare(step);
  return !failed(in);
}

void replay::play(replayed_step& step) {
  core_->set_announcing(step.announcing);
  try {
    core_->step(step.at, step.event, step.effects);
  } catch (const std::exception& broken) {
    step.broke = broken.what();
    core_.reset();
  }
}

void replay::compare(replayed_step& step) {
  auto& in = *events_;
  step_end end{};
  if (!in.at_end())
    in(end);
  if (end == step_end::broken) {
    std::string recorded{in.text()};
    if (step.broke.empty())
      step.difference = "the pool ended here, of a broken invariant, and this core did not: " + recorded;
    else if (step.broke != recorded)
      step.difference = "the pool ended here of another broken invariant: " + recorded;
  } else if (!step.broke.empty()) {
    step.difference = "the pool did not end here, and this core did, of a broken invariant";
  }
  if (end == step_end::effects && in.word() != digest_of(step.effects, scratch_) && step.broke.empty())
    step.difference = "the effects are others than those that were recorded";
}

} // namespace moorage
