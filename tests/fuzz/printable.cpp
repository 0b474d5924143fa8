// What a peer, a user or a file says, on its way to a terminal, a log or an event.
#include <cstdint>
#include <string>

#include "messages/printable.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  auto line = printable(bytes, printable_whole), text = printable(bytes, printable_whole, lines::many);
  fuzz::require(support::misleading_in_line(line).empty(),
                "a line holds nothing that misleads, nor ends early");
  fuzz::require(support::misleading(text).empty(), "a text holds nothing that misleads");
  fuzz::require(printable(line, printable_whole) == line, "what was shown once is shown as it is");
  fuzz::require(printable(text, printable_whole, lines::many) == text,
                "what was shown once is shown as it is");
  fuzz::require(line.size() <= 8 * size && text.size() <= 8 * size, "what is shown grows eightfold at most");
  if (support::misleading_in_line(bytes).empty())
    fuzz::require(line == bytes, "plain text is not touched");
  auto most = size / 2;
  fuzz::require(support::misleading_in_line(printable(bytes, most)).empty(),
                "a cut makes nothing that misleads");
  auto spelled = with_escapes(bytes, [](std::uint32_t) { return std::string{"?"}; });
  fuzz::require(support::misleading_in_line(spelled).empty(), "another notation holds nothing that misleads");
  auto name = signal_name(bytes);
  fuzz::require(name == "unknown" || name == bytes, "a signal's name is its own or unknown");
  fuzz::require(!name.empty() && name.size() <= 64 && support::misleading_in_line(name).empty() &&
                    name.find(' ') == std::string::npos,
                "a signal's name is a word");
  return 0;
}
