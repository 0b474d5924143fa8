// One SSH transport as its connection actor drives it. The runtime makes them (runtime/ssh/); tests make
// their own.
//
// Owned by one connection actor and touched by nobody else. No method blocks, ever: what can only block
// (look-up, key and known_hosts files) is done on threads that the transport may abandon. Commands only take
// note; all work happens in `pump`, and all that came of it is told there as events. Nothing calls back into
// the actor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/carriage.hpp"
#include "actors/pool/protocol.hpp"
#include "messages/exec.hpp"
#include "messages/ids.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"

namespace moorage {

/// Connected, host key verified, authenticated.
struct transport_opened {
  std::vector<opening_step> steps;
  std::vector<std::string> warnings; ///< for people; each is told on the log and as an event
  /// What the server said to people during the log-in (RFC 4252, section 5.4), fit to be printed, with its
  /// lines. A failure's text ends with it.
  std::string banner;
  certificate_used certificate = {};
  std::vector<key_considered> keys = {}; ///< in the order in which they were
  std::string machine = {};              ///< that it is on (messages/machines.hpp)
  std::string host_key = {};             ///< that it showed, by its kind and fingerprint
  std::vector<machine_seen> machines = {};
  files_used files = {};
};
/// The opening waits for a person, who has something to do, or does so no more.
struct opening_waits {
  std::string for_what;              ///< "a touch (…)"; empty: it waits no more
  std::chrono::nanoseconds lasts{0}; ///< at most, from now on
};
/// It cannot be opened, or was open and broke. Ends every stream first (`stream_over`), then this, then
/// nothing more.
struct transport_failed {
  ssh_error error;
  std::vector<opening_step> steps;
  std::vector<std::string> warnings;
  files_used files = {};
  std::vector<key_considered> keys = {};
  std::vector<machine_seen> machines = {};
};
/// The answer to `close`; nothing follows.
struct transport_closed {};
/// At most the stream's credit is ever delivered.
struct stream_output {
  stream_id stream;
  output_kind kind = output_kind::output;
  std::string bytes;
};
/// So many bytes given by `input` have left for the peer: there is room for as many more.
struct stream_input_taken {
  stream_id stream;
  std::uint64_t bytes = 0;
};
/// The last word on a stream; the id is free again.
struct stream_over {
  stream_id stream;
  outcome ended;
};
/// The peer answered the question: it opened (or refused) a channel for us. One per `ask`, unless the
/// transport fails.
struct question_answered {
  std::uint64_t question = 0;
  std::string refusal; ///< why it opened no channel, in its words; empty: it did
};

/// To be opened, it has to be carried by a connection of the cluster that is its settings' `jump`: told once,
/// and nothing is answered but by the carriage.
struct carriage_wanted {
  std::shared_ptr<carriage> what;
  carriage_target to;
  std::chrono::nanoseconds patience{0}; ///< after which it is given up
};
/// The last word on what was carried; the id is free again.
struct carriage_over {
  stream_id stream;
  std::string text; ///< for people: why
};

using transport_event =
    std::variant<transport_opened, opening_waits, transport_failed, transport_closed, stream_output,
                 stream_input_taken, stream_over, question_answered, carriage_wanted, carriage_over>;

class transport {
public:
  /// Frees everything at once without a word to the peer. Never blocks.
  virtual ~transport() = default;

