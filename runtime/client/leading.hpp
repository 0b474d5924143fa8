// How a call finds the node that has its cluster: it is asked where that was last known to be, and where it
// is refused as being elsewhere, that node is asked where, and so on. And how a call is made of every node.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
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
  /// Until then a node that cannot be reached is waited for.
  call_time patient_until = call_time::min();
};

/// What one call's way is, whatever its answer. It lives until it has that.
class led_way : public std::enable_shared_from_this<led_way> {
public:
  /// Nodes that send each other for a cluster are not asked for ever.
  static constexpr int hops_max = 6;

  led_way(std::shared_ptr<known_nodes> nodes, leading_terms terms)
      : nodes_(std::move(nodes)), terms_(std::move(terms)) {}
  virtual ~led_way() = default;
  led_way(const led_way&) = delete;
  led_way& operator=(const led_way&) = delete;

  void begin() { ask(nodes_->where(terms_.cluster)); }
  void cancel();

protected:
  /// Asks the node there; `spent` is how long it has been under way.
  virtual void ask_at(const std::shared_ptr<client_gate>& there, std::chrono::nanoseconds spent) = 0;
  /// Keeps this for an answer.
  virtual void keep_refusal(failure reason) = 0;
  /// Gives the answer that is kept.
  virtual void give() = 0;
  void asked(const std::shared_ptr<pending_shared>& call);
  /// An answer is kept, which is a refusal unless the code is `none`.
  void consider(const failure& why);

private:
  bool patient() const { return pending_shared::clock::now() < terms_.patient_until; }
  bool reached();
  void ask(const std::string& address);
  void locate(const std::vector<std::string>& whom, std::size_t index, errc why);
  void locate_further(const std::vector<std::string>& whom, std::size_t index, errc why,
                      const failure& refused);

  const std::shared_ptr<known_nodes> nodes_;
  const leading_terms terms_;
  const call_time began_ = pending_shared::clock::now();
  std::string at_; ///< whom it is asked of; one step follows the other
  int hops_ = 0;
  std::mutex mutex_; ///< edge: whoever cancels it meets whoever leads it on
  std::shared_ptr<pending_shared> under_way_;
  bool cancelled_ = false;
  bool reaching_ = false; ///< whoever ends that goes on with the call
};

/// One call and its one answer.
template <class T>
class led_call final : public led_way {
public:
  using asking =
      std::function<pending<T>(const std::shared_ptr<client_gate>& there, std::chrono::nanoseconds spent)>;

  static pending<T> begin(const std::shared_ptr<client_gate>& home, std::shared_ptr<known_nodes> nodes,
                          leading_terms terms, asking ask) {
    if (terms.stop.stop_requested())
      return refused_call<T>(home, {errc::cancelled, "it was cancelled before it began"}, terms.cluster);
    auto deadline = terms.deadline == call_time::max() ? terms.deadline : terms.deadline + home->margin();
    auto answer = std::make_shared<pending_answer<T>>(home, terms.cluster, deadline);
    auto stop = terms.stop;
    auto call = std::make_shared<led_call>(std::move(nodes), std::move(terms), std::move(ask), answer);
    answer->begun(nullptr, [weak = std::weak_ptr<led_way>{call}] { // each way has a place of its own
      if (auto mine = weak.lock())
        mine->cancel();
    });
    static_cast<led_way&>(*call).begin();
    answer->withdrawn_by(stop);
    return pending_access::make(std::move(answer));
  }

  led_call(std::shared_ptr<known_nodes> nodes, leading_terms terms, asking ask,
           std::shared_ptr<pending_answer<T>> answer)
      : led_way(std::move(nodes), std::move(terms)), ask_(std::move(ask)), answer_(std::move(answer)) {}

private:
  void ask_at(const std::shared_ptr<client_gate>& there, std::chrono::nanoseconds spent) override {
    auto call = pending_access::take_apart(ask_(there, spent));
    asked(call);
    call->then_here([self = std::static_pointer_cast<led_call>(shared_from_this())](T given) {
      self->kept_.emplace(std::move(given));
      self->consider(failure{refusal_of(*self->kept_)});
    });
  }
  void keep_refusal(failure reason) override {
    kept_.emplace(refusal_as<T>::make(std::move(reason), outcome_kind::never_sent));
  }
  void give() override { answer_->give(std::move(*kept_)); }

  const asking ask_;
  const std::shared_ptr<pending_answer<T>> answer_;
  std::optional<T> kept_;
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
    auto call = std::make_shared<call_of_all>(answer, nodes, std::move(join));
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

  call_of_all(std::shared_ptr<pending_answer<T>> answer, std::shared_ptr<known_nodes> nodes, joining join)
      : answer_(std::move(answer)), nodes_(std::move(nodes)), join_(std::move(join)) {}

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
    nodes_->asked(address, refusal_of(given));
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
  const std::shared_ptr<known_nodes> nodes_;
  const joining join_;
  std::mutex mutex_; ///< edge: answers come from each node's client
  std::vector<std::shared_ptr<pending_shared>> under_way_;
  bool cancelled_ = false;
  std::size_t left_ = 0;
  answers given_;
};

} // namespace moorage
