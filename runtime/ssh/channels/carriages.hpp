// All that one transport carries, and how it is shared among them.
#pragma once

#include <memory>
#include <vector>

#include "runtime/ssh/channels/carried_channel.hpp"

namespace moorage {

class carriages {
public:
  carriages(libssh_session& link, readiness& loop, waker wake);

  void add(stream_id stream, std::shared_ptr<carriage> what, carriage_target to);
  /// A new share of bytes for all of them together.
  void begin_pump();
  /// Moves everything as far as it goes without new packets, each time another one first. True: there is more
  /// to do at once.
  bool advance(time_point now, std::vector<transport_event>& events);
  /// Every other time they go before the commands.
  bool goes_first() { return goes_first_ = !goes_first_; }
  /// The end of all of them, with this reason; with the word on each where somebody is to hear it.
  void end(const failure& why, std::vector<transport_event>* events);
  /// After the link's end, or before.
  void clear();

  bool any() const { return !carried_.empty(); }
  time_point next_due() const;
  /// Channels that were closed here, and not yet by the peer.
  std::size_t ending() const { return ending_.size(); }

private:
  void settle(std::vector<transport_event>& events);

  libssh_session& link_;
  readiness& loop_;
  waker wake_;
  std::vector<std::unique_ptr<carried_channel>> carried_;
  std::vector<std::unique_ptr<session_channel>> ending_;
  std::vector<carriage_over> stillborn_; ///< to be told
  std::size_t share_ = 0;
  std::size_t first_ = 0;
  bool goes_first_ = false;
};

} // namespace moorage
