#include "runtime/node/tls/dial.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "runtime/node/tls/address.hpp"

namespace moorage {

namespace {

using clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds look_every{50};

/// OpenSSL writes to sockets whose other end has gone. The host's thread is as it was when this ends.
class no_pipe_signal {
public:
  no_pipe_signal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t waiting;
    sigpending(&waiting);
    was_waiting_ = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~no_pipe_signal() {
    constexpr timespec at_once{0, 0};
    if (!was_waiting_)
      sigtimedwait(&pipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  no_pipe_signal(const no_pipe_signal&) = delete;
  no_pipe_signal& operator=(const no_pipe_signal&) = delete;

private:
  sigset_t pipe_{}, before_{};
  bool was_waiting_ = false;
};

/// One attempt's means.
struct call {
  SSL* ssl;
  int fd;
  const std::string& address;
  clock::time_point deadline;
  const std::stop_token& called_off;

  failure cut(const std::string& what) const {
    if (called_off.stop_requested())
      return {errc::cancelled, "the connect to " + address + " was called off"};
    return {errc::node_lost, "what listens on " + address + " " + what};
  }
  /// Waits for what OpenSSL wants. False: the time is up.
  bool wait(int wanted) const {
    pollfd state{fd, static_cast<short>(wanted == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN), 0};
    while (!called_off.stop_requested() && clock::now() < deadline)
      if (::poll(&state, 1, static_cast<int>(look_every.count())) > 0)
        return true;
    return false;
  }
  /// Our side's doubts, and theirs.
  failure refused(int error, bool met) const {
    if (error != SSL_ERROR_SSL)
      return cut(met ? "closed the connection as soon as it knew us: it is stopping, or has too many links"
                     : "closed the connection in the handshake: it is no node over TLS, or is overloaded");
    auto verdict = SSL_get_verify_result(ssl);
    auto code = ERR_peek_error();
    auto why = tls_error(ssl);
    if (verdict != X509_V_OK)
      return {errc::local_failure, "the certificate of the node on " + address + " is not to be trusted (" +
                                       why +
                                       "): look at the address, at the node's certificate, and at "
                                       "authority in our configuration"};
    auto theirs = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
    if (theirs)
      return {errc::local_failure,
              "the node on " + address + " refused our certificate (" + why +
                  "): have its administrator look at ours, and at the node's authority and "
                  "revoked"};
    return {errc::node_lost,
            "what listens on " + address + " is no node over TLS 1.3 (" + why + "): look at the port"};
  }
};

/// Until `step` is done; `late` is told when it is not in time.
template <class Step>
failure drive(const call& with, bool met, const char* late, const Step& step) {
  for (;;) {
    ERR_clear_error();
    auto outcome = step();
    if (outcome > 0)
      return {};
    auto error = SSL_get_error(with.ssl, outcome);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
      return with.refused(error, met);
    if (!with.wait(error))
      return with.cut(late);
  }
}

failure shake_hands(const call& with) {
  return drive(with, false,
               "did not finish the TLS handshake in time: it hangs, is overloaded, or is no node",
               [&with] { return SSL_connect(with.ssl); });
}

/// In TLS 1.3 a client is done before the node has seen its certificate. A node greets at once.
failure hear_first_word(const call& with) {
  char byte = 0;
  return drive(with, true, "did not greet in time: it hangs, or is overloaded",
               [&] { return SSL_peek(with.ssl, &byte, 1); });
}

failure expect(SSL* ssl, const std::string& host) {
  auto* rules = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  std::array<unsigned char, sizeof(in6_addr)> digits{};
  auto is_address = ::inet_pton(AF_INET, host.c_str(), digits.data()) == 1 ||
                    ::inet_pton(AF_INET6, host.c_str(), digits.data()) == 1;
  auto set = is_address
                 ? X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1
                 : SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  if (set)
    return {};
  return {errc::invalid_request, host + " cannot be a node's host: " + tls_error()};
}

} // namespace

std::shared_ptr<tls_front> front_of_process() {
  // edge: host threads that connect.
  static std::mutex mutex;
  static std::weak_ptr<tls_front> kept;
  std::lock_guard guard{mutex};
  auto front = kept.lock();
  if (!front)
    kept = front = std::make_shared<tls_front>();
  return front;
}

result<unique_fd> dial_tls(tls_front& front, const std::string& address, const node_files& files,
                           clock::time_point deadline, const std::stop_token& called_off) {
  auto to = parse_host_port(address);
  if (!to)
    return to.error();
  auto context = make_tls_context(files, tls_side::client);
  if (!context)
    return context.error();
  auto network = connect_tcp(*to, deadline, called_off);
  if (!network)
    return network.error();
  prepare_link(network->get(), tls_silence_max);
  ssl_ptr ssl{SSL_new(context->get())};
  if (!ssl || SSL_set_fd(ssl.get(), network->get()) != 1)
    return failure{errc::local_failure, "OpenSSL takes no connection: " + tls_error()};
  if (auto wrong = expect(ssl.get(), to->host); wrong.code != errc::none)
    return wrong;
  no_pipe_signal quiet;
  call with{ssl.get(), network->get(), address, deadline, called_off};
  if (auto wrong = shake_hands(with); wrong.code != errc::none)
    return wrong;
  if (auto wrong = hear_first_word(with); wrong.code != errc::none)
    return wrong;
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return failure{errc::local_failure, "out of descriptors while connecting to " + address};
  unique_fd ours{ends[0]}, cafs{ends[1]};
  front.carry(std::move(ssl), std::move(*network), std::move(ours));
  return cafs;
}

} // namespace moorage
