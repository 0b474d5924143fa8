// The transport's inside; see transport.hpp.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/ssh/channels/carriages.hpp"
#include "runtime/ssh/channels/stream.hpp"
#include "runtime/ssh/channels/sweep.hpp"
#include "runtime/ssh/libssh_session.hpp"
#include "runtime/ssh/login/authenticator.hpp"
#include "runtime/ssh/opening/connector.hpp"
#include "runtime/ssh/opening/proxy_command.hpp"
#include "runtime/ssh/transport.hpp"

namespace moorage {

/// What only an opening needs; freed when it is over, since thousands of connections stay open for hours.
struct opening_state {
  opening_state(const cluster_settings& wanted, const transport_world& with)
      : settings(wanted), world(with), of_hosts(!wanted.hosts.empty()), patience(wanted.connect_timeout) {}

  cluster_settings settings; ///< of `hosts`, the one that is tried as `host`
  transport_world world;
  machine_choice where;
  bool of_hosts;                     ///< machines are named by the settings, and not by addresses
  std::vector<std::string> left;     ///< hosts that are tried after the present one
  std::vector<machine_seen> seen;    ///< machines that failed, and the addresses of the host's name
  std::string failures;              ///< of hosts, for the text of the last one's
  ssh_error passing;                 ///< the last of these that may pass
  std::vector<std::string> distrust; ///< what people are to know of machines whose keys are not trusted
  time_point machine_due = time_point::max(); ///< then the next one has its turn
  std::chrono::milliseconds patience;         ///< with the present one
  time_point began;
  time_point deadline;
  time_point stage_began;
  std::unique_ptr<preparation> preparing;
  std::unique_ptr<prepared> ready;
  std::unique_ptr<connector> connecting; ///< none: by a proxy command or a jump
  blocking_answer<proxy_start> starting_proxy;
  std::uint64_t bytes_seen = 0;
  int pieces = 0; ///< in which they came
  std::string host_key_text;
  std::string banner; ///< what the server said to people during the log-in
  certificate_used certificate;
  host_key shown;
  std::string address_to_compare;       ///< `check_host_ip`; empty: there is none
  bool key_is_new = false;              ///< it is to be written down
  bool key_was_told = false;            ///< it was trusted by this process before
  blocking_answer<key_written> writing; ///< that, and the address being compared
  time_point writing_due;               ///< then the log-in goes on without, or not at all
  std::vector<std::string> warnings;
  std::unique_ptr<authenticator> logging_in;
  watch agent_watch; ///< before `logging_in` goes
  int agent_watched = -1;
  std::vector<opening_step> steps;
  std::optional<std::chrono::nanoseconds> time_left; ///< of `deadline`, which stands still for a person
  std::string waits_for;                             ///< as it was told
  time_point person_due = time_point::max();
};

class ssh_transport final : public transport {
public:
  ssh_transport(const cluster_settings& settings, waker wake, const transport_world& world);
  ~ssh_transport() override;

  void choose(const machine_choice& where) override;
  void open() override;
  void start(stream_id stream, exec_request request, std::uint64_t credit) override;
  bool awaits_channel(stream_id stream) const override;
  void grant_credit(stream_id stream, std::uint64_t bytes) override;
  void input(stream_id stream, std::string bytes) override;
  void end_input(stream_id stream) override;
  void cancel(stream_id stream, failure cause) override;
  void carry(stream_id stream, std::shared_ptr<carriage> what, carriage_target to) override;
  void ask(std::uint64_t asked) override;
  void close() override;
  void carrier_waits(const moorage::carrier_waits& told) override;
  bool pump(time_point now, std::vector<transport_event>& events) override;
  time_point computes_until() const override;
  time_point next_due() const override;
  std::string awaited() const override;
  std::vector<opening_step> steps(time_point now) const override;
  time_point last_heard() const override { return last_heard_; }
  time_point owed_since() const override { return owed_since_; }
  std::uint64_t answers() const override { return link_.answers(); }

private:
  enum class phase : std::uint8_t {
    fresh,
    preparing,
    connecting,
    exchanging_keys,
    verifying,
    remembering,
    logging_in,
    open,
    closing,
    over
  };

  /// Questions to the peer, answered by the opening (or refusal) of a channel.
  struct question {
    std::unique_ptr<session_channel> channel;
    std::vector<std::uint64_t> asked;
  };

