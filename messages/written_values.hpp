// How values are written in the configuration file, on the command line and to people: durations, sizes,
// counts. Pure functions; nothing here reads a file. `parse_…` and `format_…` are each other's inverse.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/durations.hpp"
#include "messages/settings_table.hpp"

namespace moorage {

/// "250ms", "30s", "5min" or "5m", "1h", "2d", "1h30m", "1.5s", "0". Nothing for anything else, for a bare
/// number (its unit would be a guess) and for what overflows. Finer than a millisecond is refused.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Bytes: "16MiB", "64 KiB", "1GiB", "10MB" (decimal), "4096", "4096B". Nothing for anything else.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// Digits only. Nothing for anything else.
std::optional<std::uint64_t> parse_count(std::string_view text);

/// A quoted TOML string, with what needs it escaped.
std::string quote_toml(std::string_view text);

/// Words with blanks between them, with the quotes and escapes of ssh_config(5). Nothing: a quote is never
/// closed.
std::optional<std::vector<std::string>> split_quoted(std::string_view text);
/// So written that `split_quoted` gives it back, whatever else stands beside it.
std::string quoted_word(std::string_view word);

/// Edits (insert, delete, replace, swap neighbours) that turn one into the other.
std::size_t edit_distance(std::string_view left, std::string_view right);
/// The candidate that was probably meant, or "". `-`, `_` and case do not count as differences.
std::string did_you_mean(std::string_view written, const std::vector<std::string>& candidates);

} // namespace moorage
