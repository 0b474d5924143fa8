#include "runtime/system/base64.hpp"

#include <cstdint>

namespace moorage {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

std::optional<std::string> from_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=')
    text.remove_suffix(1);
  if (text.size() % 4 == 1)
    return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t gathered = 0;
  int bits = 0;
  for (char c : text) {
    auto digit = alphabet.find(c);
    if (digit == std::string_view::npos)
      return std::nullopt;
    gathered = (gathered << 6 | static_cast<std::uint32_t>(digit)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<char>(gathered >> bits & 0xff));
    }
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    auto group = bytes.substr(at, 3);
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 3; ++i)
      value = value << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t digit = 0; digit < 4; ++digit)
      text.push_back(digit <= group.size() ? alphabet[value >> (18 - 6 * digit) & 63] : '=');
  }
  return text;
}

} // namespace moorage
