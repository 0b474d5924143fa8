#include "runtime/node/outsiders.hpp"

#include <algorithm>

namespace moorage {

namespace {

// Whatever groups the process of a user has.
bool same_owner(const outsiders::identity& a, const outsiders::identity& b) {
  const auto* one = std::get_if<machine_user>(&a);
  const auto* other = std::get_if<machine_user>(&b);
  return one != nullptr && other != nullptr ? one->user == other->user : a == b;
}

} // namespace

void outsiders::begun(const caf::strong_actor_ptr& session, std::function<void()> cut) {
  std::unique_lock guard{mutex_};
  auto found = all_.find(session);
  if (found == all_.end())
    return;
  if (rights_now(found->second.who) == found->second.rights) {
    found->second.cut = std::move(cut);
    return;
  }
  guard.unlock();
  cut();
}

void outsiders::ended(const caf::strong_actor_ptr& session) {
  std::lock_guard guard{mutex_};
  all_.erase(session);
}

void outsiders::renew(access_rules rules) {
  std::lock_guard guard{mutex_};
  rules_ = std::move(rules);
  for (const auto& [session, each] : all_)
    if (each.cut && !(rights_now(each.who) == each.rights))
      each.cut();
}

bool outsiders::admits_users() const {
  std::lock_guard guard{mutex_};
  return rules_.admits_users();
}

access_rights outsiders::rights_now(const identity& who) const {
  return std::visit([this](const auto& known) { return rules_.rights_of(known); }, who);
}

std::size_t outsiders::links_of(const identity& who) const {
  return static_cast<std::size_t>(std::count_if(
      all_.begin(), all_.end(), [&who](const auto& each) { return same_owner(each.second.who, who); }));
}

} // namespace moorage
