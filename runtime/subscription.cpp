#include "runtime/subscription.hpp"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/begin_call.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/leading.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

/// At the node that has the cluster, or at every one that can be reached.
pending<result<subscription>> async_runtime::subscribe_led(const async_runtime& from,
                                                           const std::shared_ptr<known_nodes>& nodes,
                                                           const std::string& cluster,
                                                           event_callback callback, event_filter wanted) {
  if (!cluster.empty() || !nodes->several())
    return led_call<result<subscription>>::begin(
        from.gate_, nodes, {cluster, pending_shared::clock::now() + nodes->connect_timeout()},
        [=, waited = from.waited_](const auto& there, auto) {
          return async_runtime{there, waited, false}.subscribe(cluster, callback, wanted);
        });
  // edge: each node's events come by threads of its own, and are told one at a time.
  auto one_at_a_time = [callback = std::move(callback),
                        mutex = std::make_shared<std::mutex>()](const event_record& event) {
    std::lock_guard guard{*mutex};
    callback(event);
  };
  return call_of_all<result<subscription>>::begin(
      from.gate_, nodes,
      [=, waited = from.waited_](const auto& there) {
        return async_runtime{there, waited, false}.subscribe({}, one_at_a_time, wanted);
      },
      [](auto all) -> result<subscription> {
        std::vector<subscription> made;
        for (auto& [address, each] : all)
          if (each)
            made.push_back(std::move(*each));
        if (made.empty())
          return std::move(all.front().second);
        auto first = std::move(made.back());
        made.pop_back();
        first.others_ = std::move(made);
        return first;
      });
}

pending<result<subscription>> async_runtime::subscribe(std::string_view cluster,
                                                       std::function<void(const event_record&)> callback,
                                                       event_filter wanted) const {
  if (!callback)
    return refused_call<result<subscription>>(gate_,
                                              {errc::invalid_request, "a subscription needs a callback"});
  if (auto all = nodes())
    return subscribe_led(*this, std::move(all), std::string{cluster}, std::move(callback), wanted);
  // edge: the thread that withdraws it meets the client, which answers. Whichever comes first: after the
  // withdrawal no event is told.
  struct question {
    std::atomic<bool> open{true};
    std::function<void(result<subscription>)> answer; ///< the client's
  };
  auto asked = std::make_shared<question>();
  auto made = std::make_shared<subscription>();
  made->gate_ = gate_;
  made->number_ = gate_->next_call();
  made->callback_ = std::make_shared<callback_strand>(gate_->callbacks());
  event_sink to{std::move(callback), made->callback_, wanted};
  call_terms terms{
      .cluster = std::string{cluster}, .deadline = pending_shared::clock::now(), .waited = waited_};
  terms.withdraw = [asked, gate = gate_, strand = made->callback_, number = made->number_] {
    if (!asked->open.exchange(false))
      return;
    if (on_scheduler_thread())
      strand->close();
    else
      strand->end();
    gate->post([asked, number](client_state& client) {
      client.unwatch(number);
      if (auto answer = std::exchange(asked->answer, {}))
        answer(failure{errc::cancelled, "the subscription was cancelled before the answer came"});
    });
  };
  auto told = [made, asked](const result<void>& watched) {
    if (!asked->open.exchange(false) && watched)
      return; // the withdrawal answers
    if (auto answer = std::exchange(asked->answer, {})) {
      if (watched)
        answer(std::move(*made));
      else
        answer(watched.error());
    }
  };
  auto begin = [number = made->number_, asked, told, cluster = std::string{cluster},
                to = std::move(to)](client_state& client, auto give) mutable {
    asked->answer = give;
    client.watch(number, cluster, std::move(to), told);
  };
  return begin_call<result<subscription>>(gate_, std::move(terms), std::move(begin));
}

subscription& subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    unsubscribe();
    gate_ = std::move(other.gate_);
    number_ = other.number_;
    callback_ = std::move(other.callback_);
    others_ = std::move(other.others_);
  }
  return *this;
}

subscription::~subscription() {
  unsubscribe();
}

void subscription::unsubscribe() {
  others_.clear();
  auto callback = std::exchange(callback_, nullptr);
  auto gate = std::exchange(gate_, nullptr);
  if (callback && on_scheduler_thread())
    callback->close();
  else if (callback)
    callback->end();
  if (gate)
    gate->post([number = number_](client_state& client) { client.unwatch(number); });
}

} // namespace moorage
