#include "runtime/ssh/channels/carriages.hpp"

#include <algorithm>
#include <utility>

#include "runtime/ssh/libssh_session.hpp"

namespace moorage {

namespace {

/// Sent on in one pump, for all of them, before others have their turn.
constexpr std::size_t share_max = 1u << 20;

} // namespace

carriages::carriages(libssh_session& link, readiness& loop, waker wake)
    : link_(link), loop_(loop), wake_(std::move(wake)) {}

void carriages::begin_pump() {
  share_ = share_max;
}

void carriages::add(stream_id stream, std::shared_ptr<carriage> what, carriage_target to) {
  auto ours = std::dynamic_pointer_cast<carried_socket>(what);
  if (!ours || ours->fd() < 0) {
    failure why{errc::cancelled, "it had ended before it was carried"};
    if (what)
      what->end(why);
    stillborn_.push_back({stream, std::move(why.text)});
    return;
  }
  carried_.push_back(
      std::make_unique<carried_channel>(stream, std::move(ours), std::move(to), link_, loop_, wake_));
}

bool carriages::advance(time_point now, std::vector<transport_event>& events) {
  bool eager = false;
  for (std::size_t i = 0; i < carried_.size(); ++i) {
    auto& one = *carried_[(first_ + i) % carried_.size()];
    one.advance(now, share_);
    eager = eager || one.eager();
  }
  ++first_;
  settle(events);
  return eager;
}

void carriages::settle(std::vector<transport_event>& events) {
  for (auto& one : stillborn_)
    events.emplace_back(std::move(one));
  stillborn_.clear();
  auto over =
      std::stable_partition(carried_.begin(), carried_.end(), [](const auto& one) { return !one->over(); });
  for (auto at = over; at != carried_.end(); ++at) {
    ending_.push_back((*at)->release());
    events.emplace_back(carriage_over{(*at)->id(), (*at)->text()});
  }
  carried_.erase(over, carried_.end());
  std::erase_if(ending_, [](const auto& channel) { return channel->settle(); });
}

void carriages::end(const failure& why, std::vector<transport_event>* events) {
  for (auto& one : carried_) {
    one->finish(why.text, &why);
    if (events)
      events->emplace_back(carriage_over{one->id(), one->text()});
    ending_.push_back(one->release());
  }
  carried_.clear();
}

void carriages::clear() {
  carried_.clear();
  ending_.clear();
}

time_point carriages::next_due() const {
  auto due = time_point::max();
  for (const auto& one : carried_)
    due = std::min(due, one->next_due());
  return due;
}

} // namespace moorage
