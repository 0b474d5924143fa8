// What libssh says only in its log. That its wording is this is pinned by the tests against a scripted sshd.
#include <catch2/catch.hpp>

#include <string>

#include <sys/socket.h>

#include "runtime/ssh/overheard.hpp"
#include "runtime/system/descriptors.hpp"

using moorage::overheard;

namespace {

constexpr const char* confirmation = "ssh_packet_channel_open_conf";

std::string confirmed_with(const std::string& size) {
  overheard ear;
  ear.line(confirmation, "ssh_packet_channel_open_conf: Remote window : 2097152, maxpacket : " + size);
  return ear.offence();
}

} // namespace

TEST_CASE("a channel whose packets may be 1024 bytes or more is in order") {
  for (const char* size : {"1024", "32768", "4294967295"})
    CHECK(confirmed_with(size).empty());
}

TEST_CASE("a channel whose packets may be less than 1024 bytes is an offence that names the size") {
  for (const char* size : {"0", "1", "9", "10", "11", "1023"}) {
    CAPTURE(size);
    CHECK(confirmed_with(size).find(" " + std::string(size) + " bytes") != std::string::npos);
  }
  overheard ear;
  ear.line(confirmation, "ssh_packet_channel_open_conf: Invalid maximum packet size 0 in "
                         "SSH2_MSG_CHANNEL_OPEN_CONFIRMATION");
  CHECK(ear.offence().find(" 0 bytes") != std::string::npos);
}

TEST_CASE("a channel that is confirmed twice is an offence") {
  overheard ear;
  ear.line(confirmation,
           "ssh_packet_channel_open_conf: SSH2_MSG_CHANNEL_OPEN_CONFIRMATION received in incorrect "
           "channel state 3");
  CHECK(ear.offence().find("before") != std::string::npos);
}

TEST_CASE("bytes beyond a window are borne up to a tenth of it, all together") {
  overheard ear;
  const std::string line =
      "channel_rcv_data: Data packet too big for our window(32768 vs 768)"; // 32,000 too many
  for (int i = 0; i < 4; ++i)
    ear.line("channel_rcv_data", line);
  CHECK(ear.offence().empty());
  ear.line("channel_rcv_data", line);
  CHECK(ear.offence().find("160000 bytes") != std::string::npos);
}

TEST_CASE("other lines of the log, and such as a server could make up, are no offence") {
  overheard ear;
  ear.line("ssh_packet_global_request",
           "ssh_packet_global_request: UNKNOWN SSH_MSG_GLOBAL_REQUEST maxpacket : 1");
  ear.line("channel_rcv_data", "channel_rcv_data: Data packet too big for our window(");
  ear.line(confirmation, "ssh_packet_channel_open_conf: Remote window : 1, maxpacket : ");
  ear.line("", "");
  CHECK(ear.offence().empty());
}

TEST_CASE("the first words with which a server hangs up are kept, as libssh's error would have them") {
  overheard ear;
  ear.line("ssh_packet_disconnect_callback",
           "ssh_packet_disconnect_callback: Received SSH_MSG_DISCONNECT 11:bye");
  ear.line("ssh_packet_disconnect_callback",
           "ssh_packet_disconnect_callback: Received SSH_MSG_DISCONNECT 2:again");
  CHECK(ear.farewell() == "Received SSH_MSG_DISCONNECT: 11:bye");
  CHECK(ear.offence().empty());
}

TEST_CASE("a server's lines before its banner are heard though libssh reads and forgets them") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  moorage::unique_fd server{ends[0]};
  const std::string said = "Exceeded MaxStartups\r\nand more\r\n";
  REQUIRE(::send(server.get(), said.data(), said.size(), 0) == static_cast<ssize_t>(said.size()));
  auto* session = ssh_new();
  ssh_set_blocking(session, 0);
  bool no_file = false;
  ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no_file);
  ssh_options_set(session, SSH_OPTIONS_HOST, "nowhere");
  ssh_options_set(session, SSH_OPTIONS_FD, &ends[1]);
  overheard ear;
  {
    moorage::listening to_libssh{ear};
    moorage::listening_closely closely;
    for (auto round = 0; round < 3 && ear.greeting().size() < said.size(); ++round)
      ssh_connect(session);
  }
  CHECK(ear.greeting() == said);
  ssh_free(session);
}

TEST_CASE("what is kept of a server's lines before its banner has a bound") {
  overheard ear;
  for (auto i = 0; i < 100; ++i)
    ear.line("callback_receive_banner",
             "callback_receive_banner: ssh_protocol_version_exchange: " + std::string(120, 'x'));
  CHECK(ear.greeting().size() < overheard::greeting_max + 128);
}
