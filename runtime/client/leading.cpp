#include "runtime/client/leading.hpp"

namespace moorage {

void led_way::cancel() {
  std::shared_ptr<pending_shared> under_way;
  {
    std::lock_guard guard{mutex_};
    cancelled_ = true;
    under_way = under_way_;
  }
  if (under_way)
    under_way->cancel();
}

bool led_way::cancelled() {
  std::lock_guard guard{mutex_};
  return cancelled_;
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
  nodes_->reach(address, [self = shared_from_this()](const auto& there) {
    if (self->cancelled()) {
      self->keep_refusal({errc::cancelled, "it was cancelled before it was asked for"});
      return self->give();
    }
    if (there)
      return self->ask_at(*there, pending_shared::clock::now() - self->began_);
    auto why = there.error();
    if (why.code != errc::stopping)
      why.text = "'" + self->terms_.cluster + "' is on the node at " + self->at_ +
                 ", which cannot be reached: " + why.text;
    self->keep_refusal(why);
    self->consider(why);
  });
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
      return self->locate(whom, index + 1, why);
    auto asked =
        pending_access::take_apart(pending_access::place_of(*there, {self->terms_.cluster, std::string{}}));
    asked->then_here([self, whom, index, why](const result<cluster_place>& place) {
      if (!place)
        return self->locate(whom, index + 1, why);
      auto address = place->address.empty() ? whom[index] : place->address;
      if (address == self->at_ && why != errc::elsewhere)
        return self->give();
      self->nodes_->learn(self->terms_.cluster, address);
      self->ask(address);
    });
  });
}

} // namespace moorage
