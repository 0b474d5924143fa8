// How a host thread asks for something and waits for its one answer.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "runtime/client/answer_slot.hpp"
#include "runtime/client/client.hpp"

namespace moorage {

/// `ask` is given what takes the answer, once and from any thread, however late. Nothing: there was none by the deadline,
/// and one that comes later is dropped.
template <class Answer, class Ask>
std::optional<Answer> wait_for_answer(std::chrono::steady_clock::time_point deadline, const Ask& ask) {
  auto slot = std::make_shared<answer_slot<Answer>>();
  ask([slot](Answer answer) { slot->give(std::move(answer)); });
  return slot->wait_until(deadline);
}

/// The same of what the client does for it: `work` runs there, and is given what takes the answer. Without a client it is
/// the reason why there is none.
template <class Answer, class Work>
std::optional<result<Answer>> ask_client(client_gate& gate, std::chrono::nanoseconds patience, Work work) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  return wait_for_answer<result<Answer>>(deadline, [&gate, &work](auto give) {
    gate.post([work = std::move(work), give](client_state& client) mutable { work(client, give); },
              [give](failure reason) { give(std::move(reason)); });
  });
}

/// What there is to say of a lease that holds nothing.
inline failure empty_lease() {
  return {errc::unknown_lease, "this lease is empty: it was moved or released"};
}

} // namespace moorage
