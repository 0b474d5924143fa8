// The open connection: streams, questions, and the end.
#include <algorithm>
#include <utility>

#include "runtime/ssh/transport_ssh.hpp"

namespace moorage {

namespace {

/// One pump's share: 64 KiB read (libssh reads 4 KiB a poll), and as much for other reasons to go round.
constexpr int polls_max = 16;
constexpr int rounds_max = 64;
constexpr std::uint64_t poll_reads_max = 4'096;

/// libssh bounds what it holds for a reader that has stopped, except when output of both kinds is mixed: each
/// little piece of the one refills the window that the other fills. Beyond this much the connection is not read.
constexpr std::size_t unread_max = 12u << 20;

} // namespace

/// True: there is more to do at once.
bool ssh_transport::pump_open() {
  readable_ = readable_ || !watch_.armed();
  bool paused = false;
  bool eager = false;
  int polls = 0;
  for (int round = 0; round < rounds_max; ++round) {
    auto packets = link_.packets_in();
    auto read = link_.bytes_in();
    auto written = link_.bytes_out();
    eager = advance();
    if (link_.broken()) {
      note_heard();
      break_link();
      return false;
    }
    paused =
        std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->unread() > unread_max; });
    bool moved = link_.packets_in() != packets || link_.bytes_out() != written;
    if (!paused && ((readable_ && polls < polls_max) || (link_.write_pending() && !moved && polls == 0))) {
      ++polls;
      read = link_.bytes_in();
      link_.poll();
      // Less than it can read at once: there is no more. The readiness loop will say when there is.
      readable_ = link_.bytes_in() - read == poll_reads_max;
      continue;
    }
    if (!moved)
      break;
  }
  note_heard();
  if (link_.broken()) {
    advance();
    break_link();
    return false;
  }
  bool more = eager || (readable_ && !paused);
  if (paused)
    last_heard_ = shared_.now; // its silence is our doing
  else if (!more)
    watch_socket();
  return more;
}

/// Moves everything as far as it goes without new packets. True: a stream has more to do at once.
bool ssh_transport::advance() {
  bool eager = false;
  hear_answer();
  ask_next();
  shared_.channel_ending = !ending_.empty() || asked_ != nullptr;
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    auto& stream = *streams_[i];
    stream.advance();
    eager = eager || stream.eager();
    if (stream.wants_proof()) {
      stream.proof_asked();
      if (!next_)
        next_ = std::make_unique<question>();
      next_->proofs.push_back(stream.id());
    }
  }
  ask_next();
  settle();
  return eager;
}

void ssh_transport::ask_next() {
  if (asked_ || !next_)
    return;
  asked_ = std::move(next_);
  asked_->channel = std::make_unique<session_channel>(link_, nullptr);
  hear_answer();
}

void ssh_transport::hear_answer() {
  if (!asked_)
    return;
  auto state = asked_->channel->open();
  if (state == session_channel::opening::waiting || state == session_channel::opening::broken)
    return;
  auto answered = std::move(asked_);
  ending_.push_back(std::move(answered->channel));
  for (auto number : answered->asked)
    shared_.events->emplace_back(question_answered{number});
  for (auto id : answered->proofs)
    if (auto* stream = find(id))
      stream->proved();
}

/// Takes leave of streams that are over and of channels that are done with.
void ssh_transport::settle() {
  auto over =
      std::stable_partition(streams_.begin(), streams_.end(), [](const auto& s) { return !s->over(); });
  for (auto at = over; at != streams_.end(); ++at)
    if (auto channel = (*at)->release())
      ending_.push_back(std::move(channel));
  streams_.erase(over, streams_.end());
  auto gone =
      std::remove_if(ending_.begin(), ending_.end(), [](const auto& channel) { return channel->settle(); });
  if (gone != ending_.end())
    shared_.channel_ended_at = shared_.now;
  shared_.channels_ended += static_cast<std::uint64_t>(ending_.end() - gone);
  ending_.erase(gone, ending_.end());
}

void ssh_transport::pump_closing() {
  if (shared_.now < close_due_) {
    auto said = link_.say_goodbye();
    if (said == ssh_link::goodbye::waiting && watch_.arm(true, true))
      return;
  }
  for (auto& stream : streams_) // those that were started while we waited
    stream->closing();
  release();
  shared_.events->emplace_back(transport_closed{});
}

} // namespace moorage
