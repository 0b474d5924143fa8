#include "runtime/client.hpp"

#include <algorithm>
#include <utility>

#include "runtime/node_socket.hpp"

namespace moorage {

namespace {

/// How long answers that are still on their way may take after a lease was lost.
constexpr std::chrono::seconds last_words{1};
static_assert(remote_bytes_max < node_message_max);

/// For a connection on another node. Empty: the request can be sent.
std::string unfit_for_node(const exec_request& request) {
  if (request.input.size() <= remote_bytes_max)
    return {};
  return "standard input of " + std::to_string(request.input.size()) +
         " bytes is more than fits into a message to the node (" + std::to_string(remote_bytes_max) +
         "): write it to a stream";
}

struct errand {
  errand(client_gate::work what, client_gate::refusal refused)
      : what(std::move(what)), refused(std::move(refused)) {}
  errand(const errand&) = delete;
  errand& operator=(const errand&) = delete;

  client_gate::work what;
  client_gate::refusal refused;
  bool done = false;

  ~errand() {
    if (!done && refused)
      refused({errc::stopping, "the runtime has stopped"});
  }
};

failure lost_lease(const lease_key& lease) {
  return {errc::lease_ended, "lease " + to_string(lease.lease) + " on '" + lease.cluster +
                                 "'"
                                 " is not held any more; acquire anew"};
}

} // namespace

// --- the gate -----------------------------------------------------------------------------------------------------

void client_gate::post(work what, refusal refused) {
  auto order = std::make_shared<errand>(std::move(what), std::move(refused));
  std::lock_guard guard{mutex_};
  if (client_)
    caf::anon_send(client_, local_call{std::move(order)});
  // Else the errand says that it was refused, as it would if the actor ended before it came to it.
}

std::uint64_t client_gate::next_call() {
  std::lock_guard guard{mutex_};
  return ++calls_;
}

void client_gate::open(caf::actor client) {
  std::lock_guard guard{mutex_};
  client_ = std::move(client);
}

void client_gate::close() {
  std::lock_guard guard{mutex_};
  client_ = nullptr;
}

// --- the actor ----------------------------------------------------------------------------------------------------

outcome outcome_of(const failure& reason) {
  switch (reason.code) {
  case errc::lease_ended:
  case errc::already_released:
  case errc::unknown_lease:
  case errc::would_block_scheduler:
  case errc::invalid_request:
  case errc::exec_refused:
    return {outcome_kind::never_sent, 0, {}, reason};
  default:
    return {outcome_kind::maybe_ran, 0, {}, reason};
  }
}

client_state::~client_state() {
  if (gone_.code == errc::none)
    gone_ = {errc::stopping, "the runtime stopped"}; // an answer that asks again is refused at once
  fail_everything(failure{gone_});
  for (auto& [number, entry] : watchers_) {
    entry.callback->end();
    caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
  }
}

caf::behavior client_state::begin(manager_actor manager, std::shared_ptr<client_gate> gate, bool remote,
                                  std::function<void()> on_loss) {
  manager_ = std::move(manager);
  gate_ = std::move(gate);
  remote_ = remote;
  on_loss_ = std::move(on_loss);
  self_->monitor(manager_);
  self_->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
  self_->set_down_handler([this](const caf::down_msg& down) { take(down); });
  self_->set_default_handler(caf::drop);
  return {
      [this](const local_call& call) {
        auto order = std::static_pointer_cast<errand>(call.what);
        order->done = true;
        order->what(*this);
      },
      [this](const lease_lost& lost) { take(lost); },
      [this](stream_chunk& chunk) {
        if (auto found = streams_.find(chunk.call); found != streams_.end())
          found->second.pipe->push(chunk.kind, std::move(chunk.bytes));
      },
      [this](const stream_room& room) {
        auto found = streams_.find(room.call);
        if (found == streams_.end())
          return;
        if (found->second.stream)
          found->second.pipe->add_room(room.bytes);
        else
          found->second.early_room += room.bytes;
      },
      [this](stream_end& end) { finish(end.call, std::move(end.ended)); },
  };
}

connection_actor client_state::connection_of(const lease_key& lease) const {
  auto found = leases_.find(lease);
  return found != leases_.end() ? caf::actor_cast<connection_actor>(found->second.connection)
                                : connection_actor{};
}

void client_state::acquire_lease(const std::string& cluster, std::uint64_t call,
                                 std::chrono::nanoseconds patience, const std::string& label,
                                 std::function<void(result<lease>)> answer) {
  acquire request{cluster, caf::strong_actor_ptr{self_->ctrl()}, call, patience, label};
  auto take = [this, answer](result<lease_grant> granted) {
    if (granted)
      hold(std::move(*granted), answer);
    else
      answer(granted.reason());
  };
  auto known = pools_.find(cluster);
  if (known == pools_.end()) {
    ask<lease_grant>(manager_, {}, std::move(request), take);
    return;
  }
  // A pool that has ended or is about to may have a successor, and if not, the manager knows the words for it.
  ask<lease_grant>(known->second, {}, request, [this, request, take](result<lease_grant> granted) {
    if (granted || !(granted.reason().code == errc::stopping || granted.reason().code == errc::lease_ended)) {
      take(std::move(granted));
      return;
    }
    pools_.erase(request.cluster);
    ask<lease_grant>(manager_, {}, request, take);
  });
}

void client_state::hold(lease_grant grant, const std::function<void(result<lease>)>& answer) {
  auto pool = caf::actor_cast<pool_actor>(grant.pool);
  caf::anon_send(pool, confirm_lease{grant.lease});
  // Another node's pool may end without a word to those who ask it: there the manager knows its successor.
  if (!remote_)
    pools_.insert_or_assign(grant.cluster, std::move(pool));
  lease held;
  held.gate_ = gate_;
  held.id_ = grant.lease;
  held.connection_ = grant.connection_number;
  held.cluster_ = grant.cluster;
  lease_key key{grant.cluster, grant.lease};
  leases_.emplace(std::move(key), std::move(grant));
  answer(std::move(held));
}

void client_state::cancel_acquire_of(const std::string& cluster, std::uint64_t call) {
  caf::anon_send(manager_, cancel_acquire{cluster, caf::strong_actor_ptr{self_->ctrl()}, call});
}

void client_state::run(const lease_key& lease, std::uint64_t call, exec_request request,
                       std::function<void(exec_result)> answer) {
  auto connection = connection_of(lease);
  if (!connection) {
    exec_result refused;
    refused.ended = outcome_of(lost_lease(lease));
    answer(std::move(refused));
    return;
  }
  if (auto wrong = remote_ ? unfit_for_node(request) : std::string{}; !wrong.empty()) {
    answer({outcome_of({errc::invalid_request, wrong}), {}, {}, false, {}});
    return;
  }
  ask<exec_result>(connection, lease, run_command{lease.lease, call, std::move(request)},
                   [answer](result<exec_result> finished) {
                     if (finished) {
                       answer(std::move(*finished));
                     } else {
                       exec_result failed;
                       failed.ended = outcome_of(finished.reason());
                       answer(std::move(failed));
                     }
                   });
}

void client_state::cancel_run(const lease_key& lease, std::uint64_t call) {
  if (auto connection = connection_of(lease))
    caf::anon_send(connection, cancel_command{lease.lease, call});
}

void client_state::round_trip(const lease_key& lease,
                              std::function<void(result<std::chrono::nanoseconds>)> answer) {
  auto connection = connection_of(lease);
  if (!connection) {
    answer(lost_lease(lease));
    return;
  }
  ask<probe_answer>(connection, lease, probe_request{}, [answer](result<probe_answer> passed) {
    if (passed)
      answer(passed->rtt);
    else
      answer(passed.reason());
  });
}

void client_state::release(const lease_key& lease, std::function<void(result<void>)> answer) {
  auto node = leases_.extract(lease);
  auto self = caf::strong_actor_ptr{self_->ctrl()};
  if (node.empty()) {
    if (answer)
      answer(lost_lease(lease));
    return;
  }
  auto pool = caf::actor_cast<pool_actor>(node.mapped().pool);
  if (!answer) {
    caf::anon_send(pool, release_lease{lease.lease, self});
    return;
  }
  ask<done>(pool, {}, release_lease{lease.lease, self}, [answer](result<done> ended) {
    if (ended)
      answer(result<void>{});
    else
      answer(ended.reason());
  });
}

// --- streams ------------------------------------------------------------------------------------------------------

void client_state::open(const lease_key& lease, std::uint64_t call, exec_request request,
                        std::shared_ptr<stream_pipe> pipe, std::uint64_t credit) {
  auto connection = connection_of(lease);
  if (!connection) {
    pipe->finish(outcome_of(lost_lease(lease)));
    return;
  }
  if (auto wrong = remote_ ? unfit_for_node(request) : std::string{}; !wrong.empty()) {
    pipe->finish(outcome_of({errc::invalid_request, wrong}));
    return;
  }
  streams_.emplace(call, open_stream_entry{std::move(pipe), connection, lease, {}});
  open_stream order{lease.lease, call, std::move(request), caf::strong_actor_ptr{self_->ctrl()}, credit};
  ask<stream_opened>(connection, lease, std::move(order), [this, call](result<stream_opened> started) {
    if (started)
      opened(call, started->stream);
    else
      finish(call, outcome_of(started.reason()));
  });
}

void client_state::opened(std::uint64_t call, stream_id stream) {
  auto found = streams_.find(call);
  if (found == streams_.end())
    return;
  auto& entry = found->second;
  entry.stream = stream;
  if (entry.cancelled)
    caf::anon_send(entry.connection, cancel_stream{stream});
  else if (entry.input_ended)
    caf::anon_send(entry.connection, end_stream_input{stream});
  if (entry.early_room > 0)
    entry.pipe->add_room(entry.early_room);
}

void client_state::grant_credit(std::uint64_t call, std::uint64_t bytes) {
  if (auto found = streams_.find(call); found != streams_.end())
    caf::anon_send(found->second.connection, grant_stream_credit{found->second.stream, bytes});
}

void client_state::send_input(std::uint64_t call, std::string bytes) {
  if (auto found = streams_.find(call); found != streams_.end())
    caf::anon_send(found->second.connection, send_stream_input{found->second.stream, std::move(bytes)});
}

void client_state::end_input(std::uint64_t call) {
  auto found = streams_.find(call);
  if (found == streams_.end())
    return;
  found->second.input_ended = true;
  if (found->second.stream)
    caf::anon_send(found->second.connection, end_stream_input{found->second.stream});
}

void client_state::cancel_stream_of(std::uint64_t call) {
  auto found = streams_.find(call);
  if (found == streams_.end())
    return;
  found->second.cancelled = true;
  if (found->second.stream)
    caf::anon_send(found->second.connection, cancel_stream{found->second.stream});
}

void client_state::finish(std::uint64_t call, outcome ended) {
  if (auto node = streams_.extract(call); !node.empty())
    node.mapped().pipe->finish(std::move(ended));
}

// --- ends ---------------------------------------------------------------------------------------------

void client_state::take(const lease_lost& lost) {
  // The answers of what ran under it are on their way. What has none after a while was sent to an actor that had ended.
  lease_key key{lost.cluster, lost.lease};
  if (leases_.erase(key) > 0) {
    self_->delayed_send(self_, last_words, lost);
    return;
  }
  for (auto entry = asked_.begin(); entry != asked_.end();) {
    if (entry->second.lease != key) {
      ++entry;
      continue;
    }
    auto fail = std::move(entry->second.fail);
    entry = asked_.erase(entry);
    fail({errc::connection_lost, lost.reason.text});
  }
  std::vector<std::uint64_t> orphans;
  for (auto& [call, entry] : streams_)
    if (entry.lease == key)
      orphans.push_back(call);
  for (auto call : orphans)
    finish(call, {outcome_kind::maybe_ran, 0, {}, {errc::connection_lost, lost.reason.text}});
}

void client_state::take(const caf::down_msg& down) {
  if (down.source != manager_.address())
    return;
  if (remote_)
    gone_ = {errc::node_lost, "the node went away (" + caf::to_string(down.reason) +
                                  "); what ran on it may have run: connect again"};
  else
    gone_ = {errc::stopping, "the runtime is stopping"};
  fail_everything(gone_);
  if (on_loss_)
    on_loss_();
}

void client_state::fail_everything(const failure& reason) {
  leases_.clear();
  pools_.clear();
  auto asked = std::move(asked_);
  asked_.clear();
  for (auto& [number, entry] : asked)
    entry.fail(reason);
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [call, entry] : streams)
    entry.pipe->finish({outcome_kind::maybe_ran, 0, {}, reason});
}

caf::behavior client(client_state::self_pointer self, manager_actor manager,
                     std::shared_ptr<client_gate> gate, bool remote, std::function<void()> on_loss) {
  return self->state.begin(std::move(manager), std::move(gate), remote, std::move(on_loss));
}

} // namespace moorage
