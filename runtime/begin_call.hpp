// How a call of the embedding API begins: the one way to the client, of which each call makes a pending.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "runtime/async.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/client.hpp"
#include "runtime/pending.hpp"

namespace moorage {

struct pending_access {
  /// The calls of a client that no runtime has made.
  static async_runtime calls_of(std::shared_ptr<client_gate> gate) { return async_runtime{std::move(gate)}; }
  /// Of the node there, where a cluster is; or of a cluster's node where the node of that name is.
  static pending<result<cluster_place>> place_of(const std::shared_ptr<client_gate>& there,
                                                 locate_cluster what) {
    return async_runtime{there, false, false}.locate(std::move(what));
  }
  // What a move of a cluster is made of, at the node there.
  static pending<result<std::chrono::nanoseconds>> hand_over(const std::shared_ptr<client_gate>& there,
                                                             hand_over_cluster order) {
    return async_runtime{there, false, false}.hand_over(std::move(order));
  }
  static pending<result<std::string>> take_over(const std::shared_ptr<client_gate>& there,
                                                take_over_cluster order) {
    return async_runtime{there, false, false}.take_over(std::move(order));
  }
  /// What it is by, which is the caller's from then on: destroyed, it withdraws nothing.
  template <class T>
  static std::shared_ptr<pending_answer<T>> take_apart(pending<T> call) {
    return std::exchange(call.answer_, nullptr);
  }
  template <class T>
  static pending<T> make(std::shared_ptr<pending_answer<T>> answer) {
    return pending<T>{std::move(answer)};
  }
};

using call_time = pending_shared::clock::time_point;

/// `from` and a command's own time-out, and what it has to end. Never: it has no time-out.
inline call_time command_deadline(call_time from, const exec_request& request) {
  constexpr std::chrono::seconds ending_time{3};
  if (request.timeout.count() <= 0 || from == call_time::max())
    return call_time::max();
  return from + std::min(request.timeout, longest_timeout) + ending_time;
}

struct call_terms {
  /// Whom a callback's exception is told of.
  std::string cluster = {};
  /// When it should have its answer. So much later as `client_gate::margin` says it is given up.
  call_time deadline = call_time::max();
  std::stop_token stop = {};
  /// Asks for its end; harmless when it is over.
  std::function<void()> withdraw = {};
  /// It needs no place among the client's requests, since a thread waits for it.
  bool waited = false;
};

/// For calls of what is empty and so has no gate.
const std::shared_ptr<client_gate>& gate_of_nothing();

/// A call that nobody is asked about.
template <class T>
pending<T> refused_call(const std::shared_ptr<client_gate>& gate, failure reason, std::string cluster = {}) {
  auto answer = std::make_shared<pending_answer<T>>(gate, std::move(cluster), call_time::max());
  answer->refused_at_once();
  answer->give(refusal_as<T>::make(std::move(reason), outcome_kind::never_sent));
  return pending_access::make(std::move(answer));
}

/// `work` runs on the client, and is given what takes the answer, once and from any thread.
template <class T, class Work>
pending<T> begin_call(const std::shared_ptr<client_gate>& gate, call_terms terms, Work work) {
  if (terms.stop.stop_requested())
    return refused_call<T>(gate, {errc::cancelled, "it was cancelled before it began"},
                           std::move(terms.cluster));
  auto place = terms.waited ? nullptr : client_gate::enter(gate);
  if (!place && !terms.waited)
    return refused_call<T>(gate, client_gate::too_many(), std::move(terms.cluster));
  if (terms.deadline != call_time::max())
    terms.deadline += gate->margin();
  auto answer = std::make_shared<pending_answer<T>>(gate, std::move(terms.cluster), terms.deadline);
  answer->begun(std::move(place), std::move(terms.withdraw));
  gate->post(
      [answer, work = std::move(work)](client_state& client) mutable {
        work(client, [answer](T given) { answer->give(std::move(given)); });
      },
      [answer](failure reason) {
        answer->give(refusal_as<T>::make(std::move(reason), outcome_kind::never_sent));
      });
  answer->withdrawn_by(terms.stop);
  return pending_access::make(std::move(answer));
}

} // namespace moorage
