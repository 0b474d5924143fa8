// A text with everything in it that a terminal, a log or a reader can be fooled by, and the judge of what
// came of it. Written apart from messages/printable, which it judges.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace moorage::support {

/// Escapes, a bell, a forged record, DEL, C1 (CSI), bidirectional marks of every kind, separators, and what
/// is not UTF-8.
inline const std::string hostile_text =
    "evil\x1b[2J\x1b]0;title\x07\b\r\n2026-01-01T00:00:00.000+00:00 moorage error: "
    "forged\n\x7f\xc2\x9b"
    "31m\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"
    "\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9\xff\xc0\xaf\xed\xa0\x80\xc3";

/// What is wrong with the text for a terminal or a log, in words; empty: nothing. Newlines are the caller's
/// affair.
inline std::string misleading(std::string_view text) {
  auto wrong = [](const char* what, std::uint32_t value) {
    char words[64];
    std::snprintf(words, sizeof words, "%s %x", what, static_cast<unsigned>(value));
    return std::string{words};
  };
  for (std::size_t at = 0; at < text.size();) {
    auto byte = [&](std::size_t i) {
      return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    std::uint32_t code = byte(0);
    std::size_t size = 1;
    if (code >= 0x80) {
      if (byte(0) >= 0xc2 && byte(0) <= 0xdf && follows(1))
        code = (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f), size = 2;
      else if (byte(0) >= 0xe0 && byte(0) <= 0xef && follows(1) && follows(2))
        code = (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f), size = 3;
      else if (byte(0) >= 0xf0 && byte(0) <= 0xf4 && follows(1) && follows(2) && follows(3))
        code = (byte(0) & 7) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f),
        size = 4;
      else
        return wrong("no UTF-8: byte", byte(0));
      if ((size == 3 && code < 0x800) || (size == 4 && code < 0x10000) || code > 0x10ffff ||
          (code & 0xfffff800) == 0xd800)
        return wrong("no UTF-8: character", code);
    }
    if ((code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code <= 0x9f) || code == 0x61c ||
        code == 0x200e || code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
        (code >= 0x2066 && code <= 0x2069))
      return wrong("character", code);
    at += size;
  }
  return {};
}

/// The same, for what must stay within one line.
inline std::string misleading_in_line(std::string_view text) {
  return text.find_first_of("\n\t") == std::string_view::npos ? misleading(text) : "a line's end or a tab";
}

} // namespace moorage::support
