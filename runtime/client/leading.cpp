#include "runtime/client/leading.hpp"

namespace moorage {

namespace {

const failure never_asked{errc::cancelled, "it was cancelled before it was asked for"};

} // namespace

void led_way::cancel() {
  std::shared_ptr<pending_shared> under_way;
  bool reaching = false;
  {
    std::lock_guard guard{mutex_};
    cancelled_ = true;
    under_way = under_way_;
    reaching = std::exchange(reaching_, false);
  }
  if (under_way)
    under_way->cancel();
  if (!reaching)
    return;
  keep_refusal(never_asked);
  give();
}

bool led_way::reached() {
  std::lock_guard guard{mutex_};
  return std::exchange(reaching_, false);
}

void led_way::asked(const std::shared_ptr<pending_shared>& call) {
  {
    std::lock_guard guard{mutex_};
    under_way_ = call;
    if (!cancelled_)
      return;
  }
  call->cancel();
}

void led_way::ask(const std::string& address) {
  at_ = address;
  bool cancelled = false;
  {
    std::lock_guard guard{mutex_};
    cancelled = cancelled_;
    reaching_ = !cancelled_;
  }
  if (cancelled) {
    keep_refusal(never_asked);
    return give();
  }
  auto patiently = patient();
  auto go_on = [self = shared_from_this(), patiently](const auto& there) {
    if (!self->reached())
      return;
    if (there)
      return self->ask_at(*there, pending_shared::clock::now() - self->began_);
    auto why = there.error();
    if ((why.code == errc::no_node || why.code == errc::node_lost) && patiently)
      return self->ask(self->at_);
    if (why.code != errc::stopping)
      why.text = "'" + self->terms_.cluster + "' is on the node at " + self->at_ +
                 ", which cannot be reached: " + why.text;
    self->keep_refusal(why);
    self->consider(why);
  };
  nodes_->reach(address, std::move(go_on), patiently);
}

void led_way::consider(const failure& why) {
  bool cancelled = false;
  {
    std::lock_guard guard{mutex_};
    under_way_ = nullptr;
    cancelled = cancelled_;
  }
  if (hops_ == hops_max && why.code == errc::elsewhere)
    keep_refusal({errc::elsewhere, why.text +
                                       "; the site's nodes send each other for it: make [nodes] and the "
                                       "cluster's node the same in their configurations"});
  auto lost = why.code == errc::node_lost || why.code == errc::no_node;
  if (cancelled || hops_ == hops_max || !(may_be_elsewhere(why.code) || (lost && terms_.anywhere)))
    return give();
  ++hops_;
  std::vector<std::string> whom{at_};
  if (lost) {
    whom = nodes_->all();
    std::erase(whom, at_);
  }
  locate(whom, 0, why.code);
}

/// Asks these in turn where the cluster is; what is kept is the answer if none knows better.
void led_way::locate(const std::vector<std::string>& whom, std::size_t index, errc why) {
  if (index == whom.size())
    return give();
  nodes_->reach(whom[index], [self = shared_from_this(), whom, index, why](const auto& there) {
    if (!there)
      return self->locate_further(whom, index, why, there.error());
    auto asked =
        pending_access::take_apart(pending_access::place_of(*there, {self->terms_.cluster, std::string{}}));
    asked->then_here([self, whom, index, why](const result<cluster_place>& place) {
      if (!place)
        return self->locate_further(whom, index, why, place.error());
      auto address = place->address.empty() ? whom[index] : place->address;
      if (address == self->at_ && why != errc::elsewhere)
        return self->give();
      self->nodes_->learn(self->terms_.cluster, address);
      self->ask(address);
    });
  });
}

/// Who was asked does not know, or was not reached.
void led_way::locate_further(const std::vector<std::string>& whom, std::size_t index, errc why,
                             const failure& refused) {
  if (refused.code != errc::stopping)
    return locate(whom, index + 1, why);
  keep_refusal(refused);
  give();
}

} // namespace moorage
