// Text from a peer, a user or a file, made fit for a terminal, a log and an event: nothing in it can move the cursor,
// change the direction of writing, or end a line that it does not own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace moorage {

enum class lines : bool {
  one, ///< newlines and tabs are escaped too: for what stands within a line
  many ///< newlines and tabs stay: for a text of its own, such as a server's banner
};

/// Longest text within a line, in bytes of the original.
inline constexpr std::size_t printable_max = 200;

/// UTF-8 stays, but for what misleads: C0 and C1 controls, DEL, bidirectional marks and overrides, line and paragraph
/// separators become `\xNN` or `\u{NNNN}`, as does each byte that is not UTF-8. Cut at a character's edge after at
/// most `length_max` bytes, with "…".
std::string printable(std::string_view bytes, std::size_t length_max = printable_max,
                      lines kept = lines::one);

} // namespace moorage
