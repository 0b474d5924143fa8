#include "runtime/ssh/libssh_session.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "messages/algorithms.hpp"
#include "runtime/ssh/opening/connector.hpp"
#include "runtime/ssh/wording.hpp"

namespace moorage {

namespace {

/// libssh keeps 16 bits of a descriptor's number (SSH_OPTIONS_FD): a higher one would be someone else's.
constexpr int descriptor_max = 0xffff;

/// A file that is not there, for files that libssh must not read: it does so on the caller's thread.
constexpr const char* no_file = "/nonexistent";

/// Of a key exchange, before others have their turn; each round reads 4 KiB at most.
constexpr int exchange_rounds_max = 16;

/// Packets that may wait for a peer that does not read. Ours are few and small while it does not: commands
/// hold their input back. What makes thousands are answers to what it sends.
constexpr std::uint64_t packets_owed_max = 1'000;

/// A method of key exchange, and what it costs beside others.
struct exchange_method {
  std::string_view name;
  int least;
  int most;
};

constexpr const char* group_exchange = "diffie-hellman-group-exchange-sha256";
constexpr const char* group_exchange_sha1 = "diffie-hellman-group-exchange-sha1";

/// All that libssh 0.10 has. In a group exchange the server chooses the group, of 2,048 to 8,192 bits.
constexpr std::array exchange_methods{
    exchange_method{"curve25519-sha256", 1, 1},
    exchange_method{"curve25519-sha256@libssh.org", 1, 1},
    exchange_method{"ecdh-sha2-nistp256", 1, 1},
    exchange_method{"ecdh-sha2-nistp384", 1, 1},
    exchange_method{"ecdh-sha2-nistp521", 1, 1},
    exchange_method{"diffie-hellman-group18-sha512", 4, 4},
    exchange_method{"diffie-hellman-group16-sha512", 3, 3},
    exchange_method{group_exchange, 2, 4},
    exchange_method{"diffie-hellman-group14-sha256", 2, 2},
    exchange_method{group_exchange_sha1, 2, 4},
    exchange_method{"diffie-hellman-group14-sha1", 2, 2},
    exchange_method{"diffie-hellman-group1-sha1", 1, 1},
};

const exchange_method* find_method(std::string_view name) {
  auto found = std::find_if(exchange_methods.begin(), exchange_methods.end(),
                            [name](const auto& each) { return each.name == name; });
  return found == exchange_methods.end() ? nullptr : found;
}

bool is_group_exchange(std::string_view name) {
  return name == group_exchange || name == group_exchange_sha1;
}

} // namespace

std::string no_costlier_than(std::string_view agreed, std::string_view allowed) {
  std::vector<std::string> result;
  const auto* one = find_method(agreed);
  for (auto& each : assembled_algorithms(algorithm_kind::key_exchange, allowed)) {
    const auto* other = find_method(each);
    // Of which kind a group exchange was libssh 0.10 does not tell.
    if (one && other &&
        (one == other || other->most <= one->least || (is_group_exchange(agreed) && is_group_exchange(each))))
      result.push_back(std::move(each));
  }
  return join_names(result);
}

libssh_session::~libssh_session() {
  drop();
}

ssh_error libssh_session::start(unique_fd socket, const link_settings& settings) {
  socket_ = std::move(socket);
  std::string destination = settings.user + "@" + settings.host;
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return descriptor_limit_error(ssh_stage::key_exchange, destination, errno);
  libssh_end_.reset(pair[0]);
  our_end_.reset(pair[1]);
  const int descriptor = libssh_end_.get();
  if (descriptor > descriptor_max)
    return {ssh_stage::key_exchange, ssh_failure::descriptor_limit,
            destination + ": the SSH library takes no descriptor above 65535; make the pools smaller"};
  session_ = ssh_new();
  if (!session_) {
    return {ssh_stage::key_exchange, ssh_failure::protocol, destination + ": out of memory"};
  }
  bytes_ = packets_ = {};
  packets_settled_ = 0;
  ear_ = {};
  unasked_ = {};
  first_words_ = {};
  poll_failed_ = false;
  gathers_ = false;
  exchanges_take_long_ = false;
  ssh_set_blocking(session_, 0);
  // Without it each channel that the server opens and each request it makes stays in a list that nobody
  // reads.
  ssh_set_message_callback(session_, on_request, this);
  kex_algorithms_ = settings.kex_algorithms;
  if (!set_destination(settings, descriptor) || !set_algorithms(settings)) {
    return {ssh_stage::key_exchange, ssh_failure::protocol,
            destination + ": the SSH library refuses a setting: " + ssh_get_error(session_)};
  }
  ssh_set_counters(session_, &bytes_, &packets_);
  connecting_ = true;
  return {};
}

bool libssh_session::set_destination(const link_settings& settings, int descriptor) {
  bool process_config = false;
  unsigned port = settings.port;
  auto set = [this](ssh_options_e option, const void* value) {
    return ssh_options_set(session_, option, value) == SSH_OK;
  };
  // The user and the folder are named so that libssh does not ask the password database for them.
  return set(SSH_OPTIONS_PROCESS_CONFIG, &process_config) && set(SSH_OPTIONS_HOST, settings.host.c_str()) &&
         set(SSH_OPTIONS_PORT, &port) && set(SSH_OPTIONS_USER, settings.user.c_str()) &&
         set(SSH_OPTIONS_SSH_DIR, no_file) && set(SSH_OPTIONS_KNOWNHOSTS, no_file) &&
         set(SSH_OPTIONS_GLOBAL_KNOWNHOSTS, no_file) && set(SSH_OPTIONS_FD, &descriptor);
}

bool libssh_session::set_algorithms(const link_settings& settings) {
  auto set = [this](ssh_options_e option, const std::string& names) {
    return names.empty() || ssh_options_set(session_, option, names.c_str()) == SSH_OK;
  };
  // Not zlib, with which whoever has not proved a thing has us inflate what it sends.
  const std::string compression = settings.compression ? "zlib@openssh.com,none" : "none";
  auto interval = static_cast<std::uint32_t>(settings.rekey_interval.count());
  return set(SSH_OPTIONS_HOSTKEYS, settings.host_key_algorithms) &&
         set(SSH_OPTIONS_KEY_EXCHANGE, settings.kex_algorithms) &&
         set(SSH_OPTIONS_CIPHERS_C_S, settings.ciphers) && set(SSH_OPTIONS_CIPHERS_S_C, settings.ciphers) &&
         set(SSH_OPTIONS_HMAC_C_S, settings.macs) && set(SSH_OPTIONS_HMAC_S_C, settings.macs) &&
         set(SSH_OPTIONS_COMPRESSION_C_S, compression) && set(SSH_OPTIONS_COMPRESSION_S_C, compression) &&
         (settings.rekey_data == 0 ||
          ssh_options_set(session_, SSH_OPTIONS_REKEY_DATA, &settings.rekey_data) == SSH_OK) &&
         (interval == 0 || ssh_options_set(session_, SSH_OPTIONS_REKEY_TIME, &interval) == SSH_OK);
}

bool libssh_session::add_event() {
  event_ = ssh_event_new();
  return event_ && ssh_event_add_session(event_, session_) == SSH_OK;
}

void libssh_session::look_at_first_words() {
  if (bytes_.in_bytes >= moorage::first_words::length_max)
    return;
  char bytes[moorage::first_words::length_max];
  auto got = ::recv(socket_.get(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0)
    first_words_.saw(bytes_.in_bytes, {bytes, static_cast<std::size_t>(got)});
}

/// Where libssh 0.10's very first write fails, it frees what it polls with and reads it afterwards
/// (ssh_poll_ctx_dopoll); and it makes what it connects by blocking, so that a peer that stops reading would
/// hold up this thread. So that write, our banner, goes into a pair of our own. Then the socket takes the
/// pair's place.
bool libssh_session::begin_by_pair() {
  const int rc = ssh_connect(session_);
  const int descriptor = libssh_end_.release(); // libssh's to close
  if (rc != SSH_AGAIN || ssh_get_fd(session_) != descriptor)
    return false;
  char words[moorage::first_words::length_max];
  const auto length = ::recv(our_end_.get(), words, sizeof words, MSG_DONTWAIT);
  our_end_.reset();
  return length > 0 && ::dup3(socket_.get(), descriptor, O_CLOEXEC) == descriptor &&
         ::send(socket_.get(), words, static_cast<std::size_t>(length), MSG_NOSIGNAL) == length;
}

libssh_session::exchange libssh_session::exchange_keys() {
  // What libssh reads before the banner, and that nothing is in common where the server hangs up for that as
  // well, it tells its log only.
  listening_closely listen{SSH_LOG_FUNCTIONS};
  if (our_end_ && !begin_by_pair()) {
    look_at_first_words();
    return exchange::failed;
  }
  for (int round = 0; round < exchange_rounds_max; ++round) {
    look_at_first_words();
    auto before = bytes_.in_bytes;
    int rc = ssh_connect(session_);
    if (!first_words_.any())
      first_words_.saw(0, ear_.greeting());
    if (rc == SSH_OK || rc == SSH_AGAIN) {
      if (!event_ && !add_event())
        poll_failed_ = true;
      if (poll_failed_)
        return exchange::failed;
    }
    if (rc == SSH_OK) {
      connecting_ = false;
      bound_later_exchanges();
      return exchange::done;
    }
    if (rc != SSH_AGAIN) {
      look_at_first_words(); // a write that failed leaves unread what came
      return exchange::failed;
    }
    if (bytes_.in_bytes == before && !write_pending())
      return exchange::waiting;
    if (bytes_.in_bytes == before) { // written or not: the next poll tells
      auto out = bytes_.out_bytes;
      look_at_first_words();
      poll();
      if (bytes_.out_bytes == out && bytes_.in_bytes == before)
        return broken() ? exchange::failed : exchange::waiting;
    }
  }
  return exchange::more;
}

/// New keys that the server asks for later are computed in the read that brings its wish, which is encrypted
/// until then: so without a turn. Hence no method that is slower than the one that it took for the log-in.
void libssh_session::bound_later_exchanges() {
  const auto* agreed = find_method(agreed_exchange());
  exchanges_take_long_ = !agreed || agreed->most > 1;
  auto methods = no_costlier_than(agreed_exchange(), kex_algorithms_);
  later_exchanges_bounded_ =
      !methods.empty() && ssh_options_set(session_, SSH_OPTIONS_KEY_EXCHANGE, methods.c_str()) == SSH_OK;
}

const char* libssh_session::agreed_exchange() const {
  const char* name = ssh_get_kex_algo(session_); // which libssh 0.10 has for all but this one
  if (name)
    return name;
  const bool other = !kex_algorithms_.empty() && kex_algorithms_.find(group_exchange) == std::string::npos;
  return other ? group_exchange_sha1 : group_exchange;
}

/// A server has nothing to ask of us: refused (1), or dropped (0) while it does not read what we owe it.
int libssh_session::on_request(ssh_session, ssh_message, void* self) {
  return static_cast<libssh_session*>(self)->owes_much() ? 0 : 1;
}

bool libssh_session::owes_much() {
  if (!write_pending()) {
    packets_settled_ = packets_.out_packets;
    return false;
  }
  return packets_.out_packets - packets_settled_ > packets_owed_max;
}

bool libssh_session::stalled() {
  if (!owes_much())
    return false;
  pollfd one{socket_.get(), POLLOUT, 0};
  return ::poll(&one, 1, 0) == 0; // an error is for libssh to find
}

void libssh_session::poll() {
  if (stalled())
    return;
  // A poll that writes as well, which may fail, may lose the words with which the server hangs up.
  std::optional<listening_closely> listen;
  if (write_pending())
    listen.emplace();
  if (event_ && ssh_event_dopoll(event_, 0) == SSH_ERROR)
    poll_failed_ = true;
}

bool libssh_session::broken() const {
  return !session_ || poll_failed_ || !ear_.offence().empty() ||
         (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0 || ssh_get_fd(session_) < 0;
}

ssh_failure libssh_session::why(std::string& words) const {
  words = ear_.offence();
  if (words.empty())
    words = ear_.disagreement();
  if (!words.empty())
    return ssh_failure::protocol;
  const std::string said = !ear_.farewell().empty() ? ear_.farewell()
                           : session_               ? ssh_get_error(session_)
                                                    : "";
  words = link_end_in_words(said);
  if (said.starts_with(libssh_disconnect))
    return ssh_failure::reset;
  char byte = 0;
  auto got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // What the peer said before it cut the link may still lie unread; libssh can only quarrel with what it has
  // read.
  bool gone = bytes_.in_bytes == 0 || got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  if (said.starts_with(libssh_socket_error)) {
    gone = true;
  } else if (gone && words.empty()) {
    words = "the connection was closed";
  }
  if (gone && words == std::strerror(ETIMEDOUT))
    return ssh_failure::timed_out;
  return gone ? ssh_failure::reset : ssh_failure::protocol;
}

bool libssh_session::unread() const {
  pollfd one{socket_.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

bool libssh_session::write_pending() const {
  return session_ && (ssh_get_status(session_) & SSH_WRITE_PENDING) != 0;
}

void libssh_session::gather() {
  const int on = 1;
  if (!gathers_)
    gathers_ = ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0;
}

void libssh_session::send_gathered() {
  const int off = 0;
  if (std::exchange(gathers_, false))
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_CORK, &off, sizeof off);
}

libssh_session::goodbye libssh_session::say_goodbye() {
  if (broken() || connecting_ || !event_)
    return goodbye::impossible;
  // libssh drops what the socket does not take at once; and closing a socket with unread bytes in it resets
  // the link, which may cost the peer the message. So poll until the socket takes all and holds nothing.
  constexpr int polls_max = 8;
  for (int i = 0; i < polls_max; ++i) {
    auto before = bytes_.in_bytes;
    poll();
    if (broken())
      return goodbye::impossible;
    if (bytes_.in_bytes == before && (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) == 0)
      break;
  }
  if ((ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0)
    return goodbye::waiting;
  // With no descriptor among its options, libssh itself closes its duplicate, on every path.
  ssh_options_set(session_, SSH_OPTIONS_FD, nullptr);
  ssh_event_remove_session(event_, session_);
  ssh_disconnect(session_);
  return goodbye::said;
}

void libssh_session::drop() {
  if (event_ && session_)
    ssh_event_remove_session(event_, session_);
  if (session_) // closes the duplicate, unless an error did
    ssh_free(std::exchange(session_, nullptr));
  if (event_)
    ssh_event_free(std::exchange(event_, nullptr));
  libssh_end_.reset();
  our_end_.reset();
  socket_.reset();
}

} // namespace moorage
