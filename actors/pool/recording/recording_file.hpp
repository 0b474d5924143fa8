// How a pool has its recording written: by somebody who may block, since a pool does no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "actors/pool/recording/recording.hpp"
#include "messages/errors.hpp"

namespace moorage {

/// A recording on its way to a file. What was begun is written, whether this is kept or not.
class recording_file {
public:
  virtual ~recording_file() = default;
  /// Where it will be; known at once. Empty: nowhere, and `result` says why.
  virtual const std::string& path() const = 0;
  /// None: it is being written. Code `none`: it is there, whole. Else why it is not; then no part of it is.
  virtual std::optional<failure> result() = 0;
};

/// Begins to write it, and never blocks. The header's version is the writer's to fill in. `wake` is called
/// once, on any thread, when there is a result.
using recording_writer =
    std::function<std::unique_ptr<recording_file>(recording what, std::function<void()> wake)>;

/// The generation of the `wake_up` by which a pool hears of it.
inline constexpr std::uint64_t recording_wake = std::numeric_limits<std::uint64_t>::max();

} // namespace moorage
