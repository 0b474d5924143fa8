// A scheduler without a thread of its own: actors run on the one that does the system's input and output.
#pragma once

namespace caf {
class actor_system_config;
} // namespace caf

namespace moorage {

/// Has actors of a system of this configuration, which loads CAF's middleman, run where what they are sent
/// comes in and what they send goes out, so that none of it waits for another thread to wake. For programs
/// that do little and end soon: while an actor runs nothing is read or written, and there is no `aout`.
void schedule_on_io_thread(caf::actor_system_config& config);

} // namespace moorage
