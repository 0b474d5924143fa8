// Acquires, and commands that bring their own.
#include <algorithm>
#include <utility>

#include "runtime/async.hpp"
#include "runtime/begin_call.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/leading.hpp"

namespace moorage {

namespace {

/// When the pool refuses at the latest. Of the cluster's own patience nothing is known here.
pending_shared::clock::time_point deadline_of(const acquire_options& options) {
  if (options.patience.count() < 0 || options.patience >= std::chrono::hours{24})
    return pending_shared::clock::time_point::max();
  return pending_shared::clock::now() + options.patience;
}

/// Who waits for the pool to be ready waits for its node as well: with the cluster's own patience, which is
/// not known here, for as long as that is by default.
leading_terms terms_of(std::string_view cluster, pending_shared::clock::time_point deadline,
                       acquire_options& options) {
  leading_terms terms{std::string{cluster}, deadline, std::exchange(options.stop, {}), true};
  if (options.wait_for_ready && options.patience.count() < 0)
    terms.patient_until = pending_shared::clock::now() + cluster_settings{}.acquire_timeout;
  else if (options.wait_for_ready)
    terms.patient_until = deadline_of(options);
  return terms;
}

/// Of its patience.
acquire_options with_what_remains(acquire_options options, std::chrono::nanoseconds spent) {
  if (options.patience.count() > 0)
    options.patience = std::max(options.patience - spent, std::chrono::nanoseconds{0});
  return options;
}

/// An acquire and its one run. Once it is posted it is the client's alone.
struct one_shot {
  std::uint64_t acquire = 0;
  std::uint64_t run = 0;
  exec_request request = {};
  bool withdrawn = false;
};

} // namespace

pending<result<lease>> async_runtime::acquire(std::string_view cluster, acquire_options options) const {
  if (auto all = nodes()) {
    auto terms = terms_of(cluster, deadline_of(options), options);
    return led_call<result<lease>>::begin(
        gate_, all, std::move(terms),
        [name = std::string{cluster}, options](const auto& there, std::chrono::nanoseconds spent) {
          return async_runtime{there, false, false}.acquire(name, with_what_remains(options, spent));
        });
  }
  auto call = gate_->next_call();
  acquire_machine request{
      {std::string{cluster}, call, options.patience, std::move(options.label), options.wait_for_ready},
      std::move(options.machine)};
  call_terms terms{
      .cluster = request.what.cluster, .deadline = deadline_of(options), .stop = std::move(options.stop)};
  terms.withdraw = [gate = gate_, call] {
    gate->post([call](client_state& client) { client.cancel_acquire_of(call); });
  };
  return begin_call<result<lease>>(gate_, std::move(terms),
                                   [request = std::move(request)](client_state& client, auto give) mutable {
                                     client.acquire_lease(std::move(request), [give](result<lease> granted) {
                                       if (granted)
                                         granted->be_shared();
                                       give(std::move(granted));
                                     });
                                   });
}

/// Between the grant and the run it may be withdrawn as well: the run is posted, and finds out.
pending<exec_result> async_runtime::run(std::string_view cluster, exec_request request,
                                        acquire_options options) const {
  if (auto all = nodes()) {
    auto terms = terms_of(cluster, command_deadline(deadline_of(options), request), options);
    return led_call<exec_result>::begin(
        gate_, all, std::move(terms),
        [name = std::string{cluster}, request, options](const auto& there, std::chrono::nanoseconds spent) {
          return async_runtime{there, false, false}.run(name, request, with_what_remains(options, spent));
        });
  }
  auto once = std::make_shared<one_shot>();
  once->acquire = gate_->next_call();
  once->run = gate_->next_call();
  call_terms terms{.cluster = std::string{cluster},
                   .deadline = command_deadline(deadline_of(options), request),
                   .stop = std::move(options.stop)};
  terms.withdraw = [gate = gate_, once] {
    gate->post([once](client_state& client) {
      once->withdrawn = true;
      client.cancel_acquire_of(once->acquire);
      client.cancel_run(once->run);
    });
  };
  acquire_machine asked{
      {terms.cluster, once->acquire, options.patience, std::move(options.label), options.wait_for_ready},
      std::move(options.machine)};
  once->request = std::move(request);
  auto work = [gate = gate_, once, asked = std::move(asked)](client_state& client, auto give) mutable {
    client.acquire_lease(std::move(asked), [gate, once, give](result<lease> granted) {
      auto unsent = [give](failure reason) {
        give(refusal_as<exec_result>::make(std::move(reason), outcome_kind::never_sent));
      };
      if (!granted)
        return unsent(granted.error());
      auto held = std::make_shared<lease>(std::move(*granted));
      auto run = [once, held, give, unsent](client_state& client) mutable {
        if (once->withdrawn)
          return unsent({errc::cancelled, "it was cancelled before it was sent"});
        client.run(
            held->key(), once->run, std::move(once->request), [held, give](exec_result finished) mutable {
              held = nullptr; // before anybody hears of it, so that who does finds the lease given back
              give(std::move(finished));
            });
        held = nullptr;
      };
      gate->post(std::move(run), unsent);
    });
  };
  return begin_call<exec_result>(gate_, std::move(terms), std::move(work));
}

} // namespace moorage
