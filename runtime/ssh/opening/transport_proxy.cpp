// A proxy command in the place of addresses and TCP: its start, its end, and what it said.
#include <utility>

#include "messages/durations.hpp"
#include "messages/printable.hpp"
#include "runtime/ssh/transport_ssh.hpp"

namespace moorage {

namespace {

/// A proxy closes our end of it a moment before it has ended: so long we wait to be told how.
constexpr std::chrono::milliseconds parting_patience{250};

} // namespace

/// The name goes to the proxy as it is: it may mean something on the other side only.
bool ssh_transport::begin_proxy() {
  auto& o = *opening_;
  auto line = proxy_line_of(o.settings, o.ready->user);
  if (!line.problem.empty()) {
    fail({ssh_stage::prepare, ssh_failure::protocol, destination_ + ": " + line.problem});
    return false;
  }
  o.starting_proxy = o.world.threads.ask(
      {o.settings.name, "starting the proxy command"},
      [shell = proxy_shell(o.ready->shell), line = std::move(line.text)](const abandonment&) {
        return start_proxy(shell, line);
      },
      wake_);
  return true;
}

bool ssh_transport::take_proxy() {
  auto& o = *opening_;
  const auto text = destination_ + ": the proxy command could not be started: ";
  if (auto why = o.starting_proxy.refusal()) {
    fail({ssh_stage::connect, why.stuck ? ssh_failure::timed_out : ssh_failure::descriptor_limit,
          text + why.text});
    return false;
  }
  auto started = o.starting_proxy.take();
  if (!started)
    return false;
  o.starting_proxy = {};
  if (!started->problem.empty()) {
    auto kind = failure_for(started->code);
    fail(kind == ssh_failure::descriptor_limit
             ? descriptor_limit_error(ssh_stage::connect, destination_, started->code)
             : ssh_error{ssh_stage::connect, kind, text + started->problem});
    return false;
  }
  proxy_ = std::move(started->process);
  if (!proxy_->watch_by(o.world.loop, wake_)) {
    fail({ssh_stage::connect, ssh_failure::descriptor_limit,
          destination_ + ": the system watches no more descriptors"});
    return false;
  }
  step_done(ssh_stage::connect, "proxy command, process " + std::to_string(proxy_->pid()));
  return begin_link(std::move(started->socket));
}

ssh_error ssh_transport::proxy_overdue() const {
  const auto& o = *opening_;
  auto stuck = o.world.threads.held_up_by(o.settings.name);
  return {ssh_stage::connect, ssh_failure::timed_out,
          destination_ + ": the proxy command could not be started within " +
              format_duration(o.settings.connect_timeout) +
              (stuck.empty() ? "" : "; the calls that block are in: " + stuck)};
}

/// "; the proxy command exited with 1: no such tunnel", for the end of a text that does not tell of it.
std::string ssh_transport::said_by_proxy() const {
  if (!proxy_)
    return {};
  auto words = proxy_->words();
  if (proxy_->exited())
    return "; the proxy command " + proxy_->state() + (words.empty() ? "" : ": " + words);
  return words.empty() ? "" : "; the proxy command said: " + words;
}

/// It has ended, and the link with it.
ssh_error ssh_transport::proxy_error(const char* doing) const {
  auto text = destination_ + ": the proxy command " + proxy_->state();
  auto in = stage();
  auto kind = ssh_failure::reset;
  const auto& said = link_.first_words();
  if (in != ssh_stage::key_exchange || said.any()) {
    text += std::string{" "} + doing;
    if (said.turns_away())
      kind = ssh_failure::turned_away;
    if (opening_ && !said.for_people().empty())
      text += "; the server said \"" + printable(said.for_people()) + "\"";
  } else if (proxy_->content() && proxy_->words().empty()) {
    // It did what it was to do: the server hung up, as one does that turns us away. One that has something to
    // say of it speaks for itself.
    kind = ssh_failure::turned_away;
    text += " before the server had said anything";
  } else {
    in = ssh_stage::connect;
    kind = ssh_failure::unreachable;
  }
  auto words = proxy_->words();
  return {in, kind, words.empty() ? text : text + ": " + words};
}

/// The link broke.
void ssh_transport::lose_link(const char* doing) {
  if (proxy_ && !proxy_->exited()) {
    parting_ = parting{doing, shared_.now + parting_patience};
    return;
  }
  fail(link_error(doing));
}

/// True: it is lost, and nothing but its end is left to be told.
bool ssh_transport::part() {
  if (!parting_ || phase_ == phase::closing || phase_ == phase::over)
    return false;
  if (proxy_->exited() || shared_.now >= parting_->due)
    fail(link_error(parting_->doing));
  return true;
}

/// The proxy has ended, and all that came of it was read. What it has left behind may still hold the socket.
void ssh_transport::mind_proxy() {
  if (!proxy_ || !proxy_->exited() || phase_ < phase::exchanging_keys || phase_ > phase::open ||
      link_.unread())
    return;
  fail(proxy_error(phase_ == phase::open         ? "on the open connection"
                   : phase_ == phase::logging_in ? "during the log-in"
                                                 : "during the key exchange"));
}

} // namespace moorage