  /// On which of the cluster's machines; called before `open`, or not at all: on any.
  virtual void choose(const machine_choice& where) { static_cast<void>(where); }
  /// Begins to open: look-up, connect to each address in turn, key exchange, host key, authentication; the
  /// deadline is the cluster's `connect_timeout` from the first `pump` on, which stands still while a person
  /// is waited for: that has a deadline of its own.
  virtual void open() = 0;
  /// Starts a command on a channel of its own. `credit`: bytes of output (stdout and stderr together) that
  /// may be delivered before more is granted. The request's `timeout` is kept here, its `output_max` is not.
  virtual void start(stream_id stream, exec_request request, std::uint64_t credit) = 0;
  /// Whether the peer has yet to say if it opens a channel for the command.
  virtual bool awaits_channel(stream_id stream) const = 0;
  virtual void grant_credit(stream_id stream, std::uint64_t bytes) = 0;
  /// More standard input, after the request's own. Kept until the peer's window takes it.
  virtual void input(stream_id stream, std::string bytes) = 0;
  /// Whether standard input ends after the request's own `input` is said with `start`'s request by calling
  /// this next.
  virtual void end_input(stream_id stream) = 0;
  /// Ends the command: what was not sent never is; what runs is sent SIGTERM, and SIGKILL 2 s later.
  /// `stream_over` follows when the channel has closed, at the latest 3 s after, with what is known then.
  /// Output within the credit comes until then.
  virtual void cancel(stream_id stream, failure cause) = 0;
  /// Carries it on a channel of its own (RFC 4254, section 7.2: direct-tcpip) to this host and port, as the
  /// peer knows them, until either side ends it. `carriage_over` follows, unless the transport fails, which
  /// ends all that it carries with its reason.
  virtual void carry(stream_id stream, std::shared_ptr<carriage> what, carriage_target to) = 0;
  /// One round trip that proves the peer's SSH server alive: a session channel is opened and closed.
  virtual void ask(std::uint64_t question) = 0;
  /// Sends SIGTERM to what runs, says good-bye and closes; `transport_closed` follows within 250 ms, whatever
  /// the peer does.
  virtual void close() = 0;
  /// While it is to be carried: what is to carry it waits for a person, or does so no more.
  virtual void carrier_waits(const moorage::carrier_waits& told) = 0;

  /// Does what can be done at once, within a fair share; appends what came of it. True: there is more to do
  /// at once, pump again after others had their turn. The owner pumps after each of its commands, when woken,
  /// and when due.
  virtual bool pump(time_point now, std::vector<transport_event>& events) = 0;
  /// Until then the next pump may compute for long: keys are agreed on, signatures made and checked. Its
  /// owner waits for its turn before that pump, and pumps without one only from that time on, when it fails
  /// and computes nothing. In the past: the next pump computes nothing. What a pump does not know of before
  /// it begins, it leaves to the next.
  virtual time_point computes_until() const = 0;
  /// When to pump at the latest; `time_point::max()`: only when woken.
  virtual time_point next_due() const = 0;
  /// While it opens: what it waits for now, for people; empty: nothing that is worth a word. A jump host's
  /// delay is that one's to tell, and a person is told of as `opening_waits`.
  virtual std::string awaited() const { return {}; }
  /// While it opens: the steps that are done, and last the one under way, with its time until `now` and no
  /// text. Empty: it has not begun.
  virtual std::vector<opening_step> steps(time_point /*now*/) const { return {}; }
  /// When the peer was last heard of: any packet counts.
  virtual time_point last_heard() const = 0;
  /// Since when, without a pause, the peer has owed an answer: to the opening of a channel, to a request or
  /// to a question. `time_point::max()`: it owes none; a command that runs owes neither output nor end.
  virtual time_point owed_since() const = 0;
  /// How many such answers have come, whether anybody still wanted them or not.
  virtual std::uint64_t answers() const = 0;
};

/// Wakes the owner of a transport: it pumps soon. Callable from any thread, also after the owner has gone.
using waker = std::function<void()>;

/// How the runtime hands the world to the actors.
using transport_factory = std::function<std::unique_ptr<transport>(const cluster_settings&, waker)>;

/// One look at the files that a cluster's log-ins use. Destroying it abandons the look; nothing in it blocks.
class credentials_look {
public:
  virtual ~credentials_look() = default;
  /// What was seen, once it is there: a text to be compared with what another look brought; empty: nothing
  /// could be seen.
  virtual std::optional<std::string> state() = 0;
};

/// Begins a look: at the files of known host keys, or at those to log in with. The waker is called once there
/// is something to be had.
using credentials_looker =
    std::function<std::unique_ptr<credentials_look>(const cluster_settings&, bool host_keys, waker)>;

} // namespace moorage
