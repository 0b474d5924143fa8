// One command on a channel of its own, from `start` to its last word.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "actors/transport.hpp"
#include "runtime/ssh/channels/channel.hpp"

namespace moorage {

/// What the streams of one transport share.
struct stream_surroundings {
  libssh_session& link;
  std::string destination; ///< for texts
  std::chrono::milliseconds reply_timeout;
  std::chrono::milliseconds linger;
  variable_fallback fallback;
  bool sweep;
  std::set<std::string> refused_variables = {};    ///< what this server has not accepted: not asked for again
  std::uint64_t channels_ended = 0;                ///< grows when a channel of ours gives its slot back
  time_point channel_ended_at = time_point::min(); ///< the last one
  bool session_opened = false;                     ///< the server has opened one, and so allows them
  bool channel_ending = false;                     ///< one will soon
  bool command_ending = false;                     ///< one will when its command has been ended
  std::vector<transport_event>* events = nullptr;  ///< during a pump
  time_point now{};                                ///< of this pump
};

class command_stream final : public channel_reader {
public:
  command_stream(stream_id id, exec_request request, std::uint64_t credit, stream_surroundings& around);

  void grant(std::uint64_t bytes) { credit_ += bytes; }
  void input(std::string bytes);
  void end_input() { input_ends_ = true; }
  void cancel(failure cause);

  /// Goes as far as can be gone at once, within a share of bytes.
  void advance();
  /// The link broke: this is the end, unless all has been seen.
  void broken(const ssh_error& why);
  /// The transport closes by our own wish.
  void closing();

  stream_id id() const { return id_; }
  bool over() const { return phase_ == phase::over; }
  time_point next_due() const;
  /// Output that waits for credit inside libssh, in bytes.
  std::size_t unread() const { return unread_[0] + unread_[1]; }
  /// The peer owes it an answer.
  bool owed() const { return channel_ && channel_->owed(); }
  /// … to the opening of its channel.
  bool awaits_channel() const { return phase_ == phase::opening && owed(); }
  /// There is more to do at once.
  bool eager() const { return eager_; }

  /// A command that is not wanted any more is being ended: its channel will be free in a few seconds.
  bool ending() const { return ending_ && !over(); }

  /// The marker of a command that was told to end and whose processes are to be looked for now; otherwise
  /// empty.
  std::string take_sweep();

  /// What is left of the channel, to be settled.
  std::unique_ptr<session_channel> release() { return std::move(channel_); }

  // channel_reader
  std::size_t output(output_kind kind, const char* bytes, std::size_t size) override;
  void exit_status(int status) override;
  void exit_signal(const std::string& name, const std::string& words) override;

  /// A command that is not wanted any more is sent SIGTERM; at the latest after this long its channel is
  /// closed and the answer given.
  static constexpr std::chrono::seconds answer_patience{3};

private:
  bool complete() const;
  /// A new channel's window (libssh 0.10, channels.c).
  static constexpr std::uint64_t window_at_first = 64'000;

  enum class phase : std::uint8_t { fresh, waiting_for_slot, opening, environment, executing, running, over };

  bool step();
  std::string how_far() const;
  bool open_channel();
  bool try_again();
  bool begin();
  bool set_environment();
  bool execute();
  std::size_t server_takes() const;
  bool await_reply(const char* to);
  void feed();
  void drain();
  void read_ahead();
  void throw_away();
  bool undelivered() const { return unread() > 0 || !ahead_[0].empty() || !ahead_[1].empty(); }
  void widen_window();
  void look_for_end();
  void begin_end();
  void go_on_ending();
  void deliver(output_kind kind, std::string bytes);
  outcome known() const;
  void finish(outcome ended);
  void give_up(errc code, const std::string& text);
  bool sent() const { return phase_ == phase::executing || phase_ == phase::running; }

  stream_id id_;
  stream_surroundings& around_;
  std::unique_ptr<exec_request> request_; ///< until it has been sent
  std::unique_ptr<session_channel> channel_;
  phase phase_ = phase::fresh;
  bool input_ends_ = false;
  bool input_ended_ = false;
  bool input_refused_ = false;
  bool eager_ = false;
  std::size_t variable_at_ = 0;
  std::vector<environment_variable> prefixed_; ///< not accepted: set by the command line
  std::vector<std::string> left_out_;          ///< neither accepted nor prefixed
  std::uint64_t credit_ = 0;
  /// Output that waits for credit, by kind: first what we have read ahead, then what libssh still holds.
  std::string ahead_[2];
  std::size_t ahead_at_[2] = {0, 0};
  std::size_t unread_[2] = {0, 0};
  std::uint64_t window_; ///< what the peer may still send, as libssh counts it
  std::deque<std::string> input_;
  std::size_t input_at_ = 0;               ///< bytes of the front that have gone
  std::optional<outcome> ended_;           ///< what the peer said of the command's end
  time_point overdue_ = time_point::max(); ///< the request's own timeout
  std::chrono::milliseconds timeout_;
  time_point reply_due_ = time_point::max(); ///< what the peer owes us, at the latest

  // After the command's end.
  bool wait_for_close_;
  std::chrono::milliseconds linger_;          ///< what is left of it
  time_point linger_due_ = time_point::max(); ///< output is waited for until then
  time_point close_due_ = time_point::max();  ///< all output has come: the close is waited for until then
  bool output_lost_ = false;                  ///< some came that was not delivered, or may still come

  // Ending a command that is not wanted any more.
  std::optional<failure> cancelled_;
  bool ending_ = false;
  std::string marker_;                        ///< in the command's environment; empty: none
  bool terminated_ = false;                   ///< SIGTERM was sent
  time_point kill_due_ = time_point::max();   ///< SIGKILL is sent
  time_point swept_at_ = time_point::max();   ///< what escaped is looked for, if it has not ended
  time_point answer_due_ = time_point::max(); ///< the answer is given, whatever is known

  time_point slot_due_ = time_point::max();
  time_point slot_until_ = time_point::max(); ///< refusals are borne until then
  std::uint64_t slots_seen_ = 0;
  int refusals_ = 0;
};

} // namespace moorage
