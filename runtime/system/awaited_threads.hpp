// Threads that nobody joins, and that the process's end waits for.
//
// A process that returns from main while such a thread is at work would take from under it what libraries
// keep for the whole process (the actor system's types, and OpenSSL's tables, which a thread that has used
// OpenSSL still needs as it ends, after the last that its own code does). So the end waits until the threads
// are gone, though not for ever: who calls exit() in what such a thread waits for would wait for itself.
#pragma once

#include <functional>

namespace moorage {

/// Does the work on a thread of its own. Throws std::system_error when there is none to be had. A library
/// that the work uses, and that cleans up at the process's end, has to be in use before the first call.
void on_awaited_thread(std::function<void()> work);

} // namespace moorage
