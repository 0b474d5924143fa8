// What a connection knows of its peer's life: probes answered, silence noticed, doubts and answers told to
// the pool.
#include "actors/connection/connection.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <utility>

#include "actors/durations.hpp"
#include "messages/durations.hpp"
#include "messages/error_words.hpp"

namespace moorage {

void connection_actor_state::change(const change_probes& order) {
  settings.probe = order.method;
  settings.probe_command = order.command;
  settings.probe_timeout = order.timeout;
}

void connection_actor_state::answer_probe(const probe_request& request,
                                          caf::typed_response_promise<probe_answer> promise) {
  if (now_in != phase::open) {
    promise.deliver(make_error(errc::connection_lost, "not open"));
    return;
  }
  if (request.as_pool && settings.probe == probe_method::exec) {
    connection_command command;
    command.is = connection_command::what::probe;
    command.probe = std::move(promise);
    exec_request what;
    what.command = settings.probe_command;
    // Or slow answers would pile up channels until users' commands are refused.
    what.timeout = settings.probe_timeout;
    what.linger = std::chrono::milliseconds{0}; // its output is nobody's
    return start(std::move(command), std::move(what), unlimited_credit);
  }
  auto number = ++ids_;
  questions_.emplace(number, connection_question{std::move(promise), self->clock().now()});
  link->ask(number);
  drive();
}

/// By its command's end.
void connection_actor_state::answer_probe(connection_command& command, const outcome& ended) {
  commands_doubted_ = !ended.succeeded();
  if (ended.succeeded())
    command.probe.deliver(
        probe_answer{command.collected.took, "the command " + settings.probe_command + " succeeded"});
  else
    command.probe.deliver(make_error(errc::exec_refused, "the probe's command " + settings.probe_command +
                                                             (ended.cause.code == errc::none ? ": " : " ") +
                                                             in_words(ended)));
}

void connection_actor_state::fold(question_answered& event) {
  auto found = questions_.find(event.question);
  if (found == questions_.end()) { // our own keep-alive, or one that was given up
    if (event.question == kept_alive_)
      alive_within_ = between(asked_at_, self->clock().now());
    return;
  }
  ++probes_answered_;
  auto& question = found->second;
  question.promise.deliver(probe_answer{self->clock().now() - question.asked,
                                        event.refusal.empty()
                                            ? "a channel opened and closed"
                                            : "the server answers, but opened no channel: " + event.refusal});
  questions_.erase(found);
}

void connection_actor_state::doubt(bool silent, std::string text, evidence_kind of) {
  peer_doubted_ = true;
  caf::anon_send(pool, connection_doubted{id, silent, std::move(text), of});
}

/// Told when there was a doubt, and once when a holder's first command has run to its end: a connection that
/// ends from then on has been of use. Else an answer is the rule, and is told now and then, since what
/// answers need not be checked.
void connection_actor_state::hear_answer(evidence_kind of, bool ran, std::chrono::nanoseconds rtt) {
  bool first = ran && !std::exchange(served_, true);
  auto now = self->clock().now();
  auto& told = answers_told_[static_cast<std::size_t>(of)];
  if (peer_doubted_ || first || (ran && commands_doubted_) || after(told, answers_told_every) <= now) {
    told = now;
    caf::anon_send(pool, connection_answered{id, ran, of, rtt});
  }
  peer_doubted_ = false;
  commands_doubted_ = commands_doubted_ && !ran;
}

/// Its user does not wait for the end. Sooner than a probe would have given up, that says nothing of the
/// peer, so it is asked; later, silence has been told of if there was any.
void connection_actor_state::cut_short(connection_command& command) {
  if (now_in != phase::open || !command.name.lease || std::exchange(command.cut_short, true))
    return;
  if (self->clock().now() < after(command.started, settings.probe_timeout))
    doubt(false, "a command was cut short");
}

void connection_actor_state::watch_cuts(time_point now) {
  for (auto& [stream, command] : commands_)
    if (command.overdue <= now)
      cut_short(command);
}

/// After what came of a pump was folded in: an answer that comes together with its deadline wins.
void connection_actor_state::watch_answers(time_point now) {
  auto of_probes = std::exchange(probes_answered_, 0);
  auto rtt = std::exchange(alive_within_, {});
  if (auto heard = link->answers() - answers_; heard > 0) {
    answers_ += heard;
    if (heard > of_probes || peer_doubted_) // a probe reports by itself
      hear_answer(rtt.count() > 0 ? evidence_kind::keep_alive : evidence_kind::channel, false, rtt);
  }
  answer_due_ = time_point::max();
  if (now_in != phase::open)
    return;
  while (!questions_.empty()) {
    auto& question = questions_.begin()->second;
    auto due = after(question.asked, settings.probe_timeout);
    if (due > now) {
      answer_due_ = due;
      break;
    }
    peer_doubted_ = true;
    question.promise.deliver(
        make_error(errc::no_reply, "no answer within " + format_duration(settings.probe_timeout)));
    questions_.erase(questions_.begin());
  }
  auto owed = link->owed_since();
  auto silent_since = std::max(link->last_heard(), owed);
  if (owed == time_point::max() || silent_since <= silence_told_)
    return;
  auto due = after(silent_since, settings.probe_timeout);
  if (due <= now) {
    silence_told_ = silent_since;
    doubt(true, "nothing heard for " + to_text(between(silent_since, now)) + " while an answer was owed",
          unanswered_ > 0 && asked_at_ >= owed ? evidence_kind::keep_alive : evidence_kind::channel);
  } else {
    answer_due_ = std::min(answer_due_, due);
  }
}

/// While somebody is served only: what is idle is asked by its pool, at its own time.
void connection_actor_state::watch_silence(time_point now) {
  silence_due_ = time_point::max();
  if (now_in != phase::open || settings.keep_alive_interval.count() == 0 || !serves())
    return;
  auto heard = link->last_heard();
  if (heard >= asked_at_)
    unanswered_ = 0;
  auto due = std::max({heard, asked_at_, serves_since_}) + settings.keep_alive_interval;
  if (due <= now) {
    if (unanswered_ >= settings.keep_alive_count_max) {
      transport_failed silent{{ssh_stage::session, ssh_failure::silent,
                               "nothing heard for " + to_text(between(heard, now)) + " and " +
                                   std::to_string(settings.keep_alive_count_max) +
                                   (settings.keep_alive_count_max == 1 ? " keep-alive question unanswered"
                                                                       : " keep-alive questions unanswered")},
                              {},
                              {}};
      fold(silent);
      return;
    }
    ++unanswered_;
    asked_at_ = now;
    kept_alive_ = ++ids_;
    link->ask(kept_alive_);
    due = now + settings.keep_alive_interval;
    caf::anon_send(self, wake_up{0}); // the question leaves with the next pump
  }
  silence_due_ = due;
}

} // namespace moorage
