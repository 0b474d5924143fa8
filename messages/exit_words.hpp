// Why an actor ended, in words for people: CAF's own are names of its enumeration.
#pragma once

#include <caf/error.hpp>
#include <string>

namespace moorage {

/// A clause such as "it was killed"; of our own errors their text, or the words of the code; of anything
/// unknown CAF's.
std::string in_words(const caf::error& reason);

} // namespace moorage
