// Refusals in words for people. Most have a text, which says more; but one may come without, from another
// version say, and nobody should read an empty line.
#pragma once

#include <span>
#include <string>

#include "messages/errors.hpp"

#pragma GCC visibility push(default)

namespace moorage {

struct outcome;

struct error_row {
  const char* name;
  const char* words;
  const char* meaning; ///< and what to do, in sentences
};
/// Every error but `none`, in the order of `errc`.
std::span<const error_row> error_rows();

/// A clause such as "the log-in was denied".
std::string in_words(errc code);
/// Its text, or that of its code.
std::string in_words(const failure& reason);
/// How a command ended, after its name: "exited 7", "did not run: …", "may have run: …".
std::string in_words(const outcome& ended);

} // namespace moorage

#pragma GCC visibility pop
