#include "actors/pool/policies/certificate_watch.hpp"

#include <algorithm>

#include "messages/printable.hpp"

namespace moorage {

void certificate_watch::used(time_point now, const certificate_used& what) {
  if (what.name.empty() || what.left == std::chrono::nanoseconds::max()) {
    *this = {};
    return;
  }
  auto name = printable(what.name, printable_whole), until = printable(what.until);
  const bool same = name == name_ && until == until_;
  name_ = std::move(name);
  until_ = std::move(until);
  principals_ = printable(what.principals);
  life_ = what.life;
  ends_ = after(now, what.left);
  told_ = same && told_;
}

void certificate_watch::slept(std::chrono::nanoseconds how_long) {
  // Never before the clock's beginning, however long it was.
  if (ends())
    ends_ -= std::min(how_long, between(time_point{}, ends_));
}

time_point certificate_watch::warn_at(std::chrono::nanoseconds lead) const {
  if (!ends() || told_ || lead.count() <= 0)
    return time_point::max();
  return ends_ - std::min({lead, life_ / 2, between(time_point{}, ends_)});
}

std::string certificate_watch::in_words(time_point now) const {
  return "the certificate " + name_ + (principals_.empty() ? " for any user" : " for " + principals_) +
         (left(now).count() > 0 ? " ends on " : " has ended on ") + until_;
}

} // namespace moorage
