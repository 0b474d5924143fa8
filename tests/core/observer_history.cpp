// How connections did, as the observer books it: answers, failures, and what they make of a connection. Every
// sentence here is a promise, and is seen broken once in planted_probes.cpp.
#include <algorithm>

#include "tests/core/observer.hpp"

namespace moorage::test {

void observer::answered_on(connection_book& c, bool ran) {
  if (ran || settings_.probe == probe_method::channel)
    c.exec_failures = 0;
  c.probe_failures = c.exec_failures;
  c.doubted = c.late = false;
  c.rate += (1 - c.rate) / 5;
  c.heard = c.quiet_since = now_;
  c.unheard_since = time_point::max();
  c.carried = false;
}

void observer::probe_failed_on(connection_book& c) {
  c.probe = {};
  c.exec_failures += c.probe_runs;
  failed_on(c, !c.probe_runs || c.silent_meanwhile);
}

void observer::failed_on(connection_book& c, bool peer_silent) {
  ++c.probe_failures;
  c.rate -= c.rate / 5;
  c.checks_failed.push_back(true);
  c.checked_at = now_;
  c.last_failure = now_;
  c.doubted = c.late = false;
  if (c.probe_failures >= settings_.probe_failures_max && peer_silent)
    learn(c);
  if (c.probe_failures >= settings_.probe_failures_max && c.busy())
    c.condemned = c.failed_too_often = true;
  auto last_ten = c.checks_failed.end() - std::min(10l, static_cast<long>(c.checks_failed.size()));
  // Also of one whose renewal fell due in the same step, after the check's failure.
  if (c.probe_failures < settings_.probe_failures_max &&
      std::count(last_ten, c.checks_failed.end(), true) >= std::max(5l, long{settings_.probe_failures_max})) {
    c.flapped = true;
    c.condemned = c.condemned || c.busy();
  }
}

/// Four times its usual, and a tenth of a second more.
void observer::measure(connection_book& c, std::chrono::nanoseconds rtt, bool ran) const {
  if (rtt.count() == 0)
    return;
  auto milliseconds = static_cast<double>(rtt.count()) / 1e6;
  auto& usual = c.usual[ran];
  c.last_ran = ran;
  c.slow = c.measured[ran] > 2 && milliseconds > 4 * usual && milliseconds > usual + 100;
  usual += (milliseconds - usual) / (c.measured[ran]++ == 0 ? 1 : 5);
}

void observer::check_history(const connection_book& c) const {
  if (c.now == phase::open && c.flapped && !c.busy())
    throw broken_promise{"one that fails every second check is closed"};
}

} // namespace moorage::test
