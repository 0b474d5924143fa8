// How a call finds the node that has its cluster: it is asked where that was last known to be, and where it
// is refused as being elsewhere, that node is asked where, and so on. And how a call is made of every node.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "messages/placement.hpp"
#include "runtime/begin_call.hpp"
#include "runtime/client/known_nodes.hpp"

namespace moorage {

template <class T>
const failure& refusal_of(const result<T>& answer) {
  return answer.error();
}
/// What may have run is not to be asked for again.
inline const failure& refusal_of(const exec_result& answer) {
  static const failure none;
  return answer.ended.kind == outcome_kind::never_sent ? answer.ended.cause : none;
}

/// A pool that is being handed over is drained, and then gone.
constexpr bool may_be_elsewhere(errc code) {
  return code == errc::elsewhere || code == errc::drained || code == errc::cluster_removed ||
         code == errc::unknown_cluster;
}

struct leading_terms {
  std::string cluster = {};
  call_time deadline = call_time::max();
  std::stop_token stop = {};
  /// Where its node cannot be reached another one may be asked: it was not carried out, or may be twice.
  bool anywhere = false;
};

/// One call and its one answer. It lives until it has that.
template <class T>
class led_call : public std::enable_shared_from_this<led_call<T>> {
public:
  /// Asks the node there; `spent` is how long it has been under way.
  using asking =
      std::function<pending<T>(const std::shared_ptr<client_gate>& there, std::chrono::nanoseconds spent)>;
  /// Nodes that send each other for a cluster are not asked for ever.
  static constexpr int hops_max = 6;

  static pending<T> begin(const std::shared_ptr<client_gate>& home, std::shared_ptr<known_nodes> nodes,
                          leading_terms terms, asking ask) {
    if (terms.stop.stop_requested())
      return refused_call<T>(home, {errc::cancelled, "it was cancelled before it began"}, terms.cluster);
    auto deadline = terms.deadline == call_time::max() ? terms.deadline : terms.deadline + home->margin();
    auto answer = std::make_shared<pending_answer<T>>(home, terms.cluster, deadline);
    auto stop = terms.stop;
    auto call = std::make_shared<led_call>(std::move(nodes), std::move(terms), std::move(ask), answer);
    answer->begun(nullptr, [weak = std::weak_ptr{call}] { // each way has a place of its own
      if (auto mine = weak.lock())
        mine->cancel();
    });
    call->ask(call->nodes_->where(call->terms_.cluster));
    answer->withdrawn_by(stop);
    return pending_access::make(std::move(answer));
  }

  led_call(std::shared_ptr<known_nodes> nodes, leading_terms terms, asking ask,
           std::shared_ptr<pending_answer<T>> answer)
      : nodes_(std::move(nodes)), terms_(std::move(terms)), ask_(std::move(ask)), answer_(std::move(answer)) {
  }

private:
  void cancel() {
    std::shared_ptr<pending_shared> under_way;
    {
      std::lock_guard guard{mutex_};
      cancelled_ = true;
      under_way = under_way_;
    }
    if (under_way)
      under_way->cancel();
  }
  bool cancelled() {
    std::lock_guard guard{mutex_};
    return cancelled_;
  }
  void refuse(failure reason) {
    answer_->give(refusal_as<T>::make(std::move(reason), outcome_kind::never_sent));
  }

  void ask(const std::string& address) {
    at_ = address;
    nodes_->reach(address, [self = this->shared_from_this()](const auto& there) {
      if (self->cancelled())
        return self->refuse({errc::cancelled, "it was cancelled before it was asked for"});
      if (there)
        return self->ask_at(*there);
      auto why = there.error();
      if (why.code != errc::stopping)
        why.text = "'" + self->terms_.cluster + "' is on the node at " + self->at_ +
                   ", which cannot be reached: " + why.text;
      self->consider(refusal_as<T>::make(std::move(why), outcome_kind::never_sent));
    });
  }
  void ask_at(const std::shared_ptr<client_gate>& there) {
    auto answer = pending_access::take_apart(ask_(there, pending_shared::clock::now() - began_));
    bool late = false;
    {
      std::lock_guard guard{mutex_};
      under_way_ = answer;
      late = cancelled_;
    }
    if (late)
      answer->cancel();
    answer->then_here([self = this->shared_from_this()](T given) { self->consider(std::move(given)); });
  }