  /// The link broke, and the proxy may yet say why.
  struct parting {
    const char* doing;
    time_point due;
  };

  /// By which it is carried itself.
  struct carried_way {
    std::string jump; ///< the cluster's name
    std::shared_ptr<const carriage_note> note;
    bool heard;                                 ///< something has come
    bool step_told;                             ///< among the opening's
    bool share_begun;                           ///< the machine's, of the time
    std::optional<moorage::carrier_waits> told; ///< of what is to carry it, and not looked at yet
    person_wait wait;
  };

  command_stream* find(stream_id stream);
  void note_heard();
  void watch_socket();
  void fail(ssh_error error);
  void release();

  // runtime/ssh/opening/transport_opening.cpp
  bool pump_opening();
  bool begin();
  bool prepare();
  bool connect();
  bool begin_link(unique_fd socket);
  bool exchange_keys();
  bool pass_over();
  bool verify();
  ssh_error not_compared(const call_refusal& why, const std::string& problem) const;
  bool remember();
  bool log_in();
  void enter_open();
  void step_done(ssh_stage stage, const std::string& text);
  void mind_person(const person_wait& wait);
  ssh_stage stage() const;

  // runtime/ssh/opening/transport_machines.cpp
  void line_up();
  void begin_machine();
  bool arrange();
  bool other_address(const ssh_error& error);
  bool other_machine(const ssh_error& error);
  void forget_machine();
  void note_failure(const ssh_error& error);
  void sum_up(ssh_error& error);
  std::string machine() const;

  // runtime/ssh/opening/transport_failures.cpp
  std::string where() const;
  std::string tried_before() const;
  std::string silence() const;
  bool keeps_server_waiting() const;
  bool says_too_much();
  ssh_error overdue() const;
  ssh_error link_error(const char* doing) const;

  // runtime/ssh/opening/transport_proxy.cpp
  bool begin_proxy();
  bool take_proxy();
  ssh_error proxy_overdue() const;
  std::string said_by_proxy() const;
  ssh_error proxy_error(const char* doing) const;
  void lose_link(const char* doing);
  bool part();
  void mind_proxy();

  // runtime/ssh/opening/transport_jump.cpp
  bool begin_jump();
  bool awaits_jump();
  void mind_carrier();
  ssh_error jump_error() const;
  bool jump_failed(const ssh_error& error) const;
  bool share_anew();
  ssh_error jump_overdue() const;

  // runtime/ssh/channels/transport_streams.cpp
  bool pump_open();
  bool move_open();
  bool stalled();
  time_point reading_due() const;
  bool advance();
  void ask_next();
  void hear_answer();
  void sweep();
  void settle();
  void acknowledge() const;
  void note_owed();
  void pump_closing();

  waker wake_;
  phase phase_ = phase::fresh;
  bool close_asked_ = false;
  bool hung_up_ = false;    ///< and only the proxy's end is waited for
  bool more_ = false;       ///< the opening has more to do at once
  bool readable_ = false;   ///< the socket may have more to read
  std::string destination_; ///< "user@host:port", for texts
  std::unique_ptr<opening_state> opening_;
  std::unique_ptr<proxy_process> proxy_; ///< in the place of TCP
  std::optional<parting> parting_;
  std::optional<carried_way> way_; ///< in the place of TCP
  libssh_session link_;
  watch watch_; // after the link: it must stop watching before the socket is closed
  stream_surroundings shared_;
  std::vector<std::unique_ptr<command_stream>> streams_;
  std::vector<std::unique_ptr<session_channel>> ending_; ///< channels that nobody wants any more
  carriages carried_;
  std::vector<std::string> to_sweep_;    ///< markers of commands, for the next sweep
  std::unique_ptr<command_sweep> sweep_; ///< one at a time: each takes a session
  std::unique_ptr<question> asked_;      ///< on its way
  std::unique_ptr<question> next_;       ///< to be asked when that is answered: the answer must be younger
  std::uint64_t packets_seen_ = 0;
  time_point last_heard_;
  time_point stalled_since_ = time_point::max(); ///< the peer does not read what we owe it
  time_point owed_since_ = time_point::max();
  time_point close_due_ = time_point::max();
};

} // namespace moorage
