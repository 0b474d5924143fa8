// What goes to a terminal, a pipe or a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/printable.hpp"

namespace moorage::cli {

/// How the program ends: with a code, or as if a signal had ended it.
struct ending {
  int code = 0;
  int signal = 0; ///< not 0: with this signal, so that a shell sees what happened
};

/// Writes it all, waiting for a slow reader. False: nobody reads any more.
bool put(int descriptor, std::string_view bytes);
/// To stdout; the ending of a program whose stdout is closed when it is.
ending say(std::string_view text, int code = 0);
/// "moorage: …" on a line of stderr, fit to be printed whoever had a part in the text.
/// `lines::many`: the text is a refusal's, which may quote a server's banner.
void complain(std::string_view text, lines kept = lines::one);
/// Where complaints go: stderr, a file, or nowhere (-1).
void complain_to(int descriptor);
int complaints_go_to();
/// The server's own words to people, on stderr.
void pass_on(std::string_view banner);

enum class colour : std::uint8_t { none, good, busy, bad, faint };

/// A terminal that wants colours: not with NO_COLOR, nor with TERM=dumb.
bool has_colours(int descriptor);
std::string painted(std::string_view text, colour with, bool colours);

/// Columns under headings, as wide as they need.
class table {
public:
  struct cell {
    std::string text;
    colour with = colour::none;
    // NOLINTBEGIN(google-explicit-constructor): rows are written as lists of texts and numbers
    cell(std::string text, colour with = colour::none) : text(std::move(text)), with(with) {}
    cell(const char* text) : text(text) {}
    cell(std::uint64_t number) : text(std::to_string(number)) {}
    // NOLINTEND(google-explicit-constructor)
  };
  /// A heading that begins with '>' is of a column of numbers, set to the right.
  explicit table(std::vector<std::string> headings);
  void add(std::vector<cell> row);
  bool empty() const { return rows_.empty(); }
  std::string text(bool colours) const;

private:
  std::vector<std::string> headings_;
  std::vector<std::vector<cell>> rows_;
};

/// The number of characters, not bytes, of UTF-8.
std::size_t columns_of(std::string_view text);

} // namespace moorage::cli
