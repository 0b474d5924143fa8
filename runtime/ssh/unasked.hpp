// What a server may cost us with what nobody asked it for.
//
// A server sends much that answers nothing: keep-alives, SSH_MSG_IGNORE, requests that we refuse, new keys.
// One that sends them as fast as it can would have a processor of ours for itself. So each connection has an
// account of processor time for what comes unasked: when it is overdrawn, the connection is not read until it
// is level again, and the server waits in TCP. What was asked for never counts: each channel, request and
// write of ours says how many packets it will bring, and each packet of a command's output counts as asked
// for.
#pragma once

#include <chrono>
#include <cstdint>

#include "actors/pool/protocol.hpp"

namespace moorage {

/// One connection's account. A value.
class unasked_account {
public:
  /// A channel's life: confirmation, window, reply, status, end-of-file, close, and OpenSSH's own additions.
  static constexpr std::uint64_t per_channel = 12;
  /// What is held in store: so much may come at once. Thousands of packets, or one slow exchange of keys.
  static constexpr std::chrono::nanoseconds store{std::chrono::milliseconds{100}};
  /// The share of a processor that fills it again: ten connections of one pool take a fifth.
  static constexpr double share = 0.02;
  /// A whole packet comes in less than this; what is spent on pieces of one without an end is counted at
  /// once.
  static constexpr std::chrono::nanoseconds whole_packet{std::chrono::milliseconds{20}};
  /// Overdrawn for so long without a break, and by more than was asked for, a server is no longer served.
  static constexpr std::chrono::seconds patience{30};

  /// We have done something that will bring so many packets.
  void expect(std::uint64_t packets);
  /// Something came lately that nobody had asked for: measure what is spent, which costs more than most pumps
  /// may.
  bool suspects(time_point now) const { return now < suspects_until_; }
  /// So many whole packets came, or only pieces of one, and so much processor time was spent on them and on
  /// all else meanwhile; 0 when it was not measured.
  void came(std::uint64_t packets, std::chrono::nanoseconds spent, time_point now);

  /// Nothing is to be read before this.
  time_point reads_again() const { return reads_again_; }
  /// It has been more than `patience`: end the connection.
  bool lost_patience(time_point now) const;
  /// Packets that nobody asked for since the account was last level.
  std::uint64_t unasked() const { return unasked_; }

private:
  std::uint64_t expected_ = 0;
  std::chrono::nanoseconds balance_ = store;
  std::chrono::nanoseconds on_pieces_{0}; ///< since the last whole packet
  time_point counted_at_{};
  time_point reads_again_ = time_point::min();
  time_point suspects_until_ = time_point::min();
  time_point overdrawn_since_ = time_point::max();
  std::uint64_t unasked_ = 0; ///< both since then
  std::uint64_t asked_ = 0;
};

} // namespace moorage
