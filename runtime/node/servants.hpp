// CAF's two ends of a network, for sockets of the Unix domain: the doorman, which accepts connections, and
// the scribe, which carries one. CAF's own cannot be used: asked for their port, which its broker does, they
// end the process.
//
// Ours differ in more than that, wherever CAF's would hang, spin or mix up connections:
//  - Handles are numbers that are never used again. CAF takes the descriptor; a connection that closes while
//  its last
//    messages are still being decoded is then mistaken for the next one that is given the same descriptor.
//  - Closing waits for nobody. CAF keeps a closed connection until its last byte is written, so that one
//  frozen peer
//    with a full socket keeps ~actor_system waiting for ever. Ours writes what the peer takes at once, and is
//    gone.
//  - Out of descriptors, a client is turned away. CAF would spin, with the connection waiting to be accepted.
//  - What arrives goes through a `link_filter` first, and memory is set aside as it arrives: CAF would set aside what a
//    header announces.
//  - So many clients at most may be about to greet; one more, and the one that has been silent for longest is cut.
//  - Every descriptor is closed on exec and freed in any order of events, including a stop in the middle of
//  an accept.
//
// All member functions run on the thread of CAF's multiplexer, save for the constructors. Used by socket.cpp
// and link.cpp only.
#pragma once

#include "runtime/node/link_filter.hpp"
#include "runtime/node/message_allowance.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/node/unix_socket.hpp"

#include <caf/io/doorman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/event_handler.hpp>
#include <caf/io/network/stream.hpp>
#include <caf/io/scribe.hpp>
#include <caf/policy/tcp.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace moorage {

/// The number under which CAF's broker keeps what a connection is given, for as long as it greets; no doorman
/// has it.
constexpr std::uint16_t connections_port = 1023;

/// A client to which so much is written that it has not taken is not read from, until it has taken half: who
/// does not read its answers asks for no more. More than all credits of some streams, and little for a node.
constexpr std::size_t unread_pause = 4 << 20;
/// A client that leaves so much unread is cut, whatever it gave credit for. Each collected output may be a
/// quarter of it.
constexpr std::size_t unread_max = node_message_max;

/// CAF's reading and writing of a stream, and an end that does not wait.
class node_stream final : public caf::io::network::stream {
public:
  using stream::stream;

  /// How much is written and not yet taken by the socket.
  std::size_t unread() const { return unread_; }
  /// Called whenever it has become less.
  void when_taken(std::function<void()> call) { taken_ = std::move(call); }
  /// Writes what was put into `wr_buf`.
  void flush_all(const manager_ptr& manager);
  void handle_event(caf::io::network::operation op) override;
  /// Writes what the peer takes at once, then shuts the socket down. The descriptor is closed with this
  /// object.
  void finish();

private:
  struct policy : caf::policy::tcp {
    std::size_t written = 0;
    caf::io::network::rw_state write_some(std::size_t& result, caf::io::network::native_socket fd,
                                          const void* bytes, std::size_t size);
  };

  policy policy_;
  std::size_t unread_ = 0;
  std::size_t counted_ = 0; ///< of what stands in `wr_buf`
  std::function<void()> taken_;
};

/// How a connection's first moments go. The scribe writes it; on the multiplexer's thread, save for `refusal`
/// once the broker has answered whoever connects.
struct greeting_state {
  int fd = -1;         ///< -1: the connection has ended
  bool others = false; ///< of another user's process
  bool over = false;   ///< the peer has greeted
  std::string refusal; ///< what the peer did that ended the connection
};

/// One connection between two nodes.
class node_scribe final : public caf::io::scribe {
public:
  /// `ended`: called once, when the connection has ended or could not begin.
  node_scribe(caf::io::network::default_multiplexer& multiplexer, unique_fd fd, link_filter::peer from,
              std::function<void()> ended = {});
  ~node_scribe() override;

