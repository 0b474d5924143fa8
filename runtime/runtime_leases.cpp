// How a runtime asks for leases, in its three forms, and about them.
#include <optional>

#include "messages/durations.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/runtime.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;

/// A place among the requests without an answer, or why the acquire is refused at once.
result<std::shared_ptr<void>> admit(const std::shared_ptr<client_gate>& gate,
                                    const acquire_options& options) {
  if (options.stop.stop_requested())
    return failure{errc::cancelled, "the acquire was cancelled before it began"};
  auto place = client_gate::enter(gate);
  if (!place)
    return client_gate::too_many();
  return place;
}

/// The answer comes on the client's thread; or on this one, if there is no client.
void ask_for_lease(const std::shared_ptr<client_gate>& gate, const std::string& cluster,
                   acquire_options options, std::function<void(result<lease>)> answer) {
  using withdrawal = std::stop_callback<std::function<void()>>;
  auto call = gate->next_call();
  // Shared with the answer, so that whichever side is done last lets go of the token.
  auto withdraw = std::make_shared<std::optional<withdrawal>>();
  moorage::acquire request{cluster, call, options.patience, std::move(options.label), options.wait_for_ready};
  gate->post(
      [request = std::move(request), answer, withdraw](client_state& client) mutable {
        client.acquire_lease(std::move(request),
                             [answer, withdraw](result<lease> given) { answer(std::move(given)); });
      },
      [answer](failure reason) { answer(std::move(reason)); });
  if (options.stop.stop_possible())
    withdraw->emplace(options.stop, [gate, call] {
      gate->post([call](client_state& client) { client.cancel_acquire_of(call); });
    });
}

} // namespace

void runtime::acquire(const std::string& cluster, acquire_options options,
                      std::function<void(result<lease>)> callback) {
  auto callbacks = gate()->callbacks();
  auto place = admit(gate(), options);
  if (!place) {
    callbacks->run_here(cluster, [&] { callback(place.reason()); });
    return;
  }
  ask_for_lease(gate(), cluster, std::move(options),
                callbacks->answering(cluster, std::move(callback), std::move(*place)));
}

result<lease> runtime::try_acquire(const std::string& cluster, acquire_options options) {
  if (on_scheduler_thread())
    return would_block();
  auto deadline = clock::time_point::max();
  if (options.patience.count() >= 0 && options.patience < std::chrono::hours{24})
    deadline = clock::now() + options.patience + answer_margin;
  auto place = admit(gate(), options);
  if (!place)
    return place.reason();
  auto ask = [&](auto give) {
    ask_for_lease(gate(), cluster, std::move(options),
                  [give, place = std::move(*place)](result<lease> answer) { give(std::move(answer)); });
  };
  if (auto answer = wait_for_answer<result<lease>>(deadline, ask))
    return std::move(*answer);
  return gate()->no_answer();
}

lease runtime::acquire(const std::string& cluster, acquire_options options) {
  return try_acquire(cluster, std::move(options)).take();
}

lease runtime::acquire(const std::string& cluster, std::chrono::nanoseconds patience, std::string label) {
  return acquire(cluster, acquire_options{patience, std::move(label), {}});
}

std::future<lease> runtime::acquire_async(const std::string& cluster, acquire_options options) {
  auto promise = std::make_shared<std::promise<lease>>();
  auto future = promise->get_future();
  auto give = [promise](result<lease> answer) {
    if (answer)
      promise->set_value(std::move(*answer));
    else
      promise->set_exception(std::make_exception_ptr(error{answer.reason()}));
  };
  if (auto place = admit(gate(), options))
    ask_for_lease(gate(), cluster, std::move(options),
                  [give, place = std::move(*place)](result<lease> answer) { give(std::move(answer)); });
  else
    give(place.reason());
  return future;
}

namespace {

result<probe_answer> ask_probe(client_gate& gate, lease_key key, bool as_pool,
                               std::chrono::milliseconds patience) {
  if (on_scheduler_thread())
    return would_block();
  auto probe = [key = std::move(key), as_pool](client_state& client, auto give) {
    client.probe(key, as_pool, std::move(give));
  };
  if (auto answer = ask_client<probe_answer>(gate, patience, std::move(probe)))
    return std::move(*answer);
  return failure{errc::connection_lost, "no answer within " + to_text(patience)};
}

} // namespace

result<probe_answer> runtime::probe(const lease& lease) {
  if (parts_ && !lease)
    return empty_lease();
  auto patience = std::chrono::milliseconds{0};
  if (auto known = clusters())
    for (const auto& each : *known)
      if (each.name == lease.cluster())
        patience = each.probe_timeout;
  return ask_probe(*gate(), lease.key(), true, patience + answer_margin);
}

result<std::chrono::nanoseconds> runtime::round_trip(const lease& lease) {
  if (parts_ && !lease)
    return empty_lease();
  auto answer = ask_probe(*gate(), lease.key(), false, answer_margin);
  if (!answer)
    return answer.reason();
  return answer->rtt;
}

} // namespace moorage
