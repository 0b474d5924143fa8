// What tests show as root of agents that ask and of commands that renew, as an ordinary user.
#include <catch2/catch.hpp>

#include <unistd.h>

#include "tests/support/ordinary_user.hpp"

namespace moorage::support {

TEST_CASE("an ordinary user's security keys, agents that ask and renew_command do as root's") {
  if (::geteuid() != 0) {
    WARN("only root can become other users: the tests themselves are an ordinary user's");
    return;
  }
  const auto ran = run_as_ordinary_user("[ordinary]");
  INFO(ran.output);
  CHECK(ran.cases == 3);
  CHECK(ran.passed);
}

} // namespace moorage::support
