// What a runtime asks about a lease, waited for: a peer that is silent answers when its connection is given
// up, which may take minutes.
#include "messages/durations.hpp"
#include "runtime/client/asking.hpp"
#include "runtime/client/client.hpp"
#include "runtime/runtime.hpp"

namespace moorage {

namespace {

template <class Answer>
result<Answer> within(std::chrono::milliseconds patience, pending<result<Answer>> asked) {
  if (!asked.wait_for(patience))
    return failure{errc::connection_lost, "no answer within " + to_text(patience)};
  return asked.get();
}

} // namespace

result<std::chrono::nanoseconds> runtime::round_trip(const lease& lease) const {
  if (auto refused = may_not_wait(); refused.code != errc::none)
    return refused;
  return within(answer_margin, async_runtime{gate(), true}.round_trip(lease));
}

result<probe_answer> runtime::probe(const lease& lease) const {
  if (auto refused = may_not_wait(); refused.code != errc::none)
    return refused;
  auto known = clusters();
  if (!known)
    return known.error();
  auto patience = std::chrono::milliseconds{0};
  for (const auto& each : *known)
    if (each.name == lease.cluster())
      patience = each.probe_timeout;
  return within(patience + gate()->margin(), async_runtime{gate(), true}.probe(lease));
}

} // namespace moorage
