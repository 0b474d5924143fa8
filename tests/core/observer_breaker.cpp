// When a pool leaves a server alone, as the observer books it.
#include <algorithm>
#include <utility>

#include "tests/core/observer.hpp"

namespace moorage::test {

using namespace std::chrono_literals;

void observer::failed_try(connection_book& c, const ssh_error& error) {
  c.failure = error.kind;
  c.unreached = error.stage <= ssh_stage::connect && error.kind != ssh_failure::turned_away;
  c.failed_on_trial = trial_;
}

/// The next opening need not wait, and is no trial.
void observer::forgive() {
  not_before_ = not_before_alone_ = not_after_ = not_after_alone_ = time_point::min();
  trial_ = false;
}

/// Books the end of an opening that is not tried again.
void observer::gave_up(connection_book& c, ssh_failure kind) {
  gave_up_now_ = true;
  fatal_now_ = fatal_now_ || !is_transient(kind);
  if (is_latching(kind) && !latched_) {
    latched_ = true;
    auto of_keys = refusal_for(kind) == errc::auth_denied || refusal_for(kind) == errc::no_credentials;
    credentials_ = of_keys ? c.files.credentials : c.files.host_keys;
    looked_at_ = time_point::min(); // the first who asks has it look at once
    looking_until_ = time_point::min();
  }
  back_off(c.began, c.unreached);
}

void observer::back_off(time_point began, bool unreached) {
  if (!latched_)
    failures_.emplace_back(began, unreached);
}

void observer::count_failures(bool says_so) {
  for (auto [began, unreached] : std::exchange(failures_, {}))
    count_failure(began, unreached, says_so);
}

/// Of what began when the delay was over by one draw of chance, and not by another, the pool says whether it
/// is a failure of its own.
void observer::count_failure(time_point began, bool unreached, bool says_so) {
  if (began < not_before_ || (began < not_after_ && !says_so)) { // one failure with the last
    if (!unreached)
      not_after_ = not_after_alone_;
    return;
  }
  std::chrono::nanoseconds delay = 1s;
  for (auto i = given_up_; i > 0 && delay < 120s; --i)
    delay = std::min<std::chrono::nanoseconds>(delay * 8 / 5, 120s);
  ++given_up_;
  given_up_at_ = now_;
  trial_ = true;
  auto waited_for = unreached ? std::min<std::chrono::nanoseconds>(delay, 12'500ms) : delay;
  constexpr auto rounding = 1us;
  not_before_ = now_ + waited_for * 4 / 5 - rounding;
  not_before_alone_ = now_ + delay * 4 / 5 - rounding;
  not_after_ = now_ + waited_for * 6 / 5 + rounding;
  not_after_alone_ = now_ + delay * 6 / 5 + rounding;
}

/// Who asks a latched pool has it look whether anything was mended, and waits for that.
void observer::see(const look_at_credentials&) {
  if (!latched_)
    throw broken_promise{"credentials are looked at only where a log-in was denied"};
  if (looked_at_ != time_point::min() && now_ - looked_at_ < 1s)
    throw broken_promise{"credentials are looked at every second at most"};
  looking_until_ = now_ + 2s;
  looked_at_ = now_;
}

void observer::hear(const credentials_seen& event) {
  looking_until_ = time_point::min();
  if (!latched_)
    return;
  if (credentials_.empty()) {
    credentials_ = event.state;
  } else if (!stopping_ && !event.state.empty() && credentials_ != event.state) {
    latched_ = false;
    given_up_ = 0;
    forgive();
  }
}

void observer::of_no_use(const connection_book& c) {
  if (!latched_)
    useless_at_ = now_;
  back_off(c.opened, false);
}

/// Books an end that the pool did not wish for: before the connection was of use it is a failed opening.
void observer::ended_early(const connection_book& c) {
  auto working = c.busy() && now_ - c.opened >= settings_.proving_time;
  if (!c.served && !c.proved && !working)
    of_no_use(c);
}

void observer::was_of_use(connection_book& c) {
  if (c.proved || now_ - c.opened < settings_.proving_time)
    return;
  c.proved = true;
  if (c.opened >= given_up_at_)
    given_up_ = 0;
}

} // namespace moorage::test
