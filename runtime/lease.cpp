#include "runtime/lease.hpp"

#include <algorithm>
#include <set>

#include "runtime/begin_call.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/log_in_notes.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

/// Withdraws a call when the token says so. Lives until whoever needs the answer has it.
using withdrawal = std::stop_callback<std::function<void()>>;

} // namespace

/// Gives a lease back when all that hold it have let it go.
struct lease_hold {
  lease_hold(std::shared_ptr<client_gate> gate, lease_key key) : gate(std::move(gate)), key(std::move(key)) {}
  ~lease_hold() {
    if (!given_back)
      gate->post([key = key](client_state& client) { client.release(key, {}); });
  }
  lease_hold(const lease_hold&) = delete;
  lease_hold& operator=(const lease_hold&) = delete;

  std::shared_ptr<client_gate> gate;
  lease_key key;
  bool given_back = false; ///< written by the lease alone, before it lets go
};

lease& lease::operator=(lease&& other) noexcept {
  if (this != &other) {
    let_go();
    gate_ = std::move(other.gate_);
    id_ = other.id_;
    link_ = other.link_;
    connection_ = other.connection_;
    cluster_ = std::move(other.cluster_);
    notes_ = std::move(other.notes_);
    hold_ = std::move(other.hold_);
    loss_ = std::move(other.loss_);
  }
  return *this;
}

lease::~lease() {
  let_go();
}

lease_key lease::key() const {
  return {cluster_, id_, link_};
}

std::vector<log_in> lease::log_ins() const {
  return notes_ ? notes_->all() : std::vector<log_in>{};
}

std::string lease::machine() const {
  return notes_ ? notes_->machine() : std::string{};
}

std::string lease::banner() const {
  std::string result;
  std::set<std::string> told{std::string{}};
  for (const auto& each : log_ins())
    if (told.insert(each.banner).second)
      result += (result.empty() ? "" : "\n") + each.banner;
  return result;
}

std::vector<std::string> lease::warnings() const {
  std::vector<std::string> result;
  std::set<std::string> told;
  for (const auto& each : log_ins())
    for (const auto& warning : each.warnings)
      if (told.insert(warning).second)
        result.push_back(warning);
  return result;
}

void lease::be_shared() {
  hold_ = std::make_shared<lease_hold>(gate_, key());
}

void lease::on_lost(std::function<void(const failure& why)> callback) {
  if (!gate_ || !callback)
    return;
  if (!loss_)
    loss_ = std::make_shared<callback_strand>(gate_->callbacks());
  loss_sink to{loss_sink::kept(std::move(callback)), loss_};
  gate_->post([key = key(), to](client_state& client) { client.watch_lease(key, to); },
              [cluster = cluster_, to](const failure& reason) { to.tell(cluster, reason); });
}

/// What happens to it from now on is its holder's doing.
void lease::end_watch() {
  if (auto loss = std::move(loss_))
    loss->close();
}

void lease::let_go() {
  end_watch();
  auto gate = std::move(gate_);
  if (auto hold = std::move(hold_); gate && !hold)
    gate->post([key = key()](client_state& client) { client.release(key, {}); });
}

// --- release ------------------------------------------------------------------------------------------------------

/// `bad`: what is said of its connection.
pending<result<void>> async_lease::give_back(std::optional<std::string> bad) const {
  of_->end_watch();
  auto gate = std::move(of_->gate_);
  if (!gate)
    return refused_call<result<void>>(
        gate_of_nothing(), {errc::already_released, "this lease is empty: it was moved or released"});
  if (auto hold = std::move(of_->hold_))
    hold->given_back = true;
  // Takes no place among the requests: leases bound it, and a release that is refused would leave the lease
  // nobody's.
  call_terms terms{.cluster = of_->cluster_, .deadline = pending_shared::clock::now(), .waited = true};
  return begin_call<result<void>>(
      gate, std::move(terms),
      [key = of_->key(), bad = std::move(bad)](client_state& client, auto give) mutable {
        client.release(key, std::move(give), std::move(bad));
      });
}

