// Pauses. Each is its sender's, and holds beside a suspension and a drain: while there is one, nobody is
// served.
#include <algorithm>
#include <iterator>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "messages/durations.hpp"
#include "messages/ensure.hpp"

namespace moorage {

namespace {

std::string name_of(const pool_pause& pause) {
  if (!pause.by.empty())
    return pause.by;
  return pause.holder ? to_string(pause.holder) : "somebody";
}

} // namespace

/// "alice, bob and 3 more", the oldest first.
std::string pool_core::pausers() const {
  constexpr std::size_t named = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(named, pauses_.size()); ++i)
    text += (i == 0 ? "" : ", ") + name_of(pauses_[i]);
  if (pauses_.size() > named)
    text += " and " + std::to_string(pauses_.size() - named) + " more";
  return text;
}

void pool_core::on(const ordered<pause_pool>& event) {
  if (refused_for_stopping(event.request) || refused_for_draining(event.request))
    return;
  const auto& order = event.order;
  auto keep = order.keep || !event.holder; // who is not known cannot be seen to end
  auto own = std::find_if(pauses_.begin(), pauses_.end(), [&event](const pool_pause& each) {
    return each.holder == event.holder && (event.holder || each.by == event.order.by);
  });
  if (own != pauses_.end()) {
    own->keep = keep;
    own->by = order.by;
    return answer(event.request, "paused already, for " + to_text(between(own->since, now_)));
  }
  if (pauses_.size() == pauses_max)
    return answer(event.request,
                  {errc::too_many_requests, "'" + settings_.name + "' has " + std::to_string(pauses_max) +
                                                " pauses, by " + pausers() + ": a resume of all ends them"});
  auto others = pauses_.empty() ? std::string{} : "; by " + pausers() + " as well";
  pauses_.push_back({event.holder, order.by, keep, now_});
  note(event_kind::paused, {}, {}, keep ? "kept until a resume" : "until its sender ends, or resumes");
  answer(event.request, "paused" + others);
}

/// What is nobody's in particular ends with it, whoever it comes from.
void pool_core::on(const ordered<resume_pool>& event) {
  if (refused_for_stopping(event.request))
    return;
  auto ended = std::erase_if(pauses_, [&event](const pool_pause& each) {
    return event.order.all || each.keep || (event.holder && each.holder == event.holder);
  });
  auto was = state_;
  state_ = pool_state::running;
  undo_drains();
  std::string text = was != pool_state::running ? "was " + to_string(was) : "";
  if (ended > 0)
    text +=
        (text.empty() ? "" : ", ") + std::to_string(ended) + (ended == 1 ? " pause" : " pauses") + " ended";
  if (text.empty())
    text = "nothing of yours to resume";
  if (paused())
    text += "; still paused by " + pausers();
  if (ended > 0 || was != pool_state::running)
    note(event_kind::resumed, {}, {}, paused() ? "still paused by " + pausers() : std::string{});
  answer(event.request, std::move(text));
}

/// Its pauses end with it, but for those that are kept.
void pool_core::sender_gone(holder_id holder) {
  auto own = [holder](const pool_pause& each) { return !each.keep && each.holder == holder; };
  auto found = std::find_if(pauses_.begin(), pauses_.end(), own);
  if (found == pauses_.end())
    return;
  auto text = name_of(*found) + " has gone, whose pause this was";
  pauses_.erase(found);
  note(event_kind::resumed, {}, {}, paused() ? text + "; still paused by " + pausers() : text);
}

void pool_core::verify_pauses() const {
  ensure(pauses_.size() <= pauses_max, "no more pauses than there may be");
  for (auto one = pauses_.begin(); one != pauses_.end(); ++one) {
    ensure(one->holder || one->keep, "a pause that is nobody's is kept");
    ensure(std::none_of(std::next(one), pauses_.end(),
                        [one](const pool_pause& other) {
                          return other.holder == one->holder && (one->holder || other.by == one->by);
                        }),
           "a sender has one pause");
  }
}

} // namespace moorage
