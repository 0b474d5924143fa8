// Whether people need hear of an opening's last failure, beside what it waits for now.
#pragma once

#include <string>

#include "messages/ssh_error.hpp"

namespace moorage {

/// Nothing more is said by a try that ran out of time, which had waited for the like, nor by one that its
/// jump host failed, of which the newest is told; unless it was at another machine, perhaps.
template <class Opening>
bool says_more(const Opening& c, const std::string& jump, bool several_machines) {
  const ssh_error& last = c.last_error;
  if (!last)
    return false;
  const auto of_jump = !jump.empty() && last.stage == ssh_stage::connect;
  return c.hindered.empty() || several_machines || !(of_jump || last.kind == ssh_failure::timed_out);
}

} // namespace moorage