pending<result<void>> async_lease::release() const {
  return give_back(std::nullopt);
}

pending<result<void>> async_lease::discard(std::string_view reason) const {
  return give_back(std::string{reason});
}

namespace {

result<void> waited_for(pending<result<void>> given_back) {
  return given_back.get().or_else([](failure reason) -> result<void> {
    if (reason.code == errc::node_lost || reason.code == errc::request_timeout)
      reason.text += "; the lease ends with this runtime at the latest";
    return reason;
  });
}

} // namespace

result<void> lease::release() {
  if (gate_ && on_scheduler_thread())
    return would_block();
  return waited_for(async().release());
}

result<void> lease::discard(std::string_view reason) {
  if (gate_ && on_scheduler_thread())
    return would_block();
  return waited_for(async().discard(reason));
}

// --- commands -----------------------------------------------------------------------------------------------------

pending<exec_result> async_lease::run(exec_request request, std::stop_token stop) const {
  const auto& gate = of_->gate_;
  if (!gate)
    return refused_call<exec_result>(gate_of_nothing(), empty_lease(), of_->cluster_);
  auto call = gate->next_call();
  call_terms terms{.cluster = of_->cluster_,
                   .deadline = command_deadline(pending_shared::clock::now(), request),
                   .stop = std::move(stop)};
  terms.withdraw = [gate, call] { gate->post([call](client_state& client) { client.cancel_run(call); }); };
  return begin_call<exec_result>(
      gate, std::move(terms),
      [key = of_->key(), call, request = std::move(request), hold = of_->hold_](client_state& client,
                                                                                auto give) mutable {
        client.run(
            key, call, std::move(request), [give, hold = std::move(hold)](exec_result finished) mutable {
              hold = nullptr; // before anybody hears of it, so that who does finds the lease given back
              give(std::move(finished));
            });
      });
}

exec_result lease::run(exec_request request, std::stop_token stop) {
  if (on_scheduler_thread())
    return refusal_as<exec_result>::make(would_block(), outcome_kind::never_sent);
  return async().run(std::move(request), std::move(stop)).get();
}

stream lease::open(exec_request request, std::uint64_t window) {
  return open(std::move(request), window, false);
}

stream lease::open_last(exec_request request, std::uint64_t window) {
  return open(std::move(request), window, true);
}

stream lease::open(exec_request request, std::uint64_t window, bool is_last) {
  if (!gate_)
    return {};
  auto call = gate_->next_call();
  window = std::max<std::uint64_t>(window, 4);
  auto place = client_gate::enter(gate_);
  auto refused = place == nullptr;
  // With its place it lets go of its lease, when it has ended.
  auto kept = std::make_shared<std::pair<std::shared_ptr<void>, std::shared_ptr<lease_hold>>>(
      std::move(place), hold_);
  auto pipe = std::make_shared<stream_pipe>(gate_, call, window, std::move(kept));
  if (refused) {
    pipe->finish(outcome_of(client_gate::too_many()));
    return moorage::stream{std::move(pipe)};
  }
  gate_->post(
      [key = key(), call, request = std::move(request), pipe, window, is_last](client_state& client) mutable {
        client.open(key, call, std::move(request), pipe, window, is_last);
      },
      [pipe](failure reason) {
        pipe->finish({outcome_kind::never_sent, 0, {}, std::move(reason)});
      });
  return moorage::stream{std::move(pipe)};
}

outcome lease::stream(exec_request request, const output_sink& sink, std::stop_token stop,
                      std::uint64_t window) {
  if (on_scheduler_thread())
    return outcome_of(would_block());
  if (!gate_)
    return outcome_of(empty_lease());
  auto output = open(std::move(request), window);
  output.end_input();
  withdrawal withdraw{stop, [&output] { output.cancel(); }};
  stream::chunk chunk;
  while (output.read(chunk)) {
    if (!sink(chunk.kind, chunk.bytes)) {
      output.cancel();
      break;
    }
  }
  return output.ended();
}

} // namespace moorage
