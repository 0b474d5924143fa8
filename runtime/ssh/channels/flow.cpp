// Input and output of a stream: credit, windows, and memory that stays bounded.
#include <algorithm>
#include <array>
#include <utility>

#include "runtime/ssh/channels/stream.hpp"
#include "runtime/ssh/libssh_session.hpp"

namespace moorage {

namespace {

// How libssh 0.10 sizes the peer's window (channels.c).
constexpr std::uint64_t window_low = 640'000; ///< refilled below
constexpr std::uint64_t window_full = 1'280'000;
/// For readers with so much credit: one window a round trip bounds the rate, 4 MiB carry 200 MiB/s over 20
/// ms.
constexpr std::uint64_t window_wide = 4u << 20;

/// Bytes handled before others have their turn.
constexpr std::size_t share = 256u << 10;
/// As much as libssh puts into two packets: larger pieces only make its buffer grow.
constexpr std::size_t write_max = 64u << 10;
/// Output events are joined up to this size.
constexpr std::size_t piece_max = 256u << 10;

constexpr std::array kinds{output_kind::output, output_kind::error_output};

constexpr std::size_t index_of(output_kind kind) {
  return static_cast<std::size_t>(kind);
}

} // namespace

/// Standard input goes ahead of the server's reply to the request: a round trip less.
void command_stream::feed() {
  std::size_t fed = 0;
  while (!input_.empty() && !around_.link.write_pending()) {
    if (fed >= share) {
      eager_ = true;
      break;
    }
    auto& front = input_.front();
    int taken = channel_->write(front.data() + input_at_, std::min(front.size() - input_at_, write_max));
    if (taken < 0) {
      input_refused_ = true;
      input_.clear();
    }
    if (taken <= 0)
      break;
    fed += static_cast<std::size_t>(taken);
    input_at_ += static_cast<std::size_t>(taken);
    if (input_at_ == front.size()) {
      input_.pop_front();
      input_at_ = 0;
    }
  }
  if (fed > 0)
    around_.events->emplace_back(stream_input_taken{id_, fed});
  // Not when it was thrown away: the command must not take what it has for the whole.
  if (input_ends_ && !input_ended_ && !ending_ && input_.empty() && !channel_->closed_by_peer()) {
    input_ended_ = true;
    channel_->end_input();
  }
}

/// Delivers what waited for credit.
void command_stream::drain() {
  std::size_t given = 0;
  while (credit_ > 0 && undelivered()) {
    if (given >= share) {
      eager_ = true;
      return;
    }
    if (ahead_[0].empty() && ahead_[1].empty()) {
      read_ahead();
      if (ahead_[0].empty() && ahead_[1].empty())
        return;
    }
    for (auto kind : kinds) {
      auto& ahead = ahead_[index_of(kind)];
      auto& at = ahead_at_[index_of(kind)];
      auto size = static_cast<std::size_t>(std::min<std::uint64_t>({credit_, ahead.size() - at, piece_max}));
      if (size == 0)
        continue;
      credit_ -= size;
      given += size;
      deliver(kind, ahead.substr(at, size));
      at += size;
      if (at == ahead.size()) {
        std::string{}.swap(ahead);
        at = 0;
      }
    }
  }
}

/// Takes all that libssh holds, behind what was taken before. Reading makes it refill the window, however
/// much it still holds: reading piece by piece at a slow reader's pace would let the peer send, and libssh
/// store, without bound.
void command_stream::read_ahead() {
  for (auto kind : kinds) {
    auto& unread = unread_[index_of(kind)];
    if (unread == 0)
      continue;
    std::string bytes(unread, '\0');
    int got = channel_->read(kind, bytes.data(), bytes.size());
    unread = 0;
    if (got <= 0)
      continue;
    bytes.resize(static_cast<std::size_t>(got));
    if (auto& ahead = ahead_[index_of(kind)]; ahead.empty())
      ahead = std::move(bytes);
    else
      ahead += bytes;
    if (window_ < window_low)
      window_ = window_full;
  }
}

std::size_t command_stream::output(output_kind kind, const char* bytes, std::size_t size) {
  auto& unread = unread_[index_of(kind)];
  auto fresh = static_cast<std::uint64_t>(size - std::min(size, unread));
  window_ -= std::min(window_, fresh);
  std::size_t taken = 0;
  if (ahead_[index_of(kind)].empty())
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(size, credit_));
  unread = size - taken;
  if (window_ + unread < window_low)
    window_ = window_full;
  if (taken > 0) {
    credit_ -= taken;
    deliver(kind, std::string(bytes, taken));
  }
  if (ending_ && unread > 0) {
    output_lost_ = true;
    unread = 0;
    return size;
  }
  return taken;
}

/// Nobody's credit holds up the end of a command that is not wanted any more: it closes when its output has
/// been read.
void command_stream::throw_away() {
  drain();
  read_ahead();
  for (auto kind : kinds) {
    output_lost_ = output_lost_ || !ahead_[index_of(kind)].empty();
    std::string{}.swap(ahead_[index_of(kind)]);
    ahead_at_[index_of(kind)] = 0;
  }
}

void command_stream::deliver(output_kind kind, std::string bytes) {
  if (!around_.events->empty())
    if (auto* last = std::get_if<stream_output>(&around_.events->back());
        last && last->stream == id_ && last->kind == kind && last->bytes.size() + bytes.size() <= piece_max) {
      last->bytes += bytes;
      return;
    }
  around_.events->emplace_back(stream_output{id_, kind, std::move(bytes)});
}

void command_stream::widen_window() {
  if (credit_ < window_wide || window_ >= window_wide / 2 || undelivered() || ended_ || ending_ ||
      channel_->end_of_output() || channel_->closed_by_peer() || phase_ != phase::running ||
      window_ == window_at_first)
    return;
  window_ = window_wide; // before the call: what comes in it counts against the new one
  channel_->widen(static_cast<std::uint32_t>(window_wide));
}

} // namespace moorage