  const std::shared_ptr<greeting_state>& greeting() const { return greeting_; }
  /// As `link_filter::only_for`.
  void only_for(std::uint64_t actor) { filter_.only_for(actor); }
  bool consume(caf::execution_unit* context, const void* bytes, std::size_t size) override;
  void configure_read(caf::io::receive_policy::config config) override;
  void ack_writes(bool enable) override { stream_.ack_writes(enable); }
  std::vector<char>& wr_buf() override { return stream_.wr_buf(); }
  std::vector<char>& rd_buf() override { return frame_; }
  void flush() override;
  void graceful_shutdown() override { detach(&stream_.backend(), false); }
  void add_to_loop() override { stream_.activate(this); }
  void remove_from_loop() override { stream_.passivate(); }
  std::string addr() const override { return "unix"; }
  std::uint16_t port() const override { return 0; }
  /// Lets go of what the event loop would have let go of, had it ever known this connection.
  void released();

protected:
  void detach_from(caf::io::abstract_broker* broker) override;

private:
  bool deliver(caf::execution_unit* context);
  void refuse(const std::string& why);
  void unread_less();
  void look_at_pace();
  void pace_is_well();
  void listen_again();
  void tell_end();

  bool launched_ = false;
  bool reads_too_little_ = false; ///< for either reason it is not read from
  bool says_too_much_ = false;
  node_stream stream_;
  link_filter filter_;
  std::shared_ptr<greeting_state> greeting_;
  std::vector<char> passed_;  ///< what the filter let pass and the broker has not yet had
  std::size_t delivered_ = 0; ///< of which so much it has had
  std::vector<char> frame_;   ///< what it is given: a header or a payload
  std::size_t wanted_ = 0;    ///< the size of the next one
  std::function<void()> ended_;
  link_filter::peer from_;
  message_allowance allowance_;
  std::uint64_t counted_ = 0;      ///< of the filter's frames
  std::shared_ptr<void> identity_; ///< the peer's, which no other link has meanwhile
};

/// Hands a connection over to the broker, which greets in the name of `whom`; how it begins. On the
/// multiplexer's thread, so that no other connection can be given the number in between.
std::shared_ptr<greeting_state> offer_link(caf::io::network::default_multiplexer& multiplexer,
                                           const caf::actor& broker, unique_fd fd, caf::strong_actor_ptr whom,
                                           const node_service& what);

/// What a doorman of a socket that is not ours shares with whoever ends it. Such a socket cannot be shut
/// down, since whoever made it goes on with it. edge: a host thread says so, and CAF's network thread looks.
struct borrowed_socket {
  std::atomic<bool> wanted{true};
};

/// One published socket, and what each connection to it is given. `port` is the number under which CAF's
/// broker knows it.
class node_doorman final : public caf::io::doorman {
public:
  node_doorman(caf::io::network::default_multiplexer& multiplexer, unique_fd fd, std::uint16_t port,
               node_service what, std::shared_ptr<borrowed_socket> borrowed = {});

  bool new_connection() override { return false; } // CAF's acceptor would call it; ours does not
  void launch() override { listener_.start(); }
  void graceful_shutdown() override { detach(&listener_.backend(), false); }
  void add_to_loop() override { listener_.start(); }
  void remove_from_loop() override { listener_.passivate(); }
  std::string addr() const override { return "unix"; }
  std::uint16_t port() const override { return port_; }
  void released() { listener_.removed_from_loop(caf::io::network::operation::read); }

protected:
  void detach_from(caf::io::abstract_broker* broker) override;

private:
  class listener final : public caf::io::network::event_handler {
  public:
    listener(caf::io::network::default_multiplexer& multiplexer, int fd, node_doorman& owner);

    void start();
    void handle_event(caf::io::network::operation op) override;
    void removed_from_loop(caf::io::network::operation op) override;
    void graceful_shutdown() override {}

  private:
    /// Accepts and drops one connection with the descriptor that is kept for this.
    void turn_away();

    node_doorman& owner_;
    caf::intrusive_ptr<node_doorman>
        kept_; ///< Keeps the owner alive while the event loop knows this listener.
    unique_fd spare_;
  };

  void accepted(unique_fd fd);
  void make_room_for_one();
  /// The socket was shut down, which is how `published_node` ends it.
  void ended();

  std::uint16_t port_;
  node_service what_;
  std::shared_ptr<borrowed_socket> borrowed_; ///< none: the socket is ours
  listener listener_;
  std::deque<std::shared_ptr<greeting_state>>
      greeting_; ///< those that have not greeted, oldest first; and some more
};

} // namespace moorage
