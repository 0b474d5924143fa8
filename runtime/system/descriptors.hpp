// Whether there are descriptors enough to begin with. CAF, for one, ends the process when it gets none for itself.
#pragma once

#include <cstddef>

#include "messages/errors.hpp"

namespace moorage {

/// What an actor system with its network takes, the readiness loop, and one connection or link: 14 seen, and some to spare.
constexpr std::size_t descriptors_to_begin = 20;

/// `local_failure` if this process may not open so many more files; the text says what its limit is.
failure check_descriptors(std::size_t wanted = descriptors_to_begin);

} // namespace moorage
