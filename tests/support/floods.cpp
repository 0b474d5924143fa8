#include "tests/support/floods.hpp"

#include "tests/support/raw_peer.hpp"

namespace moorage::support {

namespace {

constexpr std::uint32_t window = 1u << 20;
constexpr std::uint32_t packet_max = 32'768;

std::string open_of(const std::string& kind, const std::string& rest = {}) {
  return "\x5a" + text(kind) + number(7) + number(window) + number(packet_max) + rest;
}

std::string global(const std::string& what, const std::string& rest = {}) {
  return "\x50" + text(what) + flag(true) + rest;
}

} // namespace

std::string channel_request(std::uint32_t channel, const std::string& what, bool reply,
                            const std::string& rest) {
  return "\x62" + number(channel) + text(what) + flag(reply) + rest;
}

std::vector<flood> floods(std::uint32_t channel) {
  const auto to = number(channel);
  const auto place = text("127.0.0.1") + number(80);
  const auto request = channel_request;
  return {
      {"SSH_MSG_IGNORE", ignore_payload(0)},
      {"SSH_MSG_IGNORE, large", ignore_payload(30'000)},
      {"SSH_MSG_DEBUG", debug_payload("attend to me")},
      {"a message that nobody knows", "\xc8 and some words"},
      {"SSH_MSG_UNIMPLEMENTED", "\x03" + number(1)},
      {"channels forwarded-tcpip", open_of("forwarded-tcpip", place + place)},
      {"channels x11", open_of("x11", place)},
      {"channels auth-agent", open_of("auth-agent@openssh.com")},
      {"channels session", open_of("session")},
      {"channels of no known kind", open_of(std::string(20'000, 'k'))},
      {"keep-alives", global("keepalive@openssh.com")},
      {"tcpip-forward", global("tcpip-forward", place)},
      {"global requests of no known kind", global("colour")},
      {"answers that nobody waits for", "\x51"},
      {"keep-alives of the channel", request(channel, "keepalive@openssh.com", true, {})},
      {"requests for a terminal",
       request(channel, "pty-req", true, text("vt100") + std::string(16, '\0') + text(""))},
      {"requests for a command", request(channel, "exec", true, text(std::string(20'000, 'x')))},
      {"channel requests of no known kind", request(channel, "colour", true, {})},
      {"channel requests without reply", request(channel, "colour", false, {})},
      {"exit statuses", request(channel, "exit-status", false, number(0))},
      {"wider and wider windows", "\x5d" + to + number(1)},
      {"ends of file", "\x60" + to},
      {"data of no bytes", "\x5e" + to + text("")},
      {"data to no channel", "\x5e" + number(9'999) + text("data")},
      {"channel successes", "\x63" + to},
  };
}

std::uint32_t serve_one_command(scripted_peer& peer) {
  const auto channel = peer.await_open();
  peer.confirm(channel, window, packet_max);
  while (!peer.serve_one(peer.receive(), window, packet_max)) {
  }
  return channel;
}

} // namespace moorage::support
