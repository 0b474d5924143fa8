// The answer to what has nothing else to answer.
#pragma once

#include <string>

#pragma GCC visibility push(default)

namespace moorage {

/// "It is done"; the text adds something for people, or nothing.
struct done {
  std::string text;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, done& x) {
  return f(x.text);
}

} // namespace moorage

#pragma GCC visibility pop
