// CAF's network protocol by hand: frames that CAF itself would never send.
#pragma once

#include <caf/atom.hpp>
#include <caf/io/basp/message_type.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace node_tests {

using frame_kind = caf::io::basp::message_type;

/// In network order.
inline std::string number(std::uint64_t value, std::size_t size) {
  std::string result;
  while (size-- > 0)
    result += static_cast<char>(value >> (8 * size) & 0xff);
  return result;
}

inline std::string sequence_size(std::size_t value) {
  std::string result;
  for (; value > 0x7f; value >>= 7)
    result += static_cast<char>((value & 0x7f) | 0x80);
  return result + static_cast<char>(value);
}

inline std::string text(std::string_view value) {
  return sequence_size(value.size()) + std::string{value};
}

/// The id of the process number `pid` on a machine that there is only here.
inline std::string node(std::uint32_t pid) {
  return number(static_cast<std::uint64_t>(caf::atom("default")), 8) + number(pid, 4) + std::string(20, 'm');
}

inline std::string header(frame_kind kind, std::uint32_t announced, std::uint64_t data = 0,
                          std::uint64_t source = 0, std::uint64_t target = 0) {
  return number(static_cast<std::uint8_t>(kind), 1) + std::string(3, '\0') + number(announced, 4) +
         number(data, 8) + number(source, 8) + number(target, 8);
}

inline std::string frame(frame_kind kind, const std::string& payload, std::uint64_t data = 0,
                         std::uint64_t source = 0, std::uint64_t target = 0) {
  return header(kind, static_cast<std::uint32_t>(payload.size()), data, source, target) + payload;
}

inline std::string client_greeting(std::uint32_t pid) {
  return frame(frame_kind::client_handshake, node(pid));
}

inline std::string server_greeting(std::uint32_t pid) {
  return frame(frame_kind::server_handshake,
               node(pid) + sequence_size(1) + text("moorage.node.1") + number(7, 8) + sequence_size(0), 3);
}

/// A message's types, and its values as CAF writes them.
inline std::string message(std::string_view types, const std::string& values) {
  return number(0, 2) + text(types) + values;
}

/// A message to actor 7 from actor 9, and no others.
inline std::string direct(const std::string& message) {
  return frame(frame_kind::direct_message, sequence_size(0) + message, 0, 9, 7);
}

inline std::string error_value(const std::string& context) {
  return number(1, 1) + number(static_cast<std::uint64_t>(caf::atom("test")), 8) + context;
}

/// A message that is an error, whose context is an error, and so on, `depth` times.
inline std::string nested_errors(std::size_t depth) {
  auto one = message("@<>+@error", error_value(""));
  std::string result;
  result.reserve(depth * one.size() + 8);
  while (depth-- > 0)
    result += one;
  return result + message("@<>", "");
}

} // namespace node_tests
