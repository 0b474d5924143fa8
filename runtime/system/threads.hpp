// Whether there are threads enough to begin with: CAF ends the process when it gets only some of its own.
#pragma once

#include <cstddef>

#include "messages/errors.hpp"

namespace moorage {

/// `local_failure` if the system does not let this process start so many more threads; the text says what to
/// look at.
failure check_threads(std::size_t wanted);

} // namespace moorage
