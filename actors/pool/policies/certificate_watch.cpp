#include "actors/pool/policies/certificate_watch.hpp"

#include <algorithm>

#include "messages/printable.hpp"

namespace moorage {

void certificate_watch::used(time_point now, const certificate_used& what) {
  if (what.name.empty() || what.left == std::chrono::nanoseconds::max()) {
    auto told_of = std::move(told_of_);
    *this = {};
    told_of_ = std::move(told_of);
    return;
  }
  name_ = printable(what.name, printable_whole);
  until_ = printable(what.until);
  principals_ = printable(what.principals);
  life_ = what.life;
  ends_ = after(now, what.left);
}

bool certificate_watch::told() const {
  return std::find(told_of_.begin(), told_of_.end(), identity()) != told_of_.end();
}

void certificate_watch::warned() {
  constexpr std::size_t most = 8; // certificates that log-ins use in turn
  if (told_of_.size() == most)
    told_of_.erase(told_of_.begin());
  told_of_.push_back(identity());
}

void certificate_watch::slept(std::chrono::nanoseconds how_long) {
  // Never before the clock's beginning, however long it was.
  if (ends())
    ends_ -= std::min(how_long, between(time_point{}, ends_));
}

time_point certificate_watch::warn_at(std::chrono::nanoseconds lead) const {
  if (!ends() || told() || lead.count() <= 0)
    return time_point::max();
  return ends_ - std::min({lead, life_ / 2, between(time_point{}, ends_)});
}

std::string certificate_watch::in_words(time_point now) const {
  return "the certificate " + name_ + (principals_.empty() ? " for any user" : " for " + principals_) +
         (left(now).count() > 0 ? " ends on " : " has ended on ") + until_;
}

} // namespace moorage
