#include "runtime/subscription.hpp"

#include <atomic>
#include <chrono>
#include <utility>

#include "runtime/begin_call.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/followed_events.hpp"
#include "runtime/client/leading.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

struct async_runtime::event_terms {
  std::string cluster;
  std::function<void(const event_record&)> callback;
  event_filter wanted;
  bool waited = false;
  /// Events of several nodes are told one at a time, and all end with it.
  std::shared_ptr<callback_strand> strand;
  /// What the host is given for what was begun at a node.
  std::function<subscription(subscription)> whole = {};
};

pending<result<subscription>> async_runtime::subscribe(std::string_view cluster,
                                                       std::function<void(const event_record&)> callback,
                                                       event_filter wanted) const {
  if (!callback)
    return refused_call<result<subscription>>(gate_,
                                              {errc::invalid_request, "a subscription needs a callback"});
  event_terms how{std::string{cluster}, std::move(callback), wanted, waited_,
                  std::make_shared<callback_strand>(gate_->callbacks())};
  auto all = nodes();
  if (all && cluster.empty() && all->several())
    return subscribe_everywhere(gate_, all, how);
  if (all)
    return follow_events(gate_, all, std::move(how));
  how.whole = [strand = how.strand](subscription made) {
    made.callback_ = strand;
    return made;
  };
  return subscribe_at(gate_, how);
}

pending<result<subscription>> async_runtime::subscribe_at(const std::shared_ptr<client_gate>& there,
                                                          const event_terms& how) {
  // edge: the thread that withdraws it meets the client, which answers. Whichever comes first: after the
  // withdrawal no event is told.
  struct question {
    std::atomic<bool> open{true};
    std::function<void(result<subscription>)> answer; ///< the client's
  };
  auto asked = std::make_shared<question>();
  auto number = there->next_call();
  call_terms terms{.cluster = how.cluster, .deadline = pending_shared::clock::now(), .waited = how.waited};
  terms.withdraw = [asked, there, strand = how.strand, number] {
    if (!asked->open.exchange(false))
      return;
    if (on_scheduler_thread())
      strand->close();
    else
      strand->end();
    there->post([asked, number](client_state& client) {
      client.unwatch(number);
      if (auto answer = std::exchange(asked->answer, {}))
        answer(failure{errc::cancelled, "the subscription was cancelled before the answer came"});
    });
  };
  auto told = [asked, there, number, whole = how.whole](const result<void>& watched) {
    if (!asked->open.exchange(false) && watched)
      return; // the withdrawal answers
    auto answer = std::exchange(asked->answer, {});
    if (!answer)
      return;
    if (!watched)
      return answer(watched.error());
    subscription made;
    made.gate_ = there;
    made.number_ = number;
    answer(whole ? whole(std::move(made)) : std::move(made));
  };
  auto begin = [number, asked, told, cluster = how.cluster,
                to = event_sink{how.callback, how.strand, how.wanted}](client_state& client,
                                                                       auto give) mutable {
    asked->answer = give;
    client.watch(number, cluster, std::move(to), told);
  };
  return begin_call<result<subscription>>(there, std::move(terms), std::move(begin));
}

// --- at other nodes

pending<result<subscription>> async_runtime::follow_events(const std::shared_ptr<client_gate>& home,
                                                           const std::shared_ptr<known_nodes>& nodes,
                                                           event_terms how) {
  auto lost = [strand = how.strand, callback = how.callback, cluster = how.cluster](const std::string& why) {
    event_record record;
    record.cluster = cluster;
    record.at = std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    record.what = event_kind::node_lost;
    record.text = "its events come no more: " + why;
    strand->post(cluster, [callback, record] { callback(record); });
  };
  auto all = std::make_shared<followed_events>(nodes, how.cluster, std::move(lost));
  how.callback = [weak = std::weak_ptr{all}, wanted = how.wanted, callback = std::move(how.callback),
                  missed = std::uint64_t{0}](const event_record& event) mutable {
    if (auto followed = weak.lock())
      followed->saw(event.what);
    missed += event.missed;
    if (event.what == event_kind::handed_over && !wanted.lets(event.what))
      return; // it was for us
    auto told = event;
    told.missed = std::exchange(missed, 0);
    callback(told);
  };
  how.wanted = followed_events::widened(how.wanted);
  auto later = how;
  later.waited = false;
  all->ask_with([later](const auto& there) { return subscribe_at(there, later); });
  leading_terms terms{how.cluster, pending_shared::clock::now() + nodes->connect_timeout()};
  return led_call<result<subscription>>::begin(
      home, nodes, std::move(terms), [how, all, home](const auto& there, auto) mutable {
        how.whole = [all, there, home, strand = how.strand](subscription made) {
          all->begun(there, std::move(made));
          subscription whole;
          whole.gate_ = home;
          whole.callback_ = strand;
          whole.followed_ = all;
          return whole;
        };
        return subscribe_at(there, how);
      });
}

pending<result<subscription>> async_runtime::subscribe_everywhere(const std::shared_ptr<client_gate>& home,
                                                                  const std::shared_ptr<known_nodes>& nodes,
                                                                  const event_terms& how) {
  return call_of_all<result<subscription>>::begin(
      home, nodes, [how](const auto& there) { return subscribe_at(there, how); },
      [home, strand = how.strand](auto all) -> result<subscription> {
        subscription whole;
        for (auto& [address, each] : all)
          if (each)
            whole.others_.push_back(std::move(*each));
        if (whole.others_.empty())
          return std::move(all.front().second);
        whole.gate_ = home;
        whole.callback_ = strand;
        return whole;
      });
}

// --- what the host holds

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    unsubscribe();
    gate_ = std::move(other.gate_);
    number_ = other.number_;
    callback_ = std::move(other.callback_);
    others_ = std::move(other.others_);
    followed_ = std::move(other.followed_);
  }
  return *this;
}

subscription::~subscription() {
  unsubscribe();
}

void subscription::unsubscribe() {
  auto callback = std::exchange(callback_, nullptr);
  auto gate = std::exchange(gate_, nullptr);
  if (callback && on_scheduler_thread())
    callback->close();
  else if (callback)
    callback->end();
  others_.clear();
  if (auto followed = std::exchange(followed_, nullptr))
    followed->end();
  if (gate && number_ != 0)
    gate->post([number = number_](client_state& client) { client.unwatch(number); });
}

} // namespace moorage
