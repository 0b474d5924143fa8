// Takes leave of processes that were killed, so that none stays a zombie, and nobody waits for one.
//
// A process that was killed is gone within a millisecond, as a rule, but may be held up in the kernel (a disk
// or a file server that does not answer). So one thread waits for all of them together. It is there while
// there is somebody to wait for.
#pragma once

#include <cstddef>

#include "runtime/system/descriptors.hpp"

namespace moorage {

/// Waits for the process that the descriptor (pidfd_open(2)) stands for, a child of ours that was killed, on
/// a thread of its own. Never blocks; callable from any thread.
void reap_later(unique_fd process);

/// Those that were handed over and have not ended.
std::size_t unreaped();

} // namespace moorage
