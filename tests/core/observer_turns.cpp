// Whose turn it was, as the observer counts it: who else was served while somebody waited.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

namespace {

void turn_promise(bool kept, const char* words) {
  if (!kept)
    throw broken_promise{words};
}

} // namespace

/// Before it is among those who wait. Whose time is up now is refused before it joins.
void observer::comes_to_turns(const request_book& r) {
  auto waits = [&](auto same) {
    return std::any_of(waiting_.begin(), waiting_.end(), [&](request_id other) {
      const auto& o = requests_[other.value];
      return o.deadline > now_ && same(o);
    });
  };
  if (!waits([&](const request_book& o) { return o.identity == r.identity; }))
    identities_[r.identity] = {++turns_, {}};
  if (!waits([&](const request_book& o) { return name_of(o) == name_of(r); }))
    holders_[name_of(r)] = {++turns_, {}};
}

void observer::takes_turn(request_id granted) {
  const auto& r = requests_[granted.value];
  auto mine = name_of(r);
  auto first = std::find_if(waiting_.begin(), waiting_.end(),
                            [&](request_id other) { return name_of(requests_[other.value]) == mine; });
  turn_promise(*first == granted, "of one holder who came first is served first");
  std::set<std::string> identities, siblings; // that wait
  for (auto other : waiting_) {
    const auto& o = requests_[other.value];
    if (o.identity != r.identity)
      identities.insert(o.identity);
    else if (name_of(o) != mine)
      siblings.insert(name_of(o));
  }
  auto& identity = identities_[r.identity];
  auto& holder = holders_[mine];
  for (const auto& other : identities)
    turn_promise(identities_[other].served.insert(r.identity).second,
                 "while an identity waits each other is served once at most");
  for (const auto& other : identities)
    turn_promise(identity.since < identities_[other].since, "an identity that comes takes the last turn");
  for (const auto& other : siblings)
    turn_promise(holders_[other].served.insert(mine).second,
                 "while a holder waits each other of its identity is served once at most");
  for (const auto& other : siblings)
    turn_promise(holder.since < holders_[other].since, "a holder that comes takes the last turn");
  identity = {++turns_, {}};
  holder = {++turns_, {}};
}

} // namespace moorage::test
