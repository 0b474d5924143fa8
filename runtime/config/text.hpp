// What is done to a configuration's text before the TOML parser sees it: read without waiting, and looked at
// for what the parser cannot take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace moorage {

/// More than anybody writes by hand; keeps a wrong path (a core dump) from being read whole.
constexpr std::size_t config_size_max = 1 << 20;

/// The parts of a key, [clusters.NAME] having two, and how deep lists and tables stand in each other. The
/// parser makes a table of each part, and ends tables by recursion: for tens of thousands of them the stack
/// does not suffice. No key of ours has more than three, and no list stands in another.
constexpr std::size_t key_parts_max = 16;
constexpr std::size_t value_depth_max = 16;

/// Reads a whole regular file, and nothing else: a FIFO or a device would have to be waited for. Says what is
/// wrong with it, as the end of "FILE …"; empty: `text` holds it.
std::string read_config_text(const std::filesystem::path& file, std::string& text);

/// Something in a text; line and column from 1, a column for each byte.
struct text_problem {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string_view what = {};
};

/// The first thing that the parser cannot take: what goes deeper than the above, and what is no TOML but of
/// which the parser assumes that it is not there: a table's name that begins as no name does, letters beyond
/// ASCII outside of strings.
std::optional<text_problem> find_unfit(std::string_view text);

} // namespace moorage
