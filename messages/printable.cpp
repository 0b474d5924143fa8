#include "messages/printable.hpp"

#include <algorithm>
#include <array>
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

std::string hexadecimal(const char* format, std::uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof text, format, static_cast<unsigned>(code));
  return text;
}

bool ends_line(char c) {
  return c == '\n' || c == '\r';
}

} // namespace

std::string printable(std::string_view bytes, std::size_t length_max, lines kept) {
  const bool many = kept == lines::many;
  while (!many && !bytes.empty() && ends_line(bytes.back()))
    bytes.remove_suffix(1);
  std::string text;
  text.reserve(std::min(bytes.size(), length_max));
  for (std::size_t at = 0; at < bytes.size();) {
    auto next = first_of(bytes.substr(at));
    std::size_t size = std::max<std::size_t>(next.size, 1);
    if (size > length_max - at)
      return text + "…";
    bool stays = many && (next.code == '\n' || next.code == '\t');
    bool joins = many && next.code == '\r' && bytes.substr(at + 1).starts_with('\n');
    if (next.size == 0)
      text += hexadecimal("\\x%02x", static_cast<unsigned char>(bytes[at]));
    else if (!misleads(next.code) || stays)
      text += bytes.substr(at, size);
    else if (next.code < 0x80 && !joins)
      text += hexadecimal("\\x%02x", next.code);
    else if (!joins)
      text += hexadecimal("\\u{%x}", next.code);
    at += size;
  }
  return text;
}

std::string with_escapes(std::string_view bytes, std::string (*spell)(std::uint32_t)) {
  constexpr std::uint32_t replacement = 0xfffd;
  std::string text;
  while (!bytes.empty()) {
    auto next = first_of(bytes);
    std::size_t size = std::max<std::size_t>(next.size, 1);
    if (next.size != 0 && !misleads(next.code))
      text += bytes.substr(0, size);
    else
      text += spell(next.size == 0 ? replacement : next.code);
    bytes.remove_prefix(size);
  }
  return text;
}

std::string signal_name(std::string_view told) {
  constexpr std::size_t length_max = 64;
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._-";
  bool well =
      !told.empty() && told.size() <= length_max && told.find_first_not_of(allowed) == std::string_view::npos;
  return well ? std::string{told} : "unknown";
}

} // namespace moorage
