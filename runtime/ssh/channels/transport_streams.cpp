// The open connection: streams, questions, and the end.
#include <algorithm>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include "messages/printable.hpp"
#include "runtime/ssh/transport_ssh.hpp"
#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

namespace {

/// One pump's share: 64 KiB read (libssh reads 4 KiB a poll), and as much for other reasons to go round.
constexpr int polls_max = 16;
constexpr int poll_rounds_max = 64;
constexpr std::uint64_t poll_reads_max = 4'096;
/// Each call on a channel may read as well, and each channel's is made in each round.
constexpr std::uint64_t pump_reads_max = 256u << 10;

/// What is read within some tens of microseconds. Who reads more holds up others.
constexpr std::uint64_t brief_reads_max = 8u << 10;

/// A window bounds what libssh holds for a reader that has stopped, except when output of both kinds is
/// mixed: each little piece of the one refills the window that the other fills. Beyond the widest window the
/// connection is not read.
constexpr std::size_t unread_max = 4u << 20;

/// A peer that does not read what it is owed for so long is given up.
constexpr std::chrono::seconds stalled_max{30};

/// Channels that we have closed and the peer has not. A session of sshd's has ten.
constexpr std::size_t ending_max = 1'000;

std::chrono::nanoseconds spent_by_this_thread() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

} // namespace

/// True: there is more to do at once.
bool ssh_transport::pump_open() {
  auto& unasked = link_.unasked();
  const bool measured = unasked.suspects(shared_.now);
  const auto spent = measured ? spent_by_this_thread() : std::chrono::nanoseconds{0};
  const auto packets = link_.packets_in();
  const auto bytes = link_.bytes_in();
  carried_.begin_pump();
  const bool more = move_open();
  if (phase_ != phase::open)
    return false;
  if (link_.bytes_in() != bytes)
    unasked.came(link_.packets_in() - packets, measured ? spent_by_this_thread() - spent : spent,
                 shared_.now);
  if (link_.bytes_in() != bytes && carried_.any() && !way_)
    acknowledge();
  const char* wrong = nullptr;
  if (ending_.size() + carried_.ending() > ending_max)
    wrong = "the server leaves channels open that were closed here, 1000 by now";
  else if (link_.bytes_in() != bytes && unasked.lost_patience(shared_.now))
    wrong = "the server has kept sending what nobody asked it for, for 30 s";
  if (wrong)
    fail({ssh_stage::session, ssh_failure::protocol, destination_ + ": " + wrong});
  return more && !wrong;
}

/// When reading goes on after a pause, or has paused for too long.
time_point ssh_transport::reading_due() const {
  auto due = stalled_since_ == time_point::max() ? time_point::max() : stalled_since_ + stalled_max;
  auto again = link_.unasked().reads_again();
  return again > shared_.now ? std::min(due, again) : due;
}

/// True: until the peer reads there is nothing to be done with the socket, or it is over.
bool ssh_transport::stalled() {
  if (!link_.stalled()) {
    stalled_since_ = time_point::max();
    return false;
  }
  stalled_since_ = std::min(stalled_since_, shared_.now);
  last_heard_ = shared_.now; // its silence is our doing
  if (shared_.now - stalled_since_ >= stalled_max)
    fail({ssh_stage::session, ssh_failure::timed_out,
          destination_ + ": the server has read nothing of what was sent to it for 30 s"});
  else if (!watch_.arm(false, true))
    fail({ssh_stage::session, ssh_failure::descriptor_limit,
          destination_ + ": the system watches no more descriptors"});
  return true;
}

