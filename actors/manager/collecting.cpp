// How every pool does, asked so that nobody else waits for it.
#include <algorithm>
#include <caf/all.hpp>

#include "actors/manager/manager.hpp"

namespace moorage {

/// One is asked at a time: a thousand at once would stand in CAF's queue before whatever else is to be done.
/// After a few there is a rest, since who asks again and again would else keep a processor busy that acquires
/// want; a thousand pools are told in a twentieth of a second. Where CAF's queue is long already, answers
/// take long: then more are asked at once, and nothing rests, so that it does not last.
struct manager_actor_state::collection {
  static constexpr std::chrono::milliseconds slow{1}, rest{1};
  static constexpr std::size_t between_rests = 24;

  std::vector<std::pair<std::string, pool_actor>> pools;
  pool_list found; ///< in their order; one that has not answered, or has ended, is without a name
  std::size_t next = 0, asked = 0, at_once = 1;
  caf::typed_response_promise<pool_list> promise;

  void answered(std::chrono::nanoseconds took) {
    --asked;
    if (took <= slow)
      at_once = std::max<std::size_t>(at_once / 2, 1);
    else if (at_once < pools.size())
      at_once *= 2;
  }
  bool tired() const {
    return at_once == 1 && asked == 0 && next < pools.size() && next % between_rests == 0;
  }
};

void manager_actor_state::collect(caf::typed_response_promise<pool_list> promise) {
  auto all = std::make_shared<collection>();
  all->promise = std::move(promise);
  all->pools.reserve(clusters_.size());
  for (auto& [name, entry] : clusters_)
    all->pools.emplace_back(name, entry.pool);
  all->found.pools.resize(clusters_.size());
  collect_more(all);
}

void manager_actor_state::collect_more(const std::shared_ptr<collection>& all) {
  auto answered = [this, all](std::chrono::steady_clock::time_point since) {
    all->answered(self_->clock().now() - since);
    if (!all->tired()) {
      collect_more(all);
      return;
    }
    if (resting_.empty()) // all that rest go on together, so that who ask at once cost no more than one
      self_->delayed_send(self_, collection::rest, wake_up{0});
    resting_.push_back(all);
  };
  for (; all->next < all->pools.size() && all->asked < all->at_once; ++all->asked) {
    auto since = self_->clock().now();
    auto& into = all->found.pools[all->next];
    auto& [name, pool] = all->pools[all->next++];
    self_->request(pool, caf::infinite, get_pool{name})
        .then(
            [answered, since, &into](pool_status& status) {
              into = std::move(status); // alive as long as `answered`
              answered(since);
            },
            [answered, since](caf::error&) { answered(since); });
  }
  if (all->asked > 0)
    return;
  std::erase_if(all->found.pools, [](const pool_status& each) { return each.cluster.empty(); });
  all->promise.deliver(std::move(all->found));
}

void manager_actor_state::go_on_collecting() {
  for (auto& each : std::exchange(resting_, {}))
    collect_more(each);
}

} // namespace moorage
