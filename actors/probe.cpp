#include "actors/probe.hpp"

#include <caf/all.hpp>

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

caf::behavior probe(caf::event_based_actor* self, pool_actor pool, connection_actor connection,
                    probe_order order) {
  auto report = [self, pool](auto what) {
    caf::anon_send(pool, std::move(what));
    self->quit();
  };
  keep_composure(self);
  self->request(connection, caf::duration{order.timeout}, order.request)
      .then(
          [report, order](const probe_answer& answer) {
            report(probe_passed{order.probe, order.connection, answer.rtt});
          },
          [report, order](const caf::error& error) {
            report(probe_failed{order.probe, order.connection, reason_of(error, order.timeout)});
          });
  return {};
}

} // namespace moorage
