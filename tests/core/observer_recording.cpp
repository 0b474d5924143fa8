// What the observer makes of recordings: they are the shell's to write, and change nothing.
#include "tests/core/observer.hpp"

namespace moorage::test {

void observer::hear(const ordered<record_pool>& event) {
  if (!expect_stopping(event.request))
    expect_answer(event.request, errc::none);
}

void observer::see(const write_recording& effect) {
  if (effect.request)
    see(acknowledge{effect.request}); // the core has done its part
}

} // namespace moorage::test
