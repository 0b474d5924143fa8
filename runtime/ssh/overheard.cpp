#include "runtime/ssh/overheard.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/ssh/wording.hpp"

namespace moorage {

namespace {

/// The number that stands behind these words.
std::optional<std::uint64_t> number_behind(std::string_view words, std::string_view text) {
  auto at = text.find(words);
  if (at == std::string_view::npos)
    return std::nullopt;
  auto digits = text.substr(at + words.size());
  std::uint64_t value = 0;
  auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return wrong == std::errc{} ? std::optional{value} : std::nullopt;
}

void hear(int, const char* function, const char* text, void* ear) {
  if (ear && function && text)
    static_cast<overheard*>(ear)->line(function, text);
}

} // namespace

void overheard::confirmed(std::uint64_t packet_max) {
  if (packet_max < packet_max_least)
    offence_ = "the server confirmed a channel with a maximum packet size of " + std::to_string(packet_max) +
               " bytes; a server must take 32768 (RFC 4253, section 6.1)";
}

void overheard::line(std::string_view function, std::string_view text) {
  if (!offence_.empty())
    return;
  if (function == "ssh_packet_channel_open_conf") {
    if (auto size = number_behind("maxpacket : ", text))
      confirmed(*size);
    else if (text.find("Invalid maximum packet size 0") != text.npos)
      confirmed(0);
    else if (text.find("received in incorrect channel state") != text.npos)
      offence_ = "the server confirmed a channel that it had confirmed or refused before";
  } else if (function == "channel_rcv_data") {
    auto sent = number_behind("too big for our window(", text);
    auto allowed = number_behind(" vs ", text);
    if (sent && allowed)
      overrun_ += *sent - std::min(*sent, *allowed);
    if (overrun_ > overrun_max)
      offence_ = "the server sent " + std::to_string(overrun_) +
                 " bytes more than its channels' windows allowed (RFC 4254, section 5.2)";
  } else if (function == "callback_receive_banner" && greeting_.size() < greeting_max) {
    constexpr std::string_view said = "ssh_protocol_version_exchange: ";
    if (auto at = text.find(said); at != text.npos)
      greeting_.append(text.substr(at + said.size())).append("\r\n");
  } else if (function == "ssh_kex_select_methods" && disagreement_.empty()) {
    if (auto at = text.find("kex error : "); at != text.npos)
      disagreement_ = text.substr(at);
  } else if (function == "ssh_packet_disconnect_callback" && farewell_.empty()) {
    constexpr std::string_view said = "Received SSH_MSG_DISCONNECT ";
    if (auto at = text.find(said); at != text.npos)
      farewell_ = libssh_disconnect + std::string{text.substr(at + said.size())};
  }
}

listening_closely::listening_closely(int level) : level_(ssh_get_log_level()) {
  ssh_set_log_level(level);
}

listening_closely::~listening_closely() {
  ssh_set_log_level(level_);
}

listening::listening(overheard& ear)
    : level_(ssh_get_log_level()), callback_(ssh_get_log_callback()), data_(ssh_get_log_userdata()) {
  ssh_set_log_callback(hear);
  ssh_set_log_userdata(&ear);
  ssh_set_log_level(SSH_LOG_PROTOCOL);
}

listening::~listening() {
  ssh_set_log_level(level_);
  ssh_set_log_userdata(data_);
  if (callback_) // libssh takes no null: ours stays, and hears nothing
    ssh_set_log_callback(callback_);
}

} // namespace moorage
