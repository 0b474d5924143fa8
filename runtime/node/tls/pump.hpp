// One link over TLS: what comes encrypted from the network goes in plain to CAF, through a pair of sockets,
// and back. A value beside its descriptors, without a thread or a clock of its own: whoever owns it waits for
// what it wants, and lets it work.
//
// It holds at most one piece each way, two towards the network, and reads no more until that is written: who
// does not read makes the other side wait, and takes no more memory here than that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/node/tls/context.hpp"
#include "runtime/node/tls/sealed.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

class tls_pump {
public:
  /// `network` is `ssl`'s socket, and `plain` the end of CAF's that is ours; both do not block.
  tls_pump(ssl_ptr ssl, unique_fd network, unique_fd plain);

  /// Does what can be done now, within a bound. False: the link has ended, `why` says how.
  bool work();
  /// It was bounded, and OpenSSL may hold what epoll(7) does not know of.
  bool more() const { return more_; }

  /// Of epoll(7). What has been got from one side and not yet been taken by the other is waited for there.
  std::uint32_t wants_of_network() const;
  std::uint32_t wants_of_plain() const;
  /// Something came from the peer since the last call.
  bool heard();
  /// To be called now and then: where little was carried since the last call, the memory for much is freed.
  void rest();
  std::size_t heard_in_all() const { return heard_in_all_; }
  /// It is our own side that keeps us from hearing the peer: its silence says nothing.
  bool deaf() const { return to_plain_.full(); }

  /// One side has ended, and the other has still to take what it said.
  bool ending() const { return network_over_ || plain_over_; }

  const ssl_ptr& ssl() const { return ssl_; }
  int network() const { return network_.socket(); }
  int plain() const { return plain_.get(); }
  /// Empty: one side closed it or its process ended, as links end.
  const std::string& why() const { return why_; }

private:
  /// True: something went, and there may be more.
  bool receive();
  bool send();
  /// So much of it went.
  std::size_t write_plain(std::string_view bytes);
  bool flush();
  /// What OpenSSL says of a read that did not succeed.
  void failed(int outcome);
  void lose_network(std::string why);

  /// What could not be passed on at once. An idle link has none, and takes no memory for it.
  struct remainder {
    std::vector<char> bytes;
    std::size_t begin = 0;
    bool full() const { return begin < bytes.size(); }
    std::string_view rest() const { return {bytes.data() + begin, bytes.size() - begin}; }
    void passed(std::size_t count);
    void clear() { *this = {}; }
  };

  ssl_ptr ssl_;
  sealed_side network_;
  unique_fd plain_;
  remainder to_plain_;
  bool network_over_ = false, plain_over_ = false;
  bool more_ = false, held_back_ = false;
  bool heard_ = false, carried_much_ = false;
  std::size_t heard_in_all_ = 0;
  std::string why_;
};

} // namespace moorage
