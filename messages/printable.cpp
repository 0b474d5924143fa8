#include "messages/printable.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

namespace moorage {

namespace {

struct character {
  std::uint32_t code = 0;
  std::size_t size = 0; ///< in bytes; 0: these bytes are not UTF-8
};

/// The first character (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
character first_of(std::string_view bytes) {
  auto at = [bytes](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  auto lead = at(0);
  if (lead < 0x80)
    return {lead, 1};
  std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < size)
    return {};
  std::uint32_t code = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80)
      return {};
    code = code << 6 | (at(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    return {};
  return {code, size};
}

bool misleads(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
         code == 0x200f || code == 0x2028 || code == 0x2029 || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

template <class Number>
void append(std::string& text, const char* format, Number value) {
  char code[16];
  std::snprintf(code, sizeof code, format, static_cast<unsigned>(value));
  text += code;
}

} // namespace

std::string printable(std::string_view bytes, std::size_t length_max, lines kept) {
  std::string text;
  std::size_t at = 0;
  while (at < bytes.size()) {
    auto next = first_of(bytes.substr(at));
    std::size_t size = next.size == 0 ? 1 : next.size;
    if (at + size > length_max)
      return text + "…";
    bool stays = kept == lines::many && (next.code == '\n' || next.code == '\t');
    if (next.size == 0)
      append(text, "\\x%02x", static_cast<unsigned char>(bytes[at]));
    else if (!misleads(next.code) || stays)
      text += bytes.substr(at, size);
    else if (next.code < 0x100)
      append(text, "\\x%02x", next.code);
    else
      append(text, "\\u{%x}", next.code);
    at += size;
  }
  return text;
}

} // namespace moorage
