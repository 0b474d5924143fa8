// Why the pool does what it does. Reads alone, for admins: each looks at what it explains.
#include <algorithm>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "actors/pool/last_failure.hpp"
#include "messages/durations.hpp"
#include "messages/explanation.hpp"

namespace moorage {

opening_cause pool_core::why_not_opened() const {
  auto under_way = openings_.size();
  if (!works())
    return opening_cause::not_serving;
  if (back_off_.latched())
    return opening_cause::latched;
  if (wanted() == 0)
    return opening_cause::not_needed;
  if (balance().missing == 0)
    return opening_cause::under_way;
  if (connections_.size() >= settings_.pool_size)
    return opening_cause::full;
  if (may_open_at() > now_)
    return opening_cause::backing_off;
  if (back_off_.on_trial() && under_way > 0)
    return opening_cause::on_trial;
  if (settings_.connects_at_once > 0 && under_way >= settings_.connects_at_once)
    return opening_cause::at_once;
  return opening_cause::no_permit;
}

std::string pool_core::in_words(opening_cause why, time_point now) const {
  auto number = [](std::size_t count) { return std::to_string(count); };
  switch (why) {
  case opening_cause::not_serving:
    return stopping_ ? why_stopping().text
                     : "the pool is " + (paused() ? "paused by " + pausers() : to_string(state_)) +
                           " and opens nothing";
  case opening_cause::latched:
    return "no log-in is tried until the files or settings at fault change, or the pool is reset: " +
           back_off_.latch().text;
  case opening_cause::not_needed:
    return "nobody needs another connection: " + number(idle_.size()) + " are idle, and " +
           number(waiters_.size()) + " wait";
  case opening_cause::under_way: {
    const auto& c = connections_.at(openings_.first());
    return number(openings_.size()) + " being opened, as many as are needed (" + to_string(c.id) + ": " +
           (c.awaits_permit ? "waits for leave to log in" : opening_in_words(c)) +
           (says_more(c, settings_.jump, machines_.several()) ? ", last failure: " + in_words(c.last_error)
                                                              : "") +
           (delay_.why.empty() ? "" : "; " + in_words(delay_)) + ")";
  }
  case opening_cause::full: {
    auto closing = count(connection_state::closing);
    return "it has " + number(connections_.size()) + " connections of the " + number(settings_.pool_size) +
           " that pool_size allows" + (closing > 0 ? ", " + number(closing) + " of them closing" : "");
  }
  case opening_cause::backing_off:
    return "the next opening is tried in " + to_text(between(now, may_open_at())) +
           ", since the last one failed: " + back_off_.reason().text;
  case opening_cause::on_trial:
    return "one at a time is tried until one succeeds, since the last one failed: " + back_off_.reason().text;
  case opening_cause::at_once:
    return number(openings_.size()) + " are being opened, and connects_at_once allows no more at once";
  case opening_cause::no_permit:
    return "leave to log in has been asked for" + (delay_.why.empty() ? "" : ": " + in_words(delay_));
  }
  return {};
}

connection_explanation pool_core::explained(const connection& c, time_point now) const {
  auto told = [&c](standing stands, std::string text) {
    return connection_explanation{c.id, stands, std::move(text)};
  };
  auto channels = c.channels.of(settings_.channels_per_connection);
  auto slots =
      std::to_string(c.in_use()) + " of " + std::to_string(channels) + " slots in use" +
      (channels < settings_.channels_per_connection
           ? ", as its server allows no more (channels_per_connection is " +
                 std::to_string(settings_.channels_per_connection) + ")"
           : "") +
      (c.carried.empty() ? ""
                         : "; it carries " + plural(c.carried.size(), "connection") + " of other clusters");
  if (c.state == connection_state::opening)
    return told(standing::opening, opening_in_words(c) + ", for " + to_text(between(c.began, now)) +
                                       (c.awaits_permit ? "; it waits for leave to log in" : "") +
                                       (says_more(c, settings_.jump, machines_.several())
                                            ? "; last failure: " + in_words(c.last_error)
                                            : ""));
  if (c.state == connection_state::closing)
    return told(standing::closing, "it is being closed: " + to_string(c.reason));
  if (c.condemned)
    return told(
        standing::condemned,
        "it closes once its " + std::to_string(c.in_use()) + " leases" +
            (c.carried.empty() ? "" : " and the " + plural(c.carried.size(), "connection") + " it carries") +
            " have ended: " + to_string(c.reason));
  if (c.in_use() >= channels)
    return told(standing::full, slots);
  if (c.health.is_late())
    return told(standing::late, "its server owes the answer whether it opens a channel; " + slots);
  if (c.health.failures() > 0)
    return told(standing::failed, "it failed " + std::to_string(c.health.failures()) +
                                      " checks in a row, of " + std::to_string(settings_.probe_failures_max) +
                                      " that are borne; " + slots);
  if (c.health.doubted())
    return told(standing::doubted,
                "a command on it was cut short or got no answer, and it is being asked; " + slots);
  if (c.past.slow())
    return told(standing::slow, "it usually answers in " + to_text(c.past.usual_rtt()) +
                                    ", and took far longer the last time; " + slots);
  if (c.age.outlived())
    return told(standing::outlived, "it is older than connection_lifetime; " + slots);
  if (c.health.probe())
    return told(standing::checked, "its check is under way; " + slots);
  return told(standing::sound, slots);
}

waiting_cause pool_core::why_waits() const {
  if (!works())
    return waiting_cause::not_serving;
  if (!servable())
    return waiting_cause::no_connection;
  for (const auto& [id, c] : connections_)
    if (c.open() && (c.condemned || c.in_use() < c.channels.of(settings_.channels_per_connection)))
      return waiting_cause::withheld;
  return waiting_cause::no_slot;
}

explanation pool_core::explain(time_point now) const {
  now = std::max(now, now_);
  explanation result;
  result.cluster = settings_.name;
  auto why = why_not_opened();
  result.opening = {why, wanted(), static_cast<std::uint32_t>(openings_.size()), in_words(why, now)};
  for (const auto& [id, c] : connections_)
    result.connections.push_back(explained(c, now));
  if (waiters_.empty())
    return result;
  auto cause = why_waits();
  auto state = situation();
  for (auto place : waiters_.in_order()) {
    if (result.waiters.size() == waiters_explained_max)
      break;
    const auto& w = waiters_.at(place);
    auto ahead = static_cast<std::uint32_t>(result.waiters.size());
    auto text = "it has waited for " + to_text(between(w.asked, now)) +
                (w.deadline == time_point::max() ? ", as long as it takes"
                                                 : ", for " + to_text(between(now, w.deadline)) + " more") +
                (w.machine.empty() ? "" : "; it takes a lease" + machine_in_words(w) + " alone");
    if (ahead > 0)
      text += "; " + std::to_string(ahead) + (ahead == 1 ? " is" : " are") + " served before it";
    result.waiters.push_back({w.request, cause, ahead, text + "; " + state});
  }
  result.waiters_left_out = static_cast<std::uint32_t>(waiters_.size() - result.waiters.size());
  return result;
}

} // namespace moorage
