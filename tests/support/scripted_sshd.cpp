#include "tests/support/scripted_sshd.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace moorage::support {
namespace {

constexpr std::size_t piece = 65'536; ///< sent at once
constexpr std::size_t block = 16;
constexpr std::size_t mac_size = 32;

// RFC 4253 and 4254.
enum : char {
  service_accept = 6,
  kexinit = 20,
  newkeys = 21,
  ecdh_init = 30,
  ecdh_reply = 31,
  service_request = 5,
  userauth_request = 50,
  userauth_success = 52,
  channel_open = 90,
  open_confirmation = 91,
  channel_eof = 96,
  channel_close = 97,
  channel_request = 98,
  channel_success = 99,
};

std::string our_kexinit(const char* method = "curve25519-sha256") {
  std::string payload(1, kexinit);
  payload.append(16, 'c'); // the cookie
  for (const char* names : {method, "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256",
                            "hmac-sha2-256", "none", "none", "", ""})
    payload += text(names);
  return payload + flag(false) + number(0);
}

/// The client's first packet was a guess, and a wrong one: to be ignored.
bool guessed_wrong(const std::string& theirs) {
  std::size_t at = 17;
  const auto methods = text_at(theirs, at);
  at += 4 + methods.size();
  const auto keys = text_at(theirs, at);
  for (int list = 1; list < 10; ++list)
    at += 4 + text_at(theirs, at).size();
  const auto first = [](const std::string& names) { return names.substr(0, names.find(',')); };
  return theirs.at(at) != 0 && (first(methods) != "curve25519-sha256" || first(keys) != "ssh-ed25519");
}

/// A number of unlimited size, never negative.
std::string long_number(std::string bytes) {
  bytes.erase(0, bytes.find_first_not_of('\0'));
  if (!bytes.empty() && (bytes[0] & '\x80'))
    bytes.insert(0, 1, '\0');
  return text(bytes);
}

} // namespace

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift : {24, 16, 8, 0})
    bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

std::string text(const std::string& bytes) {
  return number(static_cast<std::uint32_t>(bytes.size())) + bytes;
}

std::string flag(bool value) {
  return std::string(1, value ? '\1' : '\0');
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return value;
}

std::string text_at(const std::string& bytes, std::size_t at) {
  return bytes.substr(at + 4, number_at(bytes, at));
}

void scripted_peer::wait(short events) {
  pollfd one{fd_, events, 0};
  ::poll(&one, 1, -1);
  if (!(one.revents & POLLIN))
    return;
  char bytes[piece];
  const auto got = ::recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
    throw gone{};
  if (got > 0 && !drops_)
    in_.append(bytes, static_cast<std::size_t>(got));
}

void scripted_peer::flush() {
  for (std::size_t at = 0; at < out_.size();) {
    const auto put = ::send(fd_, out_.data() + at, out_.size() - at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno != EAGAIN && errno != EINTR)
      throw gone{};
    at += put > 0 ? static_cast<std::size_t>(put) : 0;
    if (put < 0)
      wait(drops_ ? POLLIN | POLLOUT : POLLOUT);
  }
  out_.clear();
}

void scripted_peer::send_raw(const std::string& bytes) {
  out_ += bytes;
  if (out_.size() >= piece)
    flush();
}

void scripted_peer::send(const std::string& payload) {
  const std::size_t unit = cipher_out_ ? block : 8;
  std::size_t padding = unit - (payload.size() + 5) % unit;
  padding += padding < 4 ? unit : 0;
  std::string packet = number(static_cast<std::uint32_t>(payload.size() + padding + 1));
  packet.push_back(static_cast<char>(padding));
  packet += payload;
  packet.append(padding, '\0');
  std::string mac;
  if (cipher_out_)
    mac = hmac_sha256(mac_out_, number(number_out_) + packet);
  ++number_out_;
  cipher_out_.apply(packet.data(), packet.size());
  send_raw(packet + mac);
}

void scripted_peer::fill(std::size_t size) {
  flush();
  while (in_.size() < size)
    wait(POLLIN);
}

std::string scripted_peer::take(std::size_t size) {
  fill(size);
  auto bytes = in_.substr(0, size);
  in_.erase(0, size);
  return bytes;
}

std::string scripted_peer::take_line() {
  for (std::size_t size = 1;; ++size) {
    fill(size);
    if (in_[size - 1] != '\n')
      continue;
    auto line = take(size);
    return line.substr(0, line.find_first_of("\r\n"));
  }
}

std::string scripted_peer::receive() {
  const std::size_t unit = cipher_in_ ? block : 8;
  auto packet = take(unit);
  cipher_in_.apply(packet.data(), packet.size());
  auto rest = take(number_at(packet, 0) + 4 - unit);
  cipher_in_.apply(rest.data(), rest.size());
  packet += rest;
  if (cipher_in_ && take(mac_size) != hmac_sha256(mac_in_, number(number_in_) + packet))
    throw std::runtime_error("a packet whose MAC is wrong");
  ++number_in_;
  return packet.substr(5, packet.size() - 5 - static_cast<unsigned char>(packet[4]));
}

void scripted_peer::greet(const std::string& ours) {
  our_banner_ = ours;
  send_raw(ours + "\r\n");
  their_banner_ = take_line();
}

