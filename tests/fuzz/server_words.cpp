// What a server says in passing: its first words, however they are cut into pieces, and the lines that libssh
// writes in its log about it. Each is compared with what somebody would find who has it whole and looks once.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "messages/printable.hpp"
#include "runtime/ssh/opening/first_words.hpp"
#include "runtime/ssh/overheard.hpp"
#include "runtime/ssh/wording.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;
using fuzz::require;

namespace {

void check_banner(const first_words& words, std::string_view seen) {
  auto at = seen.find("\nSSH-");
  at = seen.starts_with("SSH-") ? 0 : at == seen.npos ? at : at + 1;
  require(words.any() == !seen.empty() && words.ssh() == (at != seen.npos), "a banner is seen");
  std::string people{seen.substr(0, at)};
  while (!people.empty() && std::string_view{" \r\n"}.find(people.back()) != std::string_view::npos)
    people.pop_back();
  require(words.for_people() == people, "what is said to people is what stands before the banner");
  auto banner = at == seen.npos ? std::string_view{} : seen.substr(at);
  require(words.half_banner() == (banner.find('\n') == banner.npos ? banner : ""),
          "half a banner is one without its line's end");
}

/// As a link looks at them: at all that has come and has not been taken, every time. Each byte of `steps`:
/// how much more comes, and how much of it is taken.
void check_first_words(std::string_view steps, std::string_view bytes) {
  constexpr auto most = first_words::length_max;
  first_words words;
  std::size_t come = 0, taken = 0;
  for (char step : steps) {
    come = std::min<std::size_t>(bytes.size(), come + static_cast<unsigned char>(step));
    words.saw(taken, bytes.substr(taken, std::min(come - taken, most)));
    taken += (come - taken) * static_cast<std::size_t>(step & 3) / 3;
  }
  check_banner(words, bytes.substr(0, std::min(come, most)));
}

/// Of a stream with gaps: only bounds can be told.
void check_gaps(std::string_view steps, std::string_view bytes) {
  first_words words;
  std::uint64_t offset = 0;
  for (char step : steps) {
    offset += static_cast<std::uint64_t>(step & 0x7f);
    auto piece = bytes.substr(0, static_cast<std::size_t>(step & 0x70));
    words.saw(offset, piece);
    offset += step < 0 ? piece.size() : 0;
    bytes.remove_prefix(piece.size());
    require(words.for_people().size() <= first_words::length_max &&
                words.half_banner().size() <= first_words::length_max,
            "no more is kept than the header says");
    require(words.for_people().empty() || words.any(), "words are words");
  }
}

std::optional<unsigned long long> plain_number(std::string_view text, const std::string& behind) {
  auto at = text.find(behind);
  if (at == text.npos || at + behind.size() >= text.size() || text[at + behind.size()] < '0' ||
      text[at + behind.size()] > '9')
    return std::nullopt;
  return std::strtoull(std::string{text.substr(at + behind.size())}.c_str(), nullptr, 10);
}

/// libssh's numbers have 32 bits.
bool has_long_number(std::string_view text) {
  std::size_t digits = 0;
  for (char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > 10)
      return true;
  }
  return false;
}

bool breaks_a_rule(std::string_view function, std::string_view text, unsigned long long& beyond) {
  if (function == "ssh_packet_channel_open_conf") {
    if (auto size = plain_number(text, "maxpacket : "))
      return *size < overheard::packet_max_least;
    return text.find("Invalid maximum packet size 0") != text.npos ||
           text.find("received in incorrect channel state") != text.npos;
  }
  if (function != "channel_rcv_data")
    return false;
  auto sent = plain_number(text, "too big for our window(");
  auto allowed = plain_number(text, " vs ");
  if (sent && allowed && *sent > *allowed)
    beyond += *sent - *allowed;
  return beyond > overheard::overrun_max;
}

/// Each line begins with a letter for the function that wrote it.
void check_overheard(std::string_view text) {
  overheard ear;
  bool broken = false;
  unsigned long long beyond = 0;
  while (!text.empty()) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == text.npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || has_long_number(line))
      continue;
    std::string_view function = line[0] == 'c'   ? "ssh_packet_channel_open_conf"
                                : line[0] == 'd' ? "channel_rcv_data"
                                : line[0] == 'e' ? "ssh_packet_disconnect_callback"
                                                 : "ssh_packet_global_request";
    const auto before = ear.offence(), farewell = ear.farewell();
    line.remove_prefix(1);
    ear.line(function, line);
    broken = broken || breaks_a_rule(function, line, beyond);
    require(ear.offence().empty() == !broken, "an offence is one, and the first stays");
    require(before.empty() || ear.offence() == before, "the first offence stays");
    require(farewell.empty() || ear.farewell() == farewell, "the first farewell stays");
    require(ear.offence().size() < 300 && support::misleading_in_line(ear.offence()).empty(),
            "an offence is told in our words");
  }
  if (ear.farewell().empty())
    return;
  auto told = link_end_in_words(ear.farewell());
  require(told.starts_with("the server ended the connection: "), "a farewell is told in plain words");
  require(support::misleading_in_line(printable(told)).empty(), "a farewell can be printed");
}

} // namespace

/// The first byte: what the rest is. For pieces, 16 bytes say how they are cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t steps = 16;
  if (size < 1 + steps)
    return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (data[0] % 3 == 0)
    check_first_words(bytes.substr(0, steps), bytes.substr(steps));
  else if (data[0] % 3 == 1)
    check_gaps(bytes.substr(0, steps), bytes.substr(steps));
  else
    check_overheard(bytes);
  return 0;
}
