// What is ordered of every pool at once, and of the process that they are in.
#include <algorithm>
#include <caf/all.hpp>

#include "actors/manager/manager.hpp"
#include "messages/durations.hpp"
#include "messages/printable.hpp"

namespace moorage {

namespace {

/// Of how many pools one answer names at most, so that its length has a bound.
constexpr std::size_t named_max = 10;
constexpr std::size_t groups_max = 20;

/// What pools have answered; those that said the same stand together, by name and not as they came.
class answers {
public:
  void add(const std::string& cluster, const std::string& text) { texts_.emplace(cluster, text); }
  std::size_t count() const { return texts_.size(); }
  /// "alpha, beta: paused; gamma: was paused already"
  std::string in_words() const {
    struct group {
      std::string text;
      std::string names;
      std::size_t named = 0;
    };
    std::vector<group> groups;
    for (const auto& [cluster, text] : texts_) {
      auto same = [&text = text](const group& each) { return each.text == text; };
      auto found = std::find_if(groups.begin(), groups.end(), same);
      if (found == groups.end())
        found = groups.insert(groups.end(), {text, {}, 0});
      if (found->named++ < named_max)
        found->names += (found->names.empty() ? "" : ", ") + cluster;
    }
    std::string all;
    for (std::size_t i = 0; i < std::min(groups.size(), groups_max); ++i) {
      const auto& each = groups[i];
      all += (all.empty() ? "" : "; ") + each.names +
             (each.named > named_max ? " and " + std::to_string(each.named - named_max) + " more" : "") +
             (each.text.empty() ? "" : ": " + each.text);
    }
    return all + (groups.size() > groups_max ? "; …" : "");
  }

private:
  std::map<std::string, std::string> texts_; ///< by cluster
};

} // namespace

void manager_actor_state::order_each(std::function<caf::message(const std::string& cluster)> make,
                                     all_answered then) {
  struct round {
    answers done, refused;
    failure first;
    std::size_t left = 0;
    all_answered then;

    void one_less() {
      if (--left > 0)
        return;
      if (refused.count() == 0)
        return then({}, done.count() == 0 ? "there is no pool" : done.in_words());
      auto text = refused.in_words() + (done.count() == 0 ? "" : "; done: " + done.in_words());
      then({first.code, std::move(text)}, {});
    }
  };
  auto all = std::make_shared<round>();
  all->then = std::move(then);
  all->left = clusters_.size() + 1; // one for this call itself
  for (auto& [name, entry] : clusters_)
    self_->request(caf::actor_cast<caf::actor>(manager_actor{self_}), caf::infinite, make(name))
        .then(
            [all, name = name](const done& answer) {
              all->done.add(name, answer.text);
              all->one_less();
            },
            [all, name = name](const caf::error& error) {
              auto reason = to_failure(error);
              if (reason.code != errc::unknown_cluster && reason.code != errc::cluster_removed) { // gone
                all->refused.add(name, reason.text);
                if (all->first.code == errc::none)
                  all->first = reason;
              }
              all->one_less();
            });
  all->one_less();
}

void manager_actor_state::shut_down(const shut_down_pools& order, caf::typed_response_promise<done> promise) {
  auto within = std::max(order.within, std::chrono::milliseconds{0});
  tell_subscribers({}, event_kind::ending,
                   within.count() == 0 ? "leases end now"
                                       : "leases may end by themselves within " + to_text(within),
                   order.by);
  ++shutting_down_;
  order_each(
      [within, by = order.by](const std::string& name) {
        return caf::make_message(drain_pool{name, within, by}, order_sender{});
      },
      [this, by = order.by, promise](const failure& refused, std::string) mutable {
        if (refused.code != errc::none) {
          --shutting_down_;
          promise.deliver(make_error(refused.code, "not shut down: " + refused.text +
                                                       " (what is drained stays so; resume " + every_pool +
                                                       " ends that)"));
          return;
        }
        promise.deliver(done{"no connection is left"});
        if (world_.shut_down)
          world_.shut_down(by);
        else
          stop({});
      });
}

void manager_actor_state::reload(const reload_configuration& order,
                                 caf::typed_response_promise<done> promise) {
  if (!world_.reload) {
    promise.deliver(
        make_error(errc::invalid_request,
                   "this process has no configuration that it could read again: its host gave it"));
    return;
  }
  if (reloading_) {
    promise.deliver(make_error(errc::too_many_requests, "the configuration is being read just now"));
    return;
  }
  reload_promise_ = std::move(promise);
  reload_by_ = order.by;
  // Weak: a file system that hangs keeps no manager alive.
  reloading_ = world_.reload(order.by, [address = self_->address()] {
    if (auto owner = caf::actor_cast<caf::strong_actor_ptr>(address))
      caf::anon_send(caf::actor_cast<caf::actor>(owner), wake_up{0});
  });
}

void manager_actor_state::reload_ended() {
  auto told = reloading_ ? reloading_->outcome() : std::nullopt;
  if (!told)
    return;
  reloading_ = nullptr;
  auto promise = std::exchange(reload_promise_, std::nullopt);
  if (told->first.code != errc::none) {
    promise->deliver(make_error(told->first));
    return;
  }
  tell_subscribers({}, event_kind::reloaded, told->second, reload_by_);
  promise->deliver(done{std::move(told->second)});
}

} // namespace moorage
