#include "runtime/client/followed_events.hpp"

#include <utility>

#include "runtime/begin_call.hpp"
#include "runtime/client/leading.hpp"

namespace moorage {

event_filter followed_events::widened(const event_filter& wanted) {
  if (wanted.lets(event_kind::handed_over))
    return wanted;
  event_filter both;
  for (std::size_t i = 0; i < event_rows.size(); ++i)
    if (auto kind = static_cast<event_kind>(i); wanted.lets(kind) || kind == event_kind::handed_over)
      both.only(kind);
  return both;
}

void followed_events::begun(const std::shared_ptr<client_gate>& there, subscription events) {
  place oldest; // ends without the lock
  std::lock_guard guard{mutex_};
  if (over_)
    return;
  oldest = std::exchange(before_, std::exchange(now_, place{there, std::move(events)}));
}

/// A node that went away and is back without the cluster says that it has no more events of it.
void followed_events::saw(event_kind what) {
  if (what != event_kind::handed_over && what != event_kind::node_lost)
    return;
  std::shared_ptr<client_gate> from;
  {
    std::lock_guard guard{mutex_};
    again_ = looking_;
    if (over_ || looking_ || !now_.there)
      return;
    looking_ = true;
    from = now_.there;
  }
  look(from, led_way::hops_max);
}

void followed_events::look(const std::shared_ptr<client_gate>& from, int hops) {
  auto asked = pending_access::take_apart(pending_access::place_of(from, {cluster_, std::string{}}));
  asked->then_here([self = shared_from_this(), from, hops](const result<cluster_place>& found) {
    if (!found || found->address.empty() || hops == 0)
      return self->looked();
    self->nodes_->reach(found->address, [self, from, hops, address = found->address](const auto& there) {
      if (!there)
        self->looked("it is on the node at " + address + ", which cannot be reached: " + there.error().text);
      else if (*there == from)
        self->looked();
      else
        self->go_on(*there, hops - 1);
    });
  });
}

/// No event is told twice where the cluster comes back to a node that it had left.
void followed_events::go_on(const std::shared_ptr<client_gate>& there, int hops) {
  place left;
  {
    std::lock_guard guard{mutex_};
    if (before_.there == there)
      left = std::exchange(before_, {});
  }
  left = {};
  auto asked = pending_access::take_apart(ask_(there));
  asked->then_here([self = shared_from_this(), there, hops](result<subscription> made) {
    if (made)
      self->begun(there, std::move(*made));
    else if (made.error().code != errc::elsewhere)
      return self->looked(made.error().text);
    self->look(there, hops); // it may have gone on meanwhile
  });
}

void followed_events::looked(const std::string& lost) {
  std::shared_ptr<client_gate> from;
  bool over = false;
  {
    std::lock_guard guard{mutex_};
    looking_ = std::exchange(again_, false) && !over_;
    over = over_;
    if (looking_)
      from = now_.there;
  }
  if (from)
    look(from, led_way::hops_max);
  else if (!lost.empty() && !over)
    tell_(lost);
}

void followed_events::end() {
  place now, before; // end without the lock
  std::lock_guard guard{mutex_};
  over_ = true;
  now = std::exchange(now_, {});
  before = std::exchange(before_, {});
}

} // namespace moorage
