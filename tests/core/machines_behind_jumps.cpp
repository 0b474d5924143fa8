// Promises: what fails on the way to all of a cluster's machines is none of theirs.
#include "tests/core/story.hpp"

using namespace moorage;
using namespace moorage::test;

TEST_CASE("a failure that is no machine's, as a jump host's, backs the pool off and is told to who asks") {
  auto settings = lumi(3);
  settings.host.clear();
  settings.hosts = {"a", "b"};
  settings.connects_at_once = 0;
  story s{settings};
  auto ask_for_b = [&s](request_id request, holder_id holder, bool wait_for_ready) {
    acquire_requested event{request, holder, s.now + 1h, {}, wait_for_ready};
    event.machine = "b";
    return s.step(event);
  };
  const auto failed = error_of(ssh_failure::protocol, "the jump host 'gate': x");
  CHECK(ask_for_b(r2, h2, true) == "open c1 on b");
  CHECK(ask_for_b(r3, h1, false) == "open c2 on b");
  s.step(acquire_cancelled{r3});
  CHECK(s.step(connection_failed{c2, failed}) == "close c2 not_opened");
  s.step(connection_closed{c2});
  CHECK(s.status().backing_off.code == errc::connect_failed);
  CHECK(ask_for_b(r4, h1, false) == "");
  CHECK(s.step(connection_failed{c1, failed}) ==
        "close c1 not_opened, refuse r2 connect_failed, refuse r4 connect_failed");
  s.step(connection_closed{c1});
  CHECK(ask_for_b(r5, h1, true) == ""); // backs off: no knocking without end
  CHECK(s.status().machines[1].failures == 0);
}
