// What the streams of one outsider have under way to it, together: how much of the credit that the outsider
// gave each goes on to its connection. Without it 64 streams with a window each lie before every answer in
// the link's buffers.
//
// A stream holds what its connection was lent and has not sent, and what is on its way and not said to have
// arrived. What its reader has not read is the reader's own affair: it arrived, and only the stream's own
// window knows of it.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace moorage {

/// A value: numbers in, numbers out. Whoever holds it passes on the credit that comes out, which may be none.
class output_share {
public:
  /// All streams together hold no more than this, and `least` each besides. On loopback it is some ten
  /// milliseconds of what a link carries. Half of both takes about a third off a small request's time behind
  /// 64 streams, and a quarter off what they carry.
  static constexpr std::uint64_t most = 1u << 20;
  /// Each may hold this much, whatever the others do: nobody waits for those that hold on to theirs.
  static constexpr std::uint64_t least = 16u << 10;

  /// The outsider gives so much to begin with; what its connection is to have of it.
  std::uint64_t open(std::uint64_t stream, std::uint64_t credit);
  bool counts(std::uint64_t stream) const { return streams_.contains(stream); }
  /// … so much more.
  std::uint64_t grant(std::uint64_t stream, std::uint64_t credit);
  /// The connection has sent so much, which goes on to the outsider; what it is to have in its place.
  std::uint64_t pass(std::uint64_t stream, std::uint64_t bytes);
  /// So much has arrived, in the order in which it went. `lend(stream, credit)` is called for those that may
  /// have more for it.
  template <class Lend>
  void arrived(std::uint64_t bytes, Lend lend) {
    while (bytes > 0 && !under_way_.empty()) {
      auto stream = arrive(bytes);
      if (auto credit = lend_to(stream); credit > 0)
        lend(stream, credit);
    }
  }
  /// It holds nothing any more but what is still on its way.
  void end(std::uint64_t stream);

  /// What all hold.
  std::uint64_t held() const { return held_; }

private:
  /// Less than this is not lent, unless it is the last: each time costs a message.
  static constexpr std::uint64_t grain = least / 2;

  struct account {
    std::uint64_t credit = 0; ///< the outsider's, not passed on yet
    std::uint64_t lent = 0;
    std::uint64_t sent = 0; ///< and not said to have arrived
  };
  struct piece {
    std::uint64_t stream;
    std::uint64_t bytes;
  };

  std::uint64_t lend_to(std::uint64_t stream);
  std::uint64_t arrive(std::uint64_t& bytes);

  std::unordered_map<std::uint64_t, account> streams_;
  std::deque<piece> under_way_; ///< as it went
  std::uint64_t held_ = 0;
};

} // namespace moorage