void scripted_peer::exchange_keys() {
  const auto ours = our_kexinit();
  send(ours);
  std::string theirs;
  do
    theirs = receive();
  while (theirs[0] != kexinit);
  if (guessed_wrong(theirs))
    receive();
  const auto their_point = text_at(receive(), 1);
  const raw_key once{raw_key::kind::x25519};
  const auto host_key = text("ssh-ed25519") + text(host_key_.public_bytes());
  const auto secret = long_number(once.shared_with(their_point));
  const auto hash = sha256(text(their_banner_) + text(our_banner_) + text(theirs) + text(ours) +
                           text(host_key) + text(their_point) + text(once.public_bytes()) + secret);
  if (session_id_.empty())
    session_id_ = hash;
  send(std::string(1, ecdh_reply) + text(host_key) + text(once.public_bytes()) +
       text(text("ssh-ed25519") + text(host_key_.sign(hash))));
  send(std::string(1, newkeys));
  const auto derived = [&](char letter) { return sha256(secret + hash + letter + session_id_); };
  cipher_out_ = {derived('D').substr(0, 16), derived('B').substr(0, 16)};
  mac_out_ = derived('F');
  while (receive()[0] != newkeys) {
  }
  cipher_in_ = {derived('C').substr(0, 16), derived('A').substr(0, 16)};
  mac_in_ = derived('E');
}

bool scripted_peer::is_agreed_to(const char* method) {
  send(our_kexinit(method));
  for (;;)
    if (receive()[0] == ecdh_init)
      return true;
}

void scripted_peer::log_in() {
  for (;;) {
    const auto packet = receive();
    if (packet[0] == service_request)
      send(std::string(1, service_accept) + text(text_at(packet, 1)));
    if (packet[0] == userauth_request)
      return send(std::string(1, userauth_success));
  }
}

void scripted_peer::welcome() {
  greet();
  exchange_keys();
  log_in();
}

void scripted_peer::flood(const std::string& payload) {
  for (;;)
    send(payload);
}

std::uint32_t scripted_peer::await_open() {
  for (;;) {
    const auto packet = receive();
    if (packet[0] == channel_open)
      return number_at(packet, 1 + 4 + text_at(packet, 1).size());
  }
}

void scripted_peer::confirm(std::uint32_t channel, std::uint32_t window, std::uint32_t packet_max) {
  send(std::string(1, open_confirmation) + number(channel) + number(channel) + number(window) +
       number(packet_max));
}

bool scripted_peer::serve_one(const std::string& packet, std::uint32_t window, std::uint32_t packet_max) {
  if (packet[0] == channel_open)
    confirm(number_at(packet, 1 + 4 + text_at(packet, 1).size()), window, packet_max);
  if (packet[0] == channel_close)
    send(std::string(1, channel_close) + packet.substr(1, 4));
  if (packet[0] != channel_request)
    return false;
  const auto what = text_at(packet, 5);
  if (packet[5 + 4 + what.size()] != 0)
    send(std::string(1, channel_success) + packet.substr(1, 4));
  return what == "exec";
}

void scripted_peer::serve(std::uint32_t window, std::uint32_t packet_max, bool commands_end) {
  for (;;) {
    const auto packet = receive();
    if (serve_one(packet, window, packet_max) && commands_end)
      end_command(packet.substr(1, 4), text("exit-status") + flag(false) + number(0));
  }
}

void scripted_peer::serve_ends(const std::string& request) {
  for (;;) {
    const auto packet = receive();
    if (serve_one(packet, 1 << 20, 32'768))
      end_command(packet.substr(1, 4), request);
  }
}

void scripted_peer::end_command(const std::string& channel, const std::string& request) {
  send(std::string(1, channel_request) + channel + request);
  send(std::string(1, channel_eof) + channel);
  send(std::string(1, channel_close) + channel);
}

scripted_sshd::scripted_sshd(std::function<void(scripted_peer&)> script, std::string host, int receive_buffer)
    : script_(std::move(script)), host_(std::move(host)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer > 0)
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  socklen_t size = sizeof where;
  if (::inet_pton(AF_INET, host_.c_str(), &where.sin_addr) != 1 ||
      ::bind(listener_, reinterpret_cast<sockaddr*>(&where), size) != 0 || ::listen(listener_, 64) != 0)
    throw std::runtime_error("no place to listen for a scripted sshd");
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size);
  port_ = ntohs(where.sin_port);
  acceptor_ = std::thread([this] { run(); });
}

scripted_sshd::~scripted_sshd() {
  ::shutdown(listener_, SHUT_RDWR); // wakes the acceptor
  acceptor_.join();
  ::close(listener_);
  for (auto& one : clients_)
    ::shutdown(one.fd, SHUT_RDWR);
  for (auto& one : clients_) {
    one.thread.join();
    ::close(one.fd);
  }
}

void scripted_sshd::run() {
  for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++connects_;
    clients_.push_back({fd, std::thread([this, fd] {
                          try {
                            scripted_peer peer{fd, host_key_};
                            script_(peer);
                            peer.flush();
                          } catch (const scripted_peer::gone&) {
                            ::shutdown(fd, SHUT_RDWR);
                          }
                        })});
  }
}

} // namespace moorage::support
