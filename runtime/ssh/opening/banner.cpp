#include "runtime/ssh/opening/banner.hpp"

#include <cstring>
#include <string_view>

#include "messages/printable.hpp"

namespace moorage {

namespace {

/// Of libssh's log: the level of the lines on packets as they come.
constexpr int lines_on_packets = SSH_LOG_PACKET;

} // namespace

banner_collector::listening::listening(banner_collector& to)
    : to_(to), level_(ssh_get_log_level()), callback_(ssh_get_log_callback()),
      userdata_(ssh_get_log_userdata()) {
  ssh_set_log_callback(on_line);
  ssh_set_log_userdata(&to_);
  ssh_set_log_level(lines_on_packets);
}

banner_collector::listening::~listening() {
  ssh_set_log_level(level_);
  ssh_set_log_userdata(callback_ != nullptr ? userdata_ : nullptr);
  if (callback_ != nullptr) // libssh takes none away; ours does nothing without user data
    ssh_set_log_callback(callback_);
  to_.take();
}

void banner_collector::on_line(int, const char* function, const char* line, void* self) {
  if (self == nullptr || std::strcmp(function, "ssh_packet_userauth_banner") != 0 ||
      std::strstr(line, "Received") == nullptr)
    return;
  auto& collector = *static_cast<banner_collector*>(self);
  collector.take(); // libssh still has the one before
  collector.another_ = true;
}

// Nothing is copied where nothing came: libssh hands out all of its banner, and each piece read asks.
void banner_collector::take() {
  char* banner = another_ ? ssh_get_issue_banner(session_) : nullptr;
  if (banner == nullptr)
    return;
  another_ = false;
  if (heard_.size() <= banner_max) // one byte more tells that it was cut
    heard_ += std::string_view{banner}.substr(0, banner_max + 1 - heard_.size());
  if (!heard_.ends_with('\n'))
    heard_ += '\n';
  ssh_string_free_char(banner);
}

std::string banner_collector::shown(std::size_t length_max) const {
  std::string_view all{heard_};
  while (!all.empty() && (all.back() == '\n' || all.back() == '\r' || all.back() == ' '))
    all.remove_suffix(1);
  // Escaped, then cut: control characters grow to four times their size.
  return printable(printable(all, length_max, lines::many), length_max, lines::many);
}

std::string banner_collector::text() const {
  return shown(banner_max);
}

std::string banner_collector::quoted() const {
  auto said = shown(quoted_max);
  return said.empty() ? said : "; the server says \"" + said + "\"";
}

} // namespace moorage
