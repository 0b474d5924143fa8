// The TOML parser. Only the reading of a configuration sees it.
#pragma once

namespace moorage {

/// What the parser assumes of a text, and does not hold.
struct broken_assumption {};
[[noreturn]] inline void refuse_text() {
  throw broken_assumption{};
}

} // namespace moorage

// Some texts that are no TOML are not as the parser assumes (a comma where a value begins). They are to be
// refused, whether or not a build checks assumptions: unchecked the parser goes on somehow, and checked by
// assert it ends the process.
#ifdef NDEBUG
#define MOORAGE_WITHOUT_ASSERT
#undef NDEBUG
#endif
// Its code is in toml.cpp: a library more is a thirtieth of what a command through a node costs. Nothing is
// written.
#define TOML_HEADER_ONLY 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::moorage::refuse_text())
#include <toml++/toml.h>
#ifdef MOORAGE_WITHOUT_ASSERT
#define NDEBUG
#endif
