// The client's commands, runs and streams, from the asking to the outcome.
#include <utility>

#include "runtime/client/client.hpp"
#include "runtime/node/socket.hpp"

namespace moorage {

namespace {

/// A command with more input than this is not kept to be sent once more: as much as is collected of its
/// output.
constexpr std::size_t kept_input_max = 16u << 20;
static_assert(remote_bytes_max < node_message_max);

/// Of output that has arrived. The node lets each stream have twice the lesser under way, and all together
/// many times the greater, so that nobody waits for what is not said yet.
constexpr std::uint64_t arrived_some = 8u << 10, arrived_much = 64u << 10;

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
                        std::shared_ptr<stream_pipe> pipe, std::uint64_t credit, bool is_last) {
  stream_entry entry;
  entry.lease = lease;
  entry.request = std::move(request);
  entry.pipe = std::move(pipe);
  entry.credit = credit;
  entry.is_last = is_last;
  begin(call, streams_.insert_or_assign(call, std::move(entry)).first->second);
}

void client_state::begin(std::uint64_t call, command& what) {
  auto now = self_->clock().now();
  auto found = leases_.find(what.lease);
  if (found == leases_.end())
    return end(call, outcome_of(lost_lease(what.lease)));
  if (auto wrong = remote_ ? unfit_for_node(what.request) : std::string{}; !wrong.empty())
    return end(call, outcome_of({errc::invalid_request, std::move(wrong)}));
  auto& held = found->second;
  what.moves = {now, held.asked.patience, held.waited, now - held.since, what.request.timeout};
  what.request.timeout = what.moves.timeout();
  if (!held.lost && held.renewal == 0)
    return send(call, what);
  what.once_more = lacks_channel(held.loss.code);
  what.unsent = what.once_more ? held.loss
                               : failure{errc::connection_lost,
                                         "the connection to '" + what.lease.cluster +
                                             "' had ended before anything was run under the lease"};
  park(call, what, held);
}

void client_state::send(std::uint64_t call, command& what) {
  auto& held = leases_.at(what.lease);
  ++held.under_way;
  what.under = held.grant.lease;
  what.moves.is_on(held.grant.connection_number);
  what.once_more = what.once_more && !held.used && what.request.input.size() <= kept_input_max;
  const auto& cluster = what.lease.cluster;
  if (remote_) // the node does not know our environment
    add_variables(what.request.environment, held.grant.set_env, held.grant.send_env, gate_->environment());
  auto request = what.once_more ? what.request : std::move(what.request);
  auto stream = streams_.find(call);
  if (stream == streams_.end())
    return at_door([&](auto& door) { door.run({cluster, what.under, call, std::move(request)}); });
  auto& entry = stream->second;
  entry.rooms = 0;
  // Kept while it may have to be sent once more.
  auto input = entry.once_more ? entry.unsent_input : std::exchange(entry.unsent_input, {});
  auto input_ended = entry.input_ended;
  lease_key under{cluster, what.under};
  say_what_arrives();
  open_stream order{cluster, what.under, call, std::move(request), entry.credit};
  entry.is_last_there = entry.is_last && remote_ && node_.lacks({"open_last_stream"}).code == errc::none;
  if (entry.is_last_there)
    node_.pass(open_last_stream{std::move(order)});
  at_door([&, there = entry.is_last_there](auto& door) {
    if (!there)
      door.open(std::move(order)); // may be its end
    if (!input.empty())
      door.pass(send_stream_input{under.cluster, under.lease, call, std::move(input)});
    if (input_ended)
      door.pass(end_stream_input{under.cluster, under.lease, call});
  });
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
    pass(cancel_command{what.lease.cluster, what.under, call});
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
    finished.ended.moves = run.mapped().moves.made();
    run.mapped().answer(std::move(finished));
  } else if (auto stream = streams_.extract(call); !stream.empty()) {
    ended.moves = stream.mapped().moves.made();
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

/// To the node, which counts from the first word on. One that does not know the word keeps no count.
void client_state::say_what_arrives() {
  if (!remote_ || says_arrived_ || node_.lacks({"took_stream_output"}).code != errc::none)
    return;
  says_arrived_ = true;
  arrived_ = 0;
  node_.pass(took_stream_output{});
}

/// What has come into this process, read or not, is said: much at once, less a moment later, very little not
/// at all.
void client_state::note_arrived(std::uint64_t bytes) {
  if (!says_arrived_)
    return;
  arrived_ += bytes;
  if (arrived_ >= arrived_much) {
    node_.pass(took_stream_output{std::exchange(arrived_, 0)});
  } else if (arrived_ >= arrived_some && !saying_soon_) {
    saying_soon_ = true;
    after(std::chrono::milliseconds{2}, [](client_state& client) {
      client.saying_soon_ = false;
      if (client.says_arrived_ && client.arrived_ >= arrived_some)
        client.node_.pass(took_stream_output{std::exchange(client.arrived_, 0)});
    });
  }
}

void client_state::tell(stream_chunk& chunk) {
  note_arrived(chunk.bytes.size());
  auto found = streams_.find(chunk.call);
  if (found == streams_.end())
    return;
  was_sent(found->second);
  found->second.pipe->push(chunk.kind, std::move(chunk.bytes));
}

void client_state::tell(stream_room& room) {
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
    pass(grant_stream_credit{found->second.lease.cluster, found->second.under, call, bytes});
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
    pass(send_stream_input{entry.lease.cluster, entry.under, call, std::move(bytes)});
}

void client_state::end_input(std::uint64_t call) {
  auto found = streams_.find(call);
  if (found == streams_.end())
    return;
  auto& entry = found->second;
  entry.input_ended = true;
  if (!entry.parked)
    pass(end_stream_input{entry.lease.cluster, entry.under, call});
}

void client_state::cancel_stream_of(std::uint64_t call) {
  if (auto found = streams_.find(call); found != streams_.end())
    cancel(call, found->second);
}

void client_state::finish(std::uint64_t call, outcome ended) {
  auto found = streams_.find(call);
  if (found == streams_.end() || goes_on(call, found->second, ended))
    return;
  if (found->second.is_last && ended.kind != outcome_kind::never_sent)
    end_lease_of(found->second);
  end(call, std::move(ended));
}

/// As if its holder gave it back now, unless the node has done that.
void client_state::end_lease_of(const stream_entry& last) {
  auto lease = last.lease;
  if (!last.is_last_there)
    return release(lease, {});
  if (auto held = leases_.extract(lease); !held.empty())
    let_go(held.mapped(), {errc::none, "; and the lease was given back"});
}

} // namespace moorage
