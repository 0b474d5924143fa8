// What there is to know for whoever asks the client: how long an answer may take, and what is said of an
// empty lease.
#pragma once

#include <chrono>

#include "messages/errors.hpp"

namespace moorage {

/// Whoever is asked answers by the deadline it was given; this is added for the way there and back.
inline constexpr std::chrono::seconds answer_margin{5};
/// The same of a node: what it is late by is another process's lateness, a frozen one's in the end, and so is
/// said soon.
inline constexpr std::chrono::seconds node_answer_margin{1};

/// What there is to say of a lease that holds nothing.
inline failure empty_lease() {
  return {errc::unknown_lease, "this lease is empty: it was moved or released"};
}

} // namespace moorage
