#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (char c : bytes)
    value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

} // namespace

std::optional<std::uint8_t> wire_reader::byte() {
  if (rest_.empty())
    return std::nullopt;
  auto value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::optional<std::uint32_t> wire_reader::number() {
  if (rest_.size() < 4)
    return std::nullopt;
  auto value = static_cast<std::uint32_t>(big_endian(rest_.substr(0, 4)));
  rest_.remove_prefix(4);
  return value;
}

std::optional<std::uint64_t> wire_reader::long_number() {
  if (rest_.size() < 8)
    return std::nullopt;
  auto value = big_endian(rest_.substr(0, 8));
  rest_.remove_prefix(8);
  return value;
}

std::optional<std::string_view> wire_reader::string() {
  auto length = number();
  if (!length || rest_.size() < *length)
    return std::nullopt;
  auto value = rest_.substr(0, *length);
  rest_.remove_prefix(*length);
  return value;
}

void append_number(std::string& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    to.push_back(static_cast<char>(value >> shift & 0xff));
}

void append_string(std::string& to, std::string_view value) {
  append_number(to, static_cast<std::uint32_t>(value.size()));
  to.append(value);
}

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
    auto value = static_cast<std::uint32_t>(big_endian(group)) << (3 - group.size()) * 8;
    for (std::size_t digit = 0; digit < 4; ++digit)
      text.push_back(digit <= group.size() ? alphabet[value >> (18 - 6 * digit) & 63] : '=');
  }
  return text;
}

} // namespace moorage
