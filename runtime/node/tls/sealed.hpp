// The network's side of one link, as OpenSSL reads and writes it: what it seals is gathered and sent at once,
// and two records are read at once, so that a big message costs one waking of the peer, and not one and some
// calls to the system for each of TLS's records.
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

#include "runtime/node/tls/context.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// Bytes that are carried in one piece, at most: eight of TLS's records. More are no faster.
constexpr std::size_t tls_piece = 128 << 10;

/// Of errno(3): the call is worth another one, later.
inline bool may_pass(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

class sealed_side {
public:
  /// From now on `ssl` reads and writes here, which does not move. The socket does not block.
  sealed_side(SSL* ssl, unique_fd socket);
  sealed_side(const sealed_side&) = delete;
  sealed_side& operator=(const sealed_side&) = delete;

  /// What has been gathered goes, as far as the socket takes it. False: the peer has gone.
  bool flush();
  /// The socket has not taken all.
  bool full() const { return begin_ < bytes_.size(); }
  /// So much waits that OpenSSL is to read no more, since it may have to answer.
  bool overfull() const { return bytes_.size() >= bytes_max; }
  /// Nobody is there to read it.
  void clear();
  /// Much comes and goes: it keeps the memory for that, OpenSSL's too, and reads more at once, until it is
  /// told otherwise. Else it has none while nothing is carried.
  void carry_much();
  void carry_little();

  /// A turn begins: the socket may have something to read. OpenSSL reads two records' bytes in it, and as
  /// many more as it has made of them (`made`), so that what makes nothing, such as new keys without end,
  /// takes little of the thread's time.
  void begin_turn();
  void made(std::size_t bytes) { allowance_ += bytes; }
  /// The turn was over before all was read.
  bool cut_short() const { return allowance_ == 0; }
  int socket() const { return socket_.get(); }
  /// Of errno(3), why the last call to the system failed; 0: none did.
  int error() const { return error_; }

private:
  static constexpr std::size_t bytes_max = 2 * tls_piece;

  static int on_write(BIO* bio, const char* bytes, int size);
  static int on_read(BIO* bio, char* bytes, int size);
  static long on_control(BIO* bio, int what, long, void*);
  static BIO_METHOD* method();

  SSL* ssl_;
  unique_fd socket_;
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t allowance_ = 0; ///< bytes that may be read in this turn
  bool drained_ = false, keeps_memory_ = false, reads_much_ = false;
  int error_ = 0;
};

} // namespace moorage
