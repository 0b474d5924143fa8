#include "messages/exit_words.hpp"

#include <caf/all.hpp>

#include "messages/error_words.hpp"
#include "messages/type_ids.hpp"

namespace moorage {

std::string in_words(const caf::error& reason) {
  if (!reason || reason == caf::exit_reason::normal)
    return "it ended by itself";
  if (reason == caf::exit_reason::unhandled_exception)
    return "it failed with an exception";
  if (reason == caf::exit_reason::unknown)
    return "it had ended before";
  if (reason == caf::exit_reason::out_of_workers)
    return "it had no workers left";
  if (reason == caf::exit_reason::user_shutdown)
    return "it was shut down";
  if (reason == caf::exit_reason::kill)
    return "it was killed";
  if (reason == caf::exit_reason::remote_link_unreachable)
    return "the link to it broke";
  if (reason == caf::exit_reason::unreachable)
    return "it cannot be reached";
  return in_words(to_failure(reason));
}

} // namespace moorage
