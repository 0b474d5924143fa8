// The client's commands, runs and streams, from the asking to the outcome.
#include <utility>

#include "runtime/client/client.hpp"
#include "runtime/node/socket.hpp"

namespace moorage {

namespace {

/// How long answers that are on their way over a link may take once a connection has ended.
constexpr std::chrono::seconds last_words_time{1};
/// A command with more input than this is not kept to be sent once more: as much as is collected of its output.
constexpr std::size_t kept_input_max = 16u << 20;
static_assert(remote_bytes_max < node_message_max);

/// For a connection on another node. Empty: the request can be sent.
std::string unfit_for_node(const exec_request& request) {
  if (request.input.size() <= remote_bytes_max)
    return {};
  return "standard input of " + std::to_string(request.input.size()) +
         " bytes is more than fits into a message to the node (" + std::to_string(remote_bytes_max) +
         "): write it to a stream";
}

outcome cancelled_unsent() {
  return {outcome_kind::never_sent, 0, {}, {errc::cancelled, "it was cancelled before it was sent"}};
}

} // namespace

void client_state::run(const lease_key& lease, std::uint64_t call, exec_request request,
                       std::function<void(exec_result)> answer) {
  run_entry entry;
  entry.lease = lease;
  entry.request = std::move(request);
  entry.answer = std::move(answer);
  begin(call, runs_.insert_or_assign(call, std::move(entry)).first->second);
}

void client_state::open(const lease_key& lease, std::uint64_t call, exec_request request,
                        std::shared_ptr<stream_pipe> pipe, std::uint64_t credit) {
  stream_entry entry;
  entry.lease = lease;
  entry.request = std::move(request);
  entry.pipe = std::move(pipe);
  entry.credit = credit;
  begin(call, streams_.insert_or_assign(call, std::move(entry)).first->second);
}

void client_state::begin(std::uint64_t call, command& what) {
  what.asked = self_->clock().now();
  what.request.timeout = std::min(what.request.timeout, longest_timeout);
  auto found = leases_.find(what.lease);
  if (found == leases_.end())
    return end(call, outcome_of(lost_lease(what.lease)));
  if (auto wrong = remote_ ? unfit_for_node(what.request) : std::string{}; !wrong.empty())
    return end(call, outcome_of({errc::invalid_request, std::move(wrong)}));
  auto& held = found->second;
  if (!held.ended && !held.lost && held.renewal == 0)
    return send(call, what);
  what.once_more = false;
  what.unsent = {errc::connection_lost, "the connection to '" + what.lease.cluster +
                                            "' had ended before anything was run under the lease"};
  park(call, what, held);
}

void client_state::send(std::uint64_t call, command& what) {
  auto& held = leases_.at(what.lease);
  ++held.under_way;
  what.under = held.grant.lease;
  what.connection = caf::actor_cast<caf::actor>(held.grant.connection);
  what.once_more = what.once_more && !held.used && what.request.input.size() <= kept_input_max;
  under_way_on(what.connection).insert(call);
  auto connection = caf::actor_cast<connection_actor>(what.connection);
  auto request = what.once_more ? what.request : std::move(what.request);
  auto stream = streams_.find(call);
  if (stream == streams_.end()) {
    self_->send(connection, run_command{what.under, call, std::move(request)});
    return;
  }
  auto& entry = stream->second;
  entry.rooms = 0;
  self_->send(connection, open_stream{what.under, call, std::move(request), entry.credit});
  // Kept while it may have to be sent once more.
  auto input = entry.once_more ? entry.unsent_input : std::exchange(entry.unsent_input, {});
  if (!input.empty())
    self_->send(connection, send_stream_input{what.under, call, std::move(input)});
  if (entry.input_ended)
    self_->send(connection, end_stream_input{what.under, call});
}

client_state::command* client_state::find_command(std::uint64_t call) {
  if (auto found = runs_.find(call); found != runs_.end())
    return &found->second;
  auto found = streams_.find(call);
  return found != streams_.end() ? &found->second : nullptr;
}

void client_state::run_over(std::uint64_t call, exec_result finished) {
  auto found = runs_.find(call);
  if (found == runs_.end() || goes_on(call, found->second, finished.ended))
    return;
  auto node = runs_.extract(call);
  node.mapped().answer(std::move(finished));
}

void client_state::cancel(std::uint64_t call, command& what) {
  what.cancelled = true;
  if (what.parked) {
    if (auto held = leases_.find(what.lease); held != leases_.end())
      std::erase(held->second.parked, call);
    end(call, cancelled_unsent());
  } else {
    self_->send(what.connection, cancel_command{what.under, call});
  }
}

void client_state::cancel_run(std::uint64_t call) {
  if (auto found = runs_.find(call); found != runs_.end())
    cancel(call, found->second);
}

/// Its answer, given here and not by the connection.
void client_state::end(std::uint64_t call, outcome ended) {
  if (auto run = runs_.extract(call); !run.empty()) {
    exec_result finished;
    finished.ended = std::move(ended);
    run.mapped().answer(std::move(finished));
  } else if (auto stream = streams_.extract(call); !stream.empty()) {
    stream.mapped().pipe->finish(std::move(ended));
  }
}

// --- streams ------------------------------------------------------------------------------------------------------

namespace {

/// Something came of it: it was sent, and what was kept to send it once more is no longer needed.
template <class Stream>
void was_sent(Stream& entry) {
  entry.once_more = false;
  entry.request = {};
  entry.unsent_input = {};
}

} // namespace

void client_state::take(stream_chunk& chunk) {
  auto found = streams_.find(chunk.call);
  if (found == streams_.end())
    return;
  was_sent(found->second);
  found->second.pipe->push(chunk.kind, std::move(chunk.bytes));
}

void client_state::take(const stream_room& room) {
  auto found = streams_.find(room.call);
  if (found == streams_.end())
    return;
  auto& entry = found->second;
  if (++entry.rooms > 1)
    was_sent(entry);
  else if (entry.room_given)
    return; // it is sent once more: the room that the first connection gave has been counted, and what was written in it
  entry.room_given = true;
  entry.pipe->add_room(room.bytes);
}

void client_state::grant_credit(std::uint64_t call, std::uint64_t bytes) {
  if (auto found = streams_.find(call); found != streams_.end() && !found->second.parked)
    self_->send(found->second.connection, grant_stream_credit{found->second.under, call, bytes});
}

void client_state::send_input(std::uint64_t call, std::string bytes) {
  auto found = streams_.find(call);
  if (found == streams_.end())
    return;
  auto& entry = found->second;
  // No more than the first room, until more is given, which says that some was taken.
  if (entry.parked || entry.once_more)
    entry.unsent_input += bytes;
  if (!entry.parked)
    self_->send(entry.connection, send_stream_input{entry.under, call, std::move(bytes)});
}

void client_state::end_input(std::uint64_t call) {
  auto found = streams_.find(call);
  if (found == streams_.end())
    return;
  auto& entry = found->second;
  entry.input_ended = true;
  if (!entry.parked)
    self_->send(entry.connection, end_stream_input{entry.under, call});
}

void client_state::cancel_stream_of(std::uint64_t call) {
  if (auto found = streams_.find(call); found != streams_.end())
    cancel(call, found->second);
}

void client_state::finish(std::uint64_t call, outcome ended) {
  auto found = streams_.find(call);
  if (found != streams_.end() && !goes_on(call, found->second, ended))
    end(call, std::move(ended));
}

// --- a connection's end -------------------------------------------------------------------------------------------

std::set<std::uint64_t>& client_state::under_way_on(const caf::actor& connection) {
  auto [position, fresh] = connections_.try_emplace(connection.address());
  if (fresh)
    self_->monitor(connection);
  return position->second;
}

/// In one process its answers have come before its end, and what has none it never read. Over a link its end may
/// overtake them.
void client_state::connection_ended(const caf::actor_addr& connection, std::set<std::uint64_t> under_way) {
  for (auto& [key, held] : leases_)
    held.ended = held.ended || caf::actor_cast<caf::actor_addr>(held.grant.connection) == connection;
  if (remote_)
    after(last_words_time, [connection, under_way = std::move(under_way)](client_state& client) {
      client.end_unanswered(connection, under_way, outcome_kind::maybe_ran);
    });
  else
    end_unanswered(connection, under_way, outcome_kind::never_sent);
}

void client_state::end_unanswered(const caf::actor_addr& connection, const std::set<std::uint64_t>& calls,
                                  outcome_kind kind) {
  outcome ended{
      kind,
      0,
      {},
      {errc::connection_lost, kind == outcome_kind::never_sent
                                  ? "the connection had ended before the command was sent"
                                  : "the connection ended, and what became of the command is not known"}};
  for (auto call : calls) {
    auto* what = find_command(call);
    if (what == nullptr || what->parked || what->connection.address() != connection)
      continue;
    exec_result finished;
    finished.ended = ended;
    run_over(call, std::move(finished));
    finish(call, ended);
  }
  std::vector<std::uint64_t> unanswered;
  for (auto& [number, entry] : asked_)
    if (entry.whom == connection)
      unanswered.push_back(number);
  for (auto number : unanswered)
    if (auto node = asked_.extract(number); !node.empty())
      node.mapped().fail({errc::connection_lost, "the connection ended before it answered"});
}

} // namespace moorage
