// Refusals in words for people. Most have a text, which says more; but one may come without, from another version say, and
// nobody should read an empty line.
#pragma once

#include <string>

#include "messages/errors.hpp"

namespace moorage {

/// A clause such as "the log-in was denied".
std::string in_words(errc code);
/// Its text, or that of its code.
std::string in_words(const failure& reason);

} // namespace moorage
