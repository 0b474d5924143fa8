// The front: what stands between the network and CAF where a node listens over TLS, and where a client goes
// to one. One thread with epoll(7) accepts, proves who comes, and carries what each link says; CAF gets one
// end of a pair of local sockets for each, and never a byte of somebody who has not proved who they are.
//
// What a stranger can take of us is bounded. Until the whole of their first message is there they cost a
// descriptor and nothing of OpenSSL's (an SSL object takes 70 kB); so many are let in to the handshake at
// once, and from one address; who has not finished it by its deadline is cut; where all is taken the one that
// has been silent for longest makes room, among strangers and among handshakes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/node/tls/context.hpp"
#include "runtime/node/tls/pump.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// From the connect to the proof of who it is: some round trips, and a few ms of ours.
constexpr std::chrono::seconds handshake_patience{10};
/// A link without a word for so long has ended: three times `node_heartbeat`. A frozen process, a network
/// that was cut.
constexpr std::chrono::seconds tls_silence_max{15};
/// Those that have not yet said who they are.
constexpr std::size_t strangers_max = 1024;
/// Handshakes under way at once, of all and of one address: each takes 70 kB and 1.3 ms of a processor.
constexpr std::size_t handshakes_max = 64, handshakes_of_one_max = 8;
/// A handshake takes some round trips: one that has gone on for longer makes room for who waits.
constexpr std::chrono::seconds handshake_usual{1};
/// Links; the next one is cut once it is proved. Each takes three descriptors, of which all strangers and all
/// links may have a quarter each of what the process may open when it begins to listen.
constexpr std::size_t tls_links_max = 4096;
/// By when a link has to have greeted, and what it has said by then if it has.
constexpr std::chrono::seconds link_greeting_patience{10};
constexpr std::size_t link_greeting_size = 64;

class tls_front {
public:
  /// Who has proved who they are.
  struct visitor {
    unique_fd plain; ///< CAF's end
    certificate_names names;
    std::string from; ///< an address in digits
  };
  /// Called on the front's thread; must neither wait nor throw.
  struct hearers {
    std::function<void(visitor)> came;
    /// Somebody did not prove who they are, or was cut for a fault of theirs or of the network's, such as
    /// "10.0.0.7: certificate has expired".
    std::function<void(const std::string&)> refused;
  };

  /// Throws std::system_error if the system has no thread or descriptor for it. `silence_max`: for tests.
  explicit tls_front(std::chrono::milliseconds silence_max = tls_silence_max);
  /// Ends every link, and waits for none.
  ~tls_front();
  tls_front(const tls_front&) = delete;
  tls_front& operator=(const tls_front&) = delete;

  // From any thread.
  /// `socket` listens and does not block. It is closed at the end and not shut down: others may have it.
  void listen(unique_fd socket, tls_context context, hearers told);
  /// Accepts nobody any more; links live on.
  void close_listeners();
  /// For those who come from now on; links of whom it does not believe any more are cut.
  void believe(tls_context context);
  /// A link whose handshake is over: of a client.
  void carry(ssl_ptr ssl, unique_fd network, unique_fd plain);
  /// Links now, and those that have still to prove who they are.
  struct counts {
    std::size_t links = 0, strangers = 0;
  };
  counts count();

private:
  using clock = std::chrono::steady_clock;
  enum class stage { listening, greeting, parked, handshake, link };
  struct entry {
    stage at = stage::listening;
    unique_fd network;
    std::string from, network_of; ///< its address; and that of all who can have it
    clock::time_point since = clock::now();
    clock::time_point until; ///< of a link: when it was heard last
    ssl_ptr ssl;
    std::unique_ptr<tls_pump> pump;
    bool again = false;                               ///< it is in `again_`
    std::uint32_t wants_network = 0, wants_plain = 0; ///< what epoll was told last; 0: nothing
    bool spoke = false;                               ///< of a stranger: the first bytes have come
    clock::time_point ending = clock::time_point::max();
  };
  using entries = std::map<std::uint64_t, entry>;

  void post(std::function<void()> what);
  void run();
  void take_posted();
  void handle(std::uint64_t id, std::uint32_t events);
  void add_link(ssl_ptr ssl, unique_fd network, unique_fd plain, std::string from);
  void carry_on(entries::iterator who);
  void sweep();
  /// It ends here, whatever it is.
  void drop(entries::iterator who);
  void watch(std::uint64_t id, entry& who, std::uint32_t network, std::uint32_t plain = 0);
  void change(int fd, std::uint64_t id, std::uint32_t& told, std::uint32_t wanted) const;

  // --- strangers.cpp
  void accept_some(entries::iterator listener);
  void look_at_greeting(entries::iterator who, std::uint32_t events);
  void begin_handshake(entries::iterator who);
  void go_on(entries::iterator who);
  void let_in(entries::iterator who);
  void refuse(entries::iterator who, const std::string& why);
  void make_room_for_stranger();
  void admit_parked();
  bool make_room_for_handshake(const std::string& network);

  std::chrono::milliseconds silence_max_;
  unique_fd epoll_, wake_;
  // The thread's own.
  entries all_;
  std::uint64_t last_id_ = 0;
  std::deque<std::uint64_t> parked_;           ///< those whose first message is there, in order
  std::map<std::string, std::size_t> proving_; ///< by address
  std::vector<std::uint64_t> shaking_;         ///< those in the handshake, in order
  std::vector<std::uint64_t> again_;           ///< links whose turn was over before all was carried
  std::size_t strangers_ = 0, links_ = 0;
  bool starved_ = false; ///< a listener found no descriptor
  std::size_t strangers_limit_ = strangers_max, links_limit_ = tls_links_max;
  tls_context context_;
  hearers told_;
  clock::time_point next_sweep_;
  // edge: whoever posts, and the thread.
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  bool closing_ = false;
  counts counted_;
  std::thread thread_;
};

} // namespace moorage
