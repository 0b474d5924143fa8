#include "runtime/lease.hpp"

#include <optional>
#include <set>

#include "runtime/client/asking.hpp"
#include "runtime/client/log_in_notes.hpp"
#include "runtime/system/scheduler_thread.hpp"

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;

/// What a command has to end after its own time is up (`exec_request::timeout`).
constexpr std::chrono::seconds ending_time{3};

exec_result failed(failure reason) {
  exec_result result;
  result.ended = outcome_of(reason);
  return result;
}

/// Withdraws a call when the token says so. Lives until whoever needs the answer has it.
using withdrawal = std::stop_callback<std::function<void()>>;

} // namespace

// --- stream -------------------------------------------------------------------------------------------------------

stream& stream::operator=(stream&& other) noexcept {
  if (this != &other) {
    if (pipe_)
      pipe_->cancel();
    pipe_ = std::move(other.pipe_);
  }
  return *this;
}

stream::~stream() {
  if (pipe_)
    pipe_->cancel();
}

bool stream::read(chunk& into) {
  return pipe_ && !on_scheduler_thread() && pipe_->read(into);
}

bool stream::write(std::string_view bytes) {
  return pipe_ && !on_scheduler_thread() && pipe_->write(bytes);
}

void stream::end_input() {
  if (pipe_)
    pipe_->end_input();
}

void stream::cancel() {
  if (pipe_)
    pipe_->cancel();
}

void stream::cancel(std::chrono::milliseconds at_most) {
  if (pipe_)
    pipe_->cancel(at_most);
}

outcome stream::ended() {
  if (!pipe_)
    return failed(empty_lease()).ended;
  if (on_scheduler_thread())
    return outcome_of(would_block());
  return pipe_->wait();
}

// --- lease --------------------------------------------------------------------------------------------------------

lease& lease::operator=(lease&& other) noexcept {
  if (this != &other) {
    let_go();
    gate_ = std::move(other.gate_);
    id_ = other.id_;
    connection_ = other.connection_;
    cluster_ = std::move(other.cluster_);
    notes_ = std::move(other.notes_);
  }
  return *this;
}

lease::~lease() {
  let_go();
}

lease_key lease::key() const {
  return {cluster_, id_};
}

std::vector<log_in> lease::log_ins() const {
  return notes_ ? notes_->all() : std::vector<log_in>{};
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

void lease::let_go() {
  if (auto gate = std::move(gate_))
    gate->post([key = key()](client_state& client) { client.release(key, {}); });
}

result<void> lease::release() {
  if (!gate_)
    return failure{errc::already_released, "this lease is empty: it was moved or released"};
  if (on_scheduler_thread())
    return would_block();
  auto gate = std::move(gate_);
  auto give_back = [key = key()](client_state& client, auto give) { client.release(key, std::move(give)); };
  if (auto answer = ask_client<void>(*gate, answer_margin, std::move(give_back)))
    return std::move(*answer);
  auto silence = gate->no_answer();
  return failure{silence.code, silence.text + "; the lease ends with this runtime at the latest"};
}

void lease::run(exec_request request, std::function<void(exec_result)> callback) {
  if (!gate_) {
    callback_threads{}.run_here(cluster_, [&callback] { callback(failed(empty_lease())); });
    return;
  }
  auto callbacks = gate_->callbacks();
  if (auto place = client_gate::enter(gate_))
    start(gate_->next_call(), std::move(request),
          callbacks->answering(cluster_, std::move(callback), std::move(place)));
  else
    callbacks->run_here(cluster_, [&callback] { callback(failed(client_gate::too_many())); });
}

void lease::start(std::uint64_t call, exec_request request, std::function<void(exec_result)> answer) {
  gate_->post(
      [key = key(), call, request = std::move(request), answer](client_state& client) mutable {
        client.run(key, call, std::move(request), std::move(answer));
      },
      [answer](failure reason) {
        exec_result refused;
        refused.ended = {outcome_kind::never_sent, 0, {}, std::move(reason)};
        answer(std::move(refused));
      });
}

std::future<exec_result> lease::run_async(exec_request request) {
  auto promise = std::make_shared<std::promise<exec_result>>();
  auto future = promise->get_future();
  auto place = gate_ ? client_gate::enter(gate_) : nullptr;
  if (place)
    start(gate_->next_call(), std::move(request),
          [promise, place](exec_result finished) { promise->set_value(std::move(finished)); });
  else
    promise->set_value(gate_ ? failed(client_gate::too_many()) : failed(empty_lease()));
  return future;
}

exec_result lease::run(exec_request request, std::stop_token stop) {
  if (on_scheduler_thread())
    return failed(would_block());
  if (!gate_)
    return failed(empty_lease());
  auto deadline = clock::time_point::max();
  if (request.timeout.count() > 0)
    deadline = clock::now() + std::min(request.timeout, longest_timeout) + ending_time + answer_margin;
  auto gate = gate_;
  auto place = client_gate::enter(gate);
  if (!place)
    return failed(client_gate::too_many());
  auto call = gate->next_call();
  auto slot = std::make_shared<answer_slot<exec_result>>();
  start(call, std::move(request),
        [slot, place = std::move(place)](exec_result finished) { slot->give(std::move(finished)); });
  withdrawal withdraw{
      stop, [gate, call] { gate->post([call](client_state& client) { client.cancel_run(call); }); }};
  if (auto finished = slot->wait_until(deadline))
    return std::move(*finished);
  return failed(gate->no_answer());
}

stream lease::open(exec_request request, std::uint64_t window) {
  if (!gate_)
    return {};
  auto call = gate_->next_call();
  window = std::max<std::uint64_t>(window, 4);
  auto place = client_gate::enter(gate_);
  auto pipe = std::make_shared<stream_pipe>(gate_, call, window, place);
  if (!place) {
    pipe->finish(outcome_of(client_gate::too_many()));
    return moorage::stream{std::move(pipe)};
  }
  gate_->post([key = key(), call, request = std::move(request), pipe, window](
                  client_state& client) mutable { client.open(key, call, std::move(request), pipe, window); },
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
    return failed(empty_lease()).ended;
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
