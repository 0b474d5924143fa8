// Bugs. Everything else that can go wrong is a value (messages/errors.hpp, messages/ssh_error.hpp).
//
// An invariant is checked in release builds too: a pool that has lost count of itself must not go on granting
// leases. In a host's process the thrown `broken_invariant` ends that one pool (CAF ends its actor, whose
// last act is to tell waiters and holders `internal`; the manager starts a fresh pool); in tests it fails the
// test.
#pragma once

#include <stdexcept>

namespace moorage {

/// `what()` is the invariant that does not hold, in words. Thrown by `ensure` alone.
class broken_invariant : public std::logic_error {
public:
  explicit broken_invariant(const char* invariant) : std::logic_error(invariant) {}
};

/// Throws `broken_invariant` unless the condition holds. `invariant` says what should have held: "a lease has
/// a holder".
inline void ensure(bool condition, const char* invariant) {
  if (!condition) [[unlikely]]
    throw broken_invariant{invariant};
}

} // namespace moorage
