// Text from a peer, a user or a file, made fit for a terminal, a log and an event: nothing in it can move the
// cursor, change the direction of writing, or end a line that it does not own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace moorage {

enum class lines : bool {
  one, ///< newlines and tabs are escaped too, and those at the end left out: for what stands within a line
  many ///< newlines and tabs stay, and CR LF is a newline: for a text of its own, such as a server's banner
};

/// Longest text within a line, in bytes of the original.
inline constexpr std::size_t printable_max = 200;
/// For a text that is shown whole.
inline constexpr std::size_t printable_whole = std::string_view::npos;

/// UTF-8 (RFC 3629) stays, but for what misleads: C0 and C1 controls, DEL, bidirectional marks, embeddings,
/// overrides and isolates (U+061C, U+200E-F, U+202A-E, U+2066-9), line and paragraph separators (U+2028-9).
/// Those become `\xNN` (C0 and DEL) or `\u{NNNN}`; each byte that is not UTF-8 becomes `\xNN`. Cut at a
/// character's edge after at most `length_max` bytes, with "…".
std::string printable(std::string_view bytes, std::size_t length_max = printable_max,
                      lines kept = lines::one);

/// For other notations, such as TOML's: each character that `printable` escapes within a line is replaced by
/// what `spell` makes of it; bytes that are not UTF-8 are given to it as U+FFFD.
std::string with_escapes(std::string_view bytes, std::string (*spell)(std::uint32_t character));

/// A signal's name as a server gives it (RFC 4254, section 6.10): letters, digits and `@._-`, 64 at most; any
/// other is called "unknown".
std::string signal_name(std::string_view told);

} // namespace moorage