  void consider(T given) {
    bool cancelled = false;
    {
      std::lock_guard guard{mutex_};
      under_way_ = nullptr;
      cancelled = cancelled_;
    }
    auto why = refusal_of(given);
    auto lost = why.code == errc::node_lost || why.code == errc::no_node;
    if (cancelled || hops_ == hops_max || !(may_be_elsewhere(why.code) || (lost && terms_.anywhere)))
      return answer_->give(std::move(given));
    ++hops_;
    std::vector<std::string> whom{at_};
    if (lost) {
      whom = nodes_->all();
      std::erase(whom, at_);
    }
    locate(std::move(whom), 0, std::make_shared<T>(std::move(given)));
  }
  /// Asks these in turn where it is; `given` is the answer if none knows better.
  void locate(std::vector<std::string> whom, std::size_t index, std::shared_ptr<T> given) {
    if (index == whom.size())
      return answer_->give(std::move(*given));
    nodes_->reach(whom[index], [self = this->shared_from_this(), whom, index, given](const auto& there) {
      if (!there)
        return self->locate(whom, index + 1, given);
      auto asked =
          pending_access::take_apart(pending_access::place_of(*there, {self->terms_.cluster, std::string{}}));
      asked->then_here([self, whom, index, given](const result<cluster_place>& place) {
        if (!place)
          return self->locate(whom, index + 1, given);
        auto address = place->address.empty() ? whom[index] : place->address;
        if (address == self->at_ && refusal_of(*given).code != errc::elsewhere)
          return self->answer_->give(std::move(*given));
        self->nodes_->learn(self->terms_.cluster, address);
        self->ask(address);
      });
    });
  }

  const std::shared_ptr<known_nodes> nodes_;
  const leading_terms terms_;
  const asking ask_;
  const std::shared_ptr<pending_answer<T>> answer_;
  const call_time began_ = pending_shared::clock::now();
  std::string at_; ///< whom it is asked of; one step follows the other
  int hops_ = 0;
  std::mutex mutex_; ///< edge: whoever cancels it meets whoever leads it on
  std::shared_ptr<pending_shared> under_way_;
  bool cancelled_ = false;
};

/// One call made of every node, and what `join` makes of the answers, which it is given with the nodes'
/// addresses.
template <class T>
class call_of_all : public std::enable_shared_from_this<call_of_all<T>> {
public:
  using asking = std::function<pending<T>(const std::shared_ptr<client_gate>& there)>;
  using answers = std::vector<std::pair<std::string, T>>;
  using joining = std::function<T(answers)>;

  static pending<T> begin(const std::shared_ptr<client_gate>& home, const std::shared_ptr<known_nodes>& nodes,
                          const asking& ask, joining join) {
    auto answer = std::make_shared<pending_answer<T>>(home, std::string{}, call_time::max());
    auto call = std::make_shared<call_of_all>(answer, std::move(join));
    answer->begun(nullptr, [weak = std::weak_ptr{call}] {
      if (auto mine = weak.lock())
        mine->cancel();
    });
    auto all = nodes->all();
    call->left_ = all.size();
    for (const auto& address : all)
      nodes->reach(address, [call, address, ask](const auto& there) {
        if (!there)
          return call->take(address, refusal_as<T>::make(there.error(), outcome_kind::never_sent));
        auto asked = pending_access::take_apart(ask(*there));
        if (call->begun(asked))
          asked->cancel();
        asked->then_here([call, address](T given) { call->take(address, std::move(given)); });
      });
    return pending_access::make(std::move(answer));
  }

  call_of_all(std::shared_ptr<pending_answer<T>> answer, joining join)
      : answer_(std::move(answer)), join_(std::move(join)) {}

private:
  /// True: it was cancelled already.
  bool begun(const std::shared_ptr<pending_shared>& asked) {
    std::lock_guard guard{mutex_};
    under_way_.push_back(asked);
    return cancelled_;
  }
  void cancel() {
    std::vector<std::shared_ptr<pending_shared>> under_way;
    {
      std::lock_guard guard{mutex_};
      cancelled_ = true;
      under_way = under_way_;
    }
    for (const auto& each : under_way)
      each->cancel();
  }
  void take(const std::string& address, T given) {
    answers all;
    {
      std::lock_guard guard{mutex_};
      given_.emplace_back(address, std::move(given));
      if (--left_ > 0)
        return;
      all.swap(given_);
      under_way_.clear(); // they hold this
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    answer_->give(join_(std::move(all)));
  }

  const std::shared_ptr<pending_answer<T>> answer_;
  const joining join_;
  std::mutex mutex_; ///< edge: answers come from each node's client
  std::vector<std::shared_ptr<pending_shared>> under_way_;
  bool cancelled_ = false;
  std::size_t left_ = 0;
  answers given_;
};

} // namespace moorage
