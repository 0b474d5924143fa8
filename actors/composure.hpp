// What every actor of ours does with what its protocol does not have.
#pragma once

#include <caf/scheduled_actor.hpp>

namespace moorage {

/// For the beginning of a behaviour. Errors that answer a message nobody waited for do not end the actor, and a message
/// that it does not know is dropped without a word: CAF's own handler prints it on stdout, as a peer on a link sent it.
inline void keep_composure(caf::scheduled_actor* self) {
  self->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
  self->set_default_handler(caf::drop);
}

} // namespace moorage
