// SSH's wire form of numbers and strings (RFC 4251, section 5): what keys and agents' messages are made of.
// Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moorage {

/// Takes a byte string apart; every member answers nothing once the bytes do not suffice.
class wire_reader {
public:
  explicit wire_reader(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::uint8_t> byte();
  std::optional<std::uint32_t> number();
  std::optional<std::uint64_t> long_number();
  std::optional<std::string_view> string(); ///< points into the bytes given
  std::string_view rest() const { return rest_; }

private:
  std::string_view rest_;
};

void append_number(std::string& to, std::uint32_t value);
void append_string(std::string& to, std::string_view value);

} // namespace moorage
