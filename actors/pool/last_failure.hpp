// Whether people need hear of an opening's last failure, beside what it waits for now.
#pragma once

#include <string>

#include "messages/ssh_error.hpp"

namespace moorage {

/// Nothing more is said by a try that ran out of time, which had waited for the like, nor by one that its
/// jump host failed, of which the newest is told. `hindrance`: what the opening waits for; empty: not known.
inline bool says_more(const ssh_error& last, const std::string& hindrance, const std::string& jump) {
  if (!last)
    return false;
  const auto of_jump = !jump.empty() && last.stage == ssh_stage::connect;
  return hindrance.empty() || !(of_jump || last.kind == ssh_failure::timed_out);
}

} // namespace moorage
