#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

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

} // namespace moorage
