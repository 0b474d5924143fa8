// Threads that end something on behalf of one that must not wait for it.
//
// A process that returns from main while such a thread is at work would take from under it what libraries
// keep for the whole process (OpenSSL's tables, the actor system's types). So the process's end waits for
// them, though not for ever: who calls exit() in what such a thread waits for would wait for itself.
#pragma once

#include <functional>

namespace moorage {

/// Does the work on a thread of its own. Throws std::system_error when there is none to be had.
void end_on_another_thread(std::function<void()> work);

} // namespace moorage