/// One pump's work. True: there is more to do at once.
bool ssh_transport::move_open() {
  readable_ = readable_ || !watch_.armed();
  // Overdrawn: the socket is left alone.
  const bool held = shared_.now < link_.unasked().reads_again();
  const auto taken = link_.bytes_in();
  bool paused = false;
  bool eager = false;
  int polls = 0;
  if (link_.exchanges_take_long())
    long_work_ahead();
  for (int round = 0; round < poll_rounds_max; ++round) {
    if (link_.bytes_in() - taken > brief_reads_max)
      long_work_ahead();
    auto packets = link_.packets_in();
    auto read = link_.bytes_in();
    auto written = link_.bytes_out();
    eager = advance();
    if (link_.broken()) {
      note_heard();
      lose_link("on the open connection");
      return false;
    }
    paused =
        std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->unread() > unread_max; });
    if (link_.bytes_in() - taken > pump_reads_max) {
      readable_ = true;
      break;
    }
    bool moved = link_.packets_in() != packets || link_.bytes_out() != written;
    if (!paused && !held &&
        ((readable_ && polls < polls_max) || (link_.write_pending() && !moved && polls == 0))) {
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
  link_.send_gathered();
  note_heard();
  note_owed();
  if (link_.broken()) {
    advance();
    lose_link("on the open connection");
    return false;
  }
  if (stalled())
    return phase_ == phase::open && eager;
  bool more = eager || (readable_ && !paused && !held);
  if (more)
    long_work_ahead(); // it is this connection's turn again, and perhaps without another's in between
  if (paused || held)
    last_heard_ = shared_.now; // its silence is our doing
  else if (!more)
    watch_socket();
  return more;
}

/// A server that only forwards sends its small packets one at a time, each when the last was acknowledged
/// (Nagle): 40 ms later, unless it is done now. It must be said after each reading.
void ssh_transport::acknowledge() const {
  const int now = 1;
  ::setsockopt(link_.socket(), IPPROTO_TCP, TCP_QUICKACK, &now, sizeof now);
}

/// Moves everything as far as it goes without new packets. True: a stream has more to do at once.
bool ssh_transport::advance() {
  bool eager = false;
  hear_answer();
  ask_next();
  shared_.command_ending =
      sweep_ || std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s->ending(); });
  shared_.channel_ending = !ending_.empty() || asked_ != nullptr || shared_.command_ending;
  const bool carried_first = carried_.goes_first();
  if (carried_first)
    eager = carried_.advance(shared_.now, *shared_.events);
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    auto& stream = *streams_[i];
    stream.advance();
    eager = eager || stream.eager();
    if (auto marker = stream.take_sweep(); !marker.empty())
      to_sweep_.push_back(std::move(marker));
  }
  if (!carried_first)
    eager = carried_.advance(shared_.now, *shared_.events) || eager;
  ask_next();
  sweep();
  settle();
  return eager;
}

/// Goes after what escaped from commands that were told to end.
void ssh_transport::sweep() {
  if (!sweep_ && !to_sweep_.empty()) {
    sweep_ = std::make_unique<command_sweep>(link_, to_sweep_, shared_.now);
    to_sweep_.clear();
  }
  if (!sweep_)
    return;
  sweep_->advance(shared_.now);
  if (!sweep_->over())
    return;
  if (auto channel = sweep_->release())
    ending_.push_back(std::move(channel));
  sweep_ = nullptr;
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
  shared_.session_opened = shared_.session_opened || state == session_channel::opening::open;
  for (auto number : answered->asked)
    shared_.events->emplace_back(question_answered{
        number, state == session_channel::opening::refused ? printable(answered->channel->refusal()) : ""});
  ending_.push_back(std::move(answered->channel));
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

/// Channels that nobody wants any more are asked about, too: what is silent there is silent everywhere. Not
/// so the ways to other machines: for one that is down the peer itself waits, for minutes.
void ssh_transport::note_owed() {
  auto owed = [](const auto& channel) { return channel->owed(); };
  if (asked_ || std::any_of(streams_.begin(), streams_.end(), owed) ||
      std::any_of(ending_.begin(), ending_.end(), owed))
    owed_since_ = std::min(owed_since_, shared_.now);
  else
    owed_since_ = time_point::max();
}

void ssh_transport::pump_closing() {
  if (shared_.now < close_due_ && !hung_up_) {
    auto said = link_.say_goodbye();
    if (said == libssh_session::goodbye::waiting && watch_.arm(true, true))
      return;
    if (said == libssh_session::goodbye::said && proxy_) {
      watch_.end();
      link_.drop();
      hung_up_ = true;
    }
  }
  // The proxy has yet to pass on what was said; then it ends by itself.
  if (hung_up_ && !proxy_->exited() && shared_.now < close_due_)
    return;
  for (auto& stream : streams_) // those that were started while we waited
    stream->closing();
  release();
  shared_.events->emplace_back(transport_closed{});
}

} // namespace moorage
