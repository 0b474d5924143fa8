// Programs that other users of this machine run. Only root can become them.
#pragma once

#include <catch2/catch.hpp>

#include <unistd.h>

#include "tests/support/ordinary_user.hpp"

namespace moorage::cli_tests {

using support::libraries_for_others;

inline bool may_become_others() {
  if (::geteuid() == 0)
    return true;
  WARN("only root can become other users: nothing was tested");
  return false;
}

} // namespace moorage::cli_tests
