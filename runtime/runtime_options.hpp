// What a host may choose about a runtime that is no setting of a configuration's file.
#pragma once

#include <functional>

#pragma GCC visibility push(default)

namespace moorage {

/// Runs what it is given, once, on a thread of its choice: a host's thread pool, its event loop. It is called by several
/// threads at once, and must not wait for what it was given.
///
/// Each callback is called exactly once all the same: what the executor refuses by an exception, or destroys without having
/// run it, is called by a thread of ours, and what it runs twice is called the first time only. What it keeps and never
/// runs is never called. One that runs what it is given there and then does so on a thread of CAF's scheduler: blocking
/// calls are refused there, and a callback that takes its time holds up everybody.
using callback_executor = std::function<void(std::function<void()> call)>;

struct runtime_options {
  /// Where callbacks are called. None: on threads of the runtime's own. They are made when first needed, up to 4: enough that
  /// one that waits does not hold up the next, and few enough to be nobody's burden. Who has more callbacks that wait at
  /// the same time, or whose callbacks wait for each other, gives an executor.
  callback_executor executor = {};
};

} // namespace moorage

#pragma GCC visibility pop
