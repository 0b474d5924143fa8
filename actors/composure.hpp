// What every actor of ours does with what its protocol does not have, and with a bug of its own.
#pragma once

#include <caf/delegated.hpp>
#include <caf/result.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/sec.hpp>
#include <exception>

#include "messages/type_ids.hpp"

namespace moorage {

/// Drops a message that the actor does not know, without a word to anybody: a stranger who sends them would
/// be answered one for one (`caf::drop` does that, too, and such an answer ends a sender that has CAF's error
/// handler). But a request is answered, since its asker waits.
inline caf::result<caf::message> drop_unknown(caf::scheduled_actor* self, caf::message_view&) {
  if (self->current_message_id().is_request())
    return caf::sec::unexpected_message;
  return caf::delegated<caf::message>{};
}

/// For the beginning of a behaviour. Errors that answer a message nobody waited for do not end the actor. A
/// message that it does not know is dropped, and an exception, a bug, ends it with the words that it has:
/// CAF's own handlers print both on stdout, the message as a peer on a link sent it.
inline void keep_composure(caf::scheduled_actor* self) {
  self->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
  self->set_default_handler(drop_unknown);
  self->set_exception_handler([](caf::scheduled_actor*, std::exception_ptr& thrown) -> caf::error {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& bug) {
      return make_error(errc::internal, bug.what());
    } catch (...) {
      return make_error(errc::internal, "an exception of no known type");
    }
  });
}

} // namespace moorage
