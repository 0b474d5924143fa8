#include "runtime/client/cluster_move.hpp"

#include <algorithm>
#include <future>

#include "messages/printable.hpp"
#include "runtime/begin_call.hpp"
#include "runtime/client/leading.hpp"

namespace moorage {

cluster_move::way cluster_move::reach(const std::string& address) const {
  auto there = std::make_shared<std::promise<way>>();
  nodes_->reach(address, [there](const auto& gate) { there->set_value(gate); });
  return there->get_future().get();
}

failure cluster_move::unreached(const std::string& address, const failure& why) const {
  return {why.code,
          "'" + cluster_ + "' may be on the node at " + address + ", which cannot be reached: " + why.text};
}

/// Where it is, and where the node is that is to have it.
failure cluster_move::find() {
  auto at = nodes_->where(cluster_);
  for (int hops = 0; hops < led_way::hops_max; ++hops) {
    auto there = reach(at);
    if (!there)
      return unreached(at, there.error());
    auto place = pending_access::place_of(*there, {cluster_, std::string{}}).get();
    if (!place)
      return place.error();
    if (!place->address.empty() && place->address != at) {
      at = place->address;
      continue;
    }
    from_ = at;
    place_ = *place;
    auto target = pending_access::place_of(*there, {cluster_, to_}).get();
    if (!target)
      return target.error();
    target_ = target->address.empty() ? at : target->address;
    return {};
  }
  return {errc::elsewhere, "the nodes send each other for '" + cluster_ +
                               "': make [nodes] and the cluster's node the same in their configurations"};
}

/// Whom to tell that it moves: who has it first.
std::vector<std::string> cluster_move::others() const {
  auto all = nodes_->all();
  std::erase(all, from_);
  all.insert(all.begin(), from_);
  std::erase(all, target_);
  return all;
}

/// Where a move was broken off nobody but each node itself knows that it has not got it.
failure cluster_move::hand_over() {
  for (const auto& address : others()) {
    auto needed = address == from_ || from_ == target_;
    auto there = reach(address);
    if (!there && needed)
      return unreached(address, there.error());
    if (!there)
      continue;
    auto left = pending_access::hand_over(*there, {cluster_, to_, within_, {}}).get();
    if (left)
      budget_full_in_ = std::max(budget_full_in_, *left);
    else if (needed && left.error().code != errc::unknown_cluster)
      return left.error();
  }
  return {};
}

/// The node that awaited it sends those who wait there back. What is not known to have been refused may be
/// done yet: then it is awaited still, and the same order goes on.
failure cluster_move::undone(failure why) {
  if (!awaited_) { // it was begun there before, and goes on
    why.text += "; '" + cluster_ + "' may be on two nodes: move it again";
    return why;
  }
  if (why.code == errc::node_lost || from_ == target_) {
    why.text += "; nothing is opened for '" + cluster_ + "' until it is moved again";
    return why;
  }
  if (auto there = reach(target_))
    static_cast<void>(pending_access::hand_over(*there, {cluster_, place_.node, {}, {}}).get());
  why.text += "; '" + cluster_ + "' stays where it was";
  return why;
}

result<std::string> cluster_move::carry_out() {
  if (auto wrong = find(); wrong.code != errc::none)
    return wrong;
  if (from_ == target_ && place_.begun)
    return "it is on '" + printable(to_) + "' already";
  auto there = reach(target_);
  if (!there)
    return failure{there.error().code, "'" + printable(to_) + "' cannot be reached: " + there.error().text};
  if (auto awaited = pending_access::take_over(*there, {cluster_, false, {}, {}}).get(); !awaited)
    return awaited.error();
  if (auto place = pending_access::place_of(*there, {cluster_, std::string{}}).get())
    awaited_ = !place->begun;
  if (auto refused = hand_over(); refused.code != errc::none)
    return undone(std::move(refused));
  auto begun = pending_access::take_over(*there, {cluster_, true, budget_full_in_, {}}).get();
  if (!begun)
    return undone({errc::node_lost, begun.error().text});
  nodes_->learn(cluster_, target_);
  auto to = printable(to_);
  return "it is on '" + to + "' (" + target_ + ") now; so that it stays there when a node is started anew, " +
         "set node = \"" + to + "\" for it in the configuration of every node";
}

} // namespace moorage
