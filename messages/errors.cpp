#include "messages/error_words.hpp"

#include <array>

namespace moorage {

namespace {

#define MOORAGE_ERROR(name, exit, words, meaning) error_row{#name, words, meaning},
constexpr std::array rows{error_row{"none", "nothing is wrong", ""}, MOORAGE_ERRORS(MOORAGE_ERROR)};
#undef MOORAGE_ERROR

} // namespace

std::span<const error_row> error_rows() {
  return std::span{rows}.subspan(1);
}

std::string to_string(errc code) {
  auto index = static_cast<std::size_t>(code);
  return index < rows.size() ? rows[index].name : "errc " + std::to_string(index);
}

std::string in_words(errc code) {
  auto index = static_cast<std::size_t>(code);
  return index < rows.size() ? rows[index].words
                             : "an error of another version, number " + std::to_string(index);
}

std::string in_words(const failure& reason) {
  return reason.text.empty() ? in_words(reason.code) : reason.text;
}

} // namespace moorage
