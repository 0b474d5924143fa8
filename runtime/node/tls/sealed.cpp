#include "runtime/node/tls/sealed.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace moorage {

namespace {

/// What OpenSSL reads ahead where much comes. No more: it moves what is left to the front at each record.
constexpr std::size_t read_ahead = 64 << 10;
/// Of a record on the wire: its header, 16 KiB, and what seals it (RFC 8446, section 5.2).
constexpr std::size_t record_max = 5 + (16 << 10) + 256;

sealed_side& side_of(BIO* bio) {
  return *static_cast<sealed_side*>(BIO_get_data(bio));
}

} // namespace

/// One for all links, and for as long as the process lives.
BIO_METHOD* sealed_side::method() {
  static BIO_METHOD* const made = [] {
    auto* result = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sealed side of a link");
    if (result == nullptr)
      throw std::bad_alloc{};
    BIO_meth_set_write(result, on_write);
    BIO_meth_set_read(result, on_read);
    BIO_meth_set_ctrl(result, on_control);
    return result;
  }();
  return made;
}

sealed_side::sealed_side(SSL* ssl, unique_fd socket) : ssl_(ssl), socket_(std::move(socket)) {
  auto* bio = BIO_new(method());
  if (bio == nullptr)
    throw std::bad_alloc{};
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_read_ahead(ssl, 1);
}

void sealed_side::clear() {
  bytes_.clear();
  begin_ = 0;
  if (!keeps_memory_)
    bytes_.shrink_to_fit();
}

void sealed_side::carry_much() {
  if (!keeps_memory_)
    SSL_clear_mode(ssl_, SSL_MODE_RELEASE_BUFFERS);
  keeps_memory_ = true;
  if (reads_much_)
    return;
  SSL_set_default_read_buffer_len(ssl_, read_ahead); // of the next one
  reads_much_ = SSL_free_buffers(ssl_) == 1;         // it cannot while they hold something
}

void sealed_side::carry_little() {
  if (!keeps_memory_ && !reads_much_)
    return;
  keeps_memory_ = false;
  SSL_set_default_read_buffer_len(ssl_, 0); // one record
  SSL_set_mode(ssl_, SSL_MODE_RELEASE_BUFFERS);
  reads_much_ = SSL_free_buffers(ssl_) != 1;
  if (!full())
    clear();
}

void sealed_side::begin_turn() {
  drained_ = false;
  allowance_ = 2 * record_max;
}

bool sealed_side::flush() {
  if (!full())
    return true;
  const auto put = ::send(socket_.get(), bytes_.data() + begin_, bytes_.size() - begin_, MSG_NOSIGNAL);
  if (put < 0 && !may_pass(errno)) {
    error_ = errno;
    clear();
    return false;
  }
  begin_ += put > 0 ? static_cast<std::size_t>(put) : 0;
  if (!full())
    clear();
  return true;
}

/// A piece always has room; what OpenSSL says by itself, such as answers to who asks for new keys without end
/// and does not read, waits for some.
int sealed_side::on_write(BIO* bio, const char* bytes, int size) {
  auto& into = side_of(bio).bytes_;
  BIO_clear_retry_flags(bio);
  if (side_of(bio).overfull()) {
    BIO_set_retry_write(bio);
    return -1;
  }
  try { // it came from C
    into.insert(into.end(), bytes, bytes + size);
  } catch (const std::bad_alloc&) {
    return -1;
  }
  return size;
}

/// Whoever got less than they asked for has got all there is.
int sealed_side::on_read(BIO* bio, char* bytes, int size) {
  auto& from = side_of(bio);
  BIO_clear_retry_flags(bio);
  if (const auto room = std::min(static_cast<std::size_t>(size), from.allowance_);
      !from.drained_ && room > 0) {
    const auto got = ::recv(from.socket_.get(), bytes, room, MSG_DONTWAIT);
    from.error_ = got < 0 && !may_pass(errno) ? errno : 0;
    from.drained_ = got > 0 ? static_cast<std::size_t>(got) < room : got < 0 && from.error_ == 0;
    from.allowance_ -= got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got >= 0 || from.error_ != 0)
      return static_cast<int>(got);
  }
  BIO_set_retry_read(bio);
  return -1;
}

long sealed_side::on_control(BIO*, int what, long, void*) {
  return what == BIO_CTRL_FLUSH ? 1 : 0;
}

} // namespace moorage
