#include "actors/probe.hpp"

#include <caf/all.hpp>
#include <utility>

#include "actors/composure.hpp"
#include "messages/durations.hpp"

namespace moorage {

namespace {

std::string reason_of(const caf::error& error, std::chrono::milliseconds timeout) {
  if (error == caf::sec::request_timeout)
    return "no answer within " + format_duration(timeout);
  if (error == caf::sec::request_receiver_down)
    return "the connection ended";
  return to_failure(error).text;
}

} // namespace

caf::behavior probe(caf::stateful_actor<probe_state>* self, pool_actor pool, connection_actor connection,
                    probe_order order, turns_actor turns) {
  auto report = [self, pool](auto what) {
    caf::anon_send(pool, std::move(what));
    self->quit();
  };
  auto who_gives = turns ? turns.address() : caf::actor_addr{};
  auto begin = [self, report, connection, order, who_gives] {
    if (std::exchange(self->state.begun, true))
      return;
    if (who_gives) // who lives for ever and would keep the memory of each probe that watches it
      self->demonitor(who_gives);
    self->become([](const turn_given&) {}); // without the time that it waits for its turn
    self->request(connection, caf::duration{order.timeout}, order.request)
        .then(
            [report, order](const probe_answer& answer) {
              report(probe_passed{order.probe, order.connection, answer.rtt});
            },
            [report, order](const caf::error& error) {
              report(probe_failed{order.probe, order.connection, reason_of(error, order.timeout)});
            });
  };
  keep_composure(self);
  if (!turns) {
    begin();
    return {[](const turn_given&) {}};
  }
  self->set_down_handler([begin](const caf::down_msg&) { begin(); });
  self->monitor(turns);
  self->send(turns, turn_request{caf::actor_cast<caf::strong_actor_ptr>(pool), self->clock().now()});
  return {[begin](const turn_given&) { begin(); }, caf::after(probe_turn_patience) >> begin};
}

} // namespace moorage
