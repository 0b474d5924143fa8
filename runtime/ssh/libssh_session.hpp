// One libssh session on one socket, with what libssh leaves to its caller: who closes which descriptor, the
// non-blocking flag, the event it is polled through, and whether the link is broken.
//
// The socket is ours, for the readiness loop and for looking at it; libssh gets a duplicate, which it closes
// on some paths and not on others. No call here blocks.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "messages/ssh_error.hpp"
#include "runtime/ssh/opening/first_words.hpp"
#include "runtime/ssh/overheard.hpp"
#include "runtime/ssh/unasked.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

struct link_settings {
  std::string host;
  std::uint16_t port = 22;
  std::string user;
  std::string host_key_algorithms; ///< for SSH_OPTIONS_HOSTKEYS
  // With commas, the preferred first; empty: libssh's own.
  std::string kex_algorithms = {};
  std::string ciphers = {};
  std::string macs = {};
  bool compression = false;
  std::uint64_t rekey_data = 0; ///< bytes; 0: as libssh reckons
  std::chrono::seconds rekey_interval{0};
};

/// The methods of key exchange that cost no more than this one, of those that are allowed (empty: the usual
/// ones), for SSH_OPTIONS_KEY_EXCHANGE; empty: it is none that we know of. After a group exchange those that
/// cost no more than its smallest group, and itself.
std::string no_costlier_than(std::string_view agreed, std::string_view allowed = {});

class libssh_session {
public:
  libssh_session() = default;
  ~libssh_session();
  libssh_session(const libssh_session&) = delete;
  libssh_session& operator=(const libssh_session&) = delete;

  /// Takes a connected, non-blocking socket. Kind `none` when all is well.
  ssh_error start(unique_fd socket, const link_settings& settings);

  enum class exchange {
    waiting, ///< for the peer
    more,    ///< it has sent more than is read at once: call again after others had their turn
    done,
    failed
  };
  /// Key exchange, as far as it goes at once, but never more than a bounded piece of work: 64 KiB read, which
  /// is more than a whole exchange, and so no more than the computing of one.
  exchange exchange_keys();

  /// The method of it, once it is done.
  const char* agreed_exchange() const;
  /// New keys that the server asks for later, whenever it reads, take a processor some milliseconds or more.
  bool exchanges_take_long() const { return exchanges_take_long_; }
  /// New keys that the server asks for later cost no more than that. False: libssh would not have it.
  bool later_exchanges_bounded() const { return later_exchanges_bounded_; }

  /// What the server said before libssh took it.
  const class first_words& first_words() const { return first_words_; }

  /// One poll: at most 4,096 bytes are read, what waits is written, and the channels' callbacks run. Nothing
  /// at all while it is `stalled`.
  void poll();

  /// The link is gone, or the two sides do not understand each other; nothing more comes of it.
  bool broken() const;
  /// What broke it: `reset` (also timed out, unreachable) when the link is gone, else `protocol`; with
  /// libssh's words or the peer's.
  ssh_failure why(std::string& words) const;

  /// The peer has said what was not read yet, or the link is gone.
  bool unread() const;
  /// Bytes wait in libssh for the socket to take them.
  bool write_pending() const;

  /// The peer does not read, and much waits to be sent to it: to read on from it would be to answer it, and
  /// libssh stores answers without bound. True until the socket takes more; nothing that makes libssh read or
  /// write is to be called meanwhile.
  bool stalled();

  /// What is written from now on leaves together when `send_gathered` is called: the peer wakes once for it
  /// (TCP_CORK, tcp(7)). Where the socket is no TCP socket nothing is held back.
  void gather();
  void send_gathered();

  enum class goodbye { said, waiting, impossible };
  /// Sends SSH_MSG_DISCONNECT once the socket can take it; every channel is freed then, and only `drop` is
  /// left.
  goodbye say_goodbye();
  /// Frees everything at once without a word. Channels are freed too.
  void drop();

  /// Where libssh's log is to go while calls are made on this link (`listening`).
  overheard& ear() { return ear_; }
  /// What the peer sends that nobody asked for.
  unasked_account& unasked() { return unasked_; }
  const unasked_account& unasked() const { return unasked_; }

  ssh_session session() const { return session_; }
  int socket() const { return socket_.get(); }
  std::uint64_t packets_in() const { return packets_.in_packets; }
  std::uint64_t bytes_in() const { return bytes_.in_bytes; }
  std::uint64_t bytes_out() const { return bytes_.out_bytes; }
  std::uint64_t packets_out() const { return packets_.out_packets; }
  /// The peer has answered what a channel asked.
  void note_answer() { ++answers_; }
  std::uint64_t answers() const { return answers_; }

private:
  bool set_destination(const link_settings& settings, int descriptor);
  bool set_algorithms(const link_settings& settings);
  void look_at_first_words();
  void bound_later_exchanges();
  bool add_event();
  bool begin_by_pair();
  bool owes_much();
  static int on_request(ssh_session, ssh_message, void* self);

  unique_fd socket_;
  ssh_session session_ = nullptr;
  ssh_event event_ = nullptr;
  class first_words first_words_;
  ssh_counter_struct bytes_{};        ///< on the socket
  ssh_counter_struct packets_{};      ///< of the protocol
  std::uint64_t packets_settled_ = 0; ///< sent when nothing last waited for the socket
  overheard ear_;
  unasked_account unasked_;
  std::uint64_t answers_ = 0;
  unique_fd libssh_end_; ///< until the first `ssh_connect` has made it libssh's to close
  unique_fd our_end_;    ///< what is written there; until then as well
  bool connecting_ = false;
  bool later_exchanges_bounded_ = false;
  bool exchanges_take_long_ = false;
  std::string kex_algorithms_; ///< of the settings
  bool poll_failed_ = false;
  bool gathers_ = false; ///< until `send_gathered`
};

} // namespace moorage
