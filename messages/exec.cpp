#include "messages/exec.hpp"

#include <array>

#include "messages/error_words.hpp"

namespace moorage {

std::string to_string(outcome_kind kind) {
  constexpr std::array names{"exited", "signalled", "never_sent", "maybe_ran"};
  auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : std::to_string(index);
}

std::string to_string(const outcome& value) {
  switch (value.kind) {
  case outcome_kind::exited:
    return "exited " + std::to_string(static_cast<std::uint32_t>(value.code)); // as RFC 4254, 6.10 sends it
  case outcome_kind::signalled:
    return "signalled " + value.signal;
  default:
    return to_string(value.kind) + ": " + to_string(value.cause.code) + ": " + in_words(value.cause);
  }
}

std::string in_words(const outcome& ended) {
  switch (ended.kind) {
  case outcome_kind::never_sent:
    return "did not run: " + in_words(ended.cause);
  case outcome_kind::maybe_ran:
    return "may have run: " + in_words(ended.cause);
  default:
    return to_string(ended);
  }
}

} // namespace moorage
