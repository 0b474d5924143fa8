// The search for what escaped the end of a command: a process group of its own takes no signal of sshd's, and
// root's commands, forced ones and dropbear's children take none at all. So each command is given a marker in
// its environment, which everything that it starts inherits, and a second command on the same connection goes
// through /proc for it. Linux only, and only what the user may signal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/pool/protocol.hpp"
#include "runtime/ssh/channels/channel.hpp"

namespace moorage {

/// The variable that marks a command's processes; its value is made for each command.
inline constexpr const char* sweep_variable = "MOORAGE_COMMAND";
std::string new_sweep_marker();

/// Sends SIGTERM twice and then SIGKILL, 0.2 s apart, to all whose environment has one of the markers.
std::string sweep_command(const std::vector<std::string>& markers);

/// One run of it, for several commands at once: it takes one of the connection's sessions.
class command_sweep {
public:
  command_sweep(libssh_session& link, const std::vector<std::string>& markers, time_point now);

  /// Goes as far as can be gone at once.
  void advance(time_point now);
  bool over() const { return stage_ == stage::over; }
  time_point next_due() const;
  /// What is left of the channel, to be settled.
  std::unique_ptr<session_channel> release() { return std::move(channel_); }

private:
  void open(time_point now);

  libssh_session& link_;
  std::string command_;
  std::unique_ptr<session_channel> channel_;
  enum class stage : std::uint8_t { waiting, opening, executing, running, over } stage_ = stage::opening;
  time_point due_;                          ///< given up then
  time_point again_at_ = time_point::max(); ///< refused: tried again then
};

} // namespace moorage
