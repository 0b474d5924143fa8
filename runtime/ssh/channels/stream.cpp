#include "runtime/ssh/channels/stream.hpp"

#include <algorithm>
#include <utility>

#include "messages/durations.hpp"
#include "messages/printable.hpp"
#include "messages/timeout_words.hpp"
#include "runtime/ssh/channels/command.hpp"
#include "runtime/ssh/channels/sweep.hpp"
#include "runtime/ssh/libssh_session.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// SSH_OPEN_RESOURCE_SHORTAGE (RFC 4254, section 5.1).
constexpr unsigned no_room = 4;
/// How long to wait, from the first refusal, for a slot that a channel of ours is about to give back or has
/// given back.
constexpr auto slot_patience = 1s;
/// A busy server clears a session away some time after it closed its channel: asked again after this long,
/// doubling up to 64 times as long.
constexpr auto slot_retry_first = 1ms;
constexpr int slot_doublings_max = 6;

/// What servers refuse is remembered by name, up to so many: a host may make up new names for each command.
constexpr std::size_t refusals_kept = 200;

} // namespace

command_stream::command_stream(stream_id id, exec_request request, std::uint64_t credit,
                               stream_surroundings& around)
    : id_(id), around_(around), request_(std::make_unique<exec_request>(std::move(request))), credit_(credit),
      window_(window_at_first), timeout_(request_->timeout), wait_for_close_(request_->wait_for_close),
      linger_(request_->linger.count() < 0 ? around.linger : request_->linger) {
  input(std::exchange(request_->input, {}));
}

void command_stream::input(std::string bytes) {
  if (!bytes.empty() && !over() && !input_refused_)
    input_.push_back(std::move(bytes));
}

void command_stream::cancel(failure cause) {
  if (!cancelled_)
    cancelled_ = std::move(cause);
}

time_point command_stream::next_due() const {
  if (over())
    return time_point::max();
  auto due = std::min({ending_ ? answer_due_ : overdue_, slot_due_, reply_due_, linger_due_});
  if (terminated_ && !ended_)
    due = std::min(due, kill_due_);
  return undelivered() ? due : std::min(due, close_due_);
}

void command_stream::advance() {
  if (over())
    return;
  eager_ = false;
  if (phase_ == phase::fresh && timeout_.count() > 0)
    overdue_ = around_.now + timeout_;
  if (!cancelled_ && around_.now >= overdue_)
    cancelled_ = failure{errc::command_timeout,
                         around_.destination + ": " + how_far() + longer_than_timeout(timeout_)};
  if (cancelled_ && !ending_)
    begin_end();
  while (!over() && step()) {
  }
  if (ending_ && !over())
    go_on_ending();
}

/// What is said of a command whose time is up: whom it waited for.
std::string command_stream::how_far() const {
  if (phase_ == phase::opening && reply_due_ != time_point::max())
    return "the server opened no channel for the command in " +
           to_text(around_.now - (reply_due_ - around_.reply_timeout)) +
           ", so nothing was sent: it hangs, or is too busy; ";
  if (phase_ == phase::waiting_for_slot)
    return "the server had no channel free for the command, so nothing was sent; ";
  if (phase_ == phase::environment && reply_due_ != time_point::max())
    return "the server did not answer what is asked before the command is sent, so that it was not; ";
  return "the command was given up: ";
}

/// True: go on.
bool command_stream::step() {
  switch (phase_) {
  case phase::fresh:
    return begin();
  case phase::waiting_for_slot:
    if (around_.channels_ended == slots_seen_ && around_.now < slot_due_)
      return false;
    slot_due_ = time_point::max();
    phase_ = phase::opening;
    return true;
  case phase::opening:
    return open_channel();
  case phase::environment:
    return set_environment();
  case phase::executing:
    if (execute())
      phase_ = phase::running;
    [[fallthrough]];
  case phase::running:
    if (over())
      return false;
    feed();
    drain();
    widen_window();
    look_for_end();
    return false;
  case phase::over:
    return false;
  }
  return false;
}

bool command_stream::begin() {
  std::erase_if(request_->environment, [longest = server_takes()](const environment_variable& each) {
    return each.optional && each.name.size() + each.value.size() > longest;
  });
  auto wrong = check_request(*request_, server_takes());
  if (around_.sweep && !request_->subsystem) {
    marker_ = new_sweep_marker();
    request_->environment.push_back({sweep_variable, marker_});
  }
  if (!wrong.empty())
    give_up(errc::invalid_request, wrong);
  else
    phase_ = phase::opening;
  return wrong.empty();
}

std::size_t command_stream::server_takes() const {
  const char* banner = ssh_get_serverbanner(around_.link.session());
  return request_max(banner ? banner : "");
}

/// Called while a reply of the server is awaited. True: no longer, and the stream is over.
bool command_stream::await_reply(const char* to) {
  if (reply_due_ == time_point::max())
    reply_due_ = around_.now + around_.reply_timeout;
  if (around_.now < reply_due_)
    return false;
  give_up(errc::no_reply, std::string{"the server did not answer the request to "} + to + " within " +
                              format_duration(around_.reply_timeout) +
                              " (reply_timeout): it hangs, or is too busy for more commands");
  return true;
}

bool command_stream::open_channel() {
  if (!channel_)
    channel_ = std::make_unique<session_channel>(around_.link, this);
  switch (channel_->open()) {
  case session_channel::opening::open:
    reply_due_ = time_point::max();
    around_.session_opened = true;
    phase_ = phase::environment;
    return true;
  case session_channel::opening::refused:
    reply_due_ = time_point::max();
    if (try_again())
      return phase_ == phase::opening;
    give_up(
        errc::channel_refused,
        "the server refused to open a channel (it says: " + printable(channel_->refusal()) +
            (around_.session_opened || channel_->refusal_code() == no_room
                 ? "); it allows only so many sessions on one connection (sshd_config: MaxSessions, 10 by "
                   "default): lower channels_per_connection, or wait for commands that still run there"
                 : "), though it had opened none on this connection: it lets people in and forbids commands "
                   "(sshd_config: MaxSessions 0), as some jump hosts do; ask the site which machine runs "
                   "them"));
    return false;
  case session_channel::opening::waiting:
    await_reply("open a channel");
    return false;
  case session_channel::opening::broken:
    return false;
  }
  return false;
}

/// A refusal because of a channel of ours that is closing, or that the server had not yet cleared away, is
/// not for the user: sshd counts a session until it has looked after all that came in one batch.
bool command_stream::try_again() {
  bool just_ended = around_.channel_ended_at >= around_.now - slot_patience;
  if (refusals_++ == 0)
    slot_until_ = around_.now + slot_patience + (around_.command_ending ? answer_patience : 0s);
  if (around_.now >= slot_until_ || !(around_.channel_ending || just_ended))
    return false;
  channel_->settle();
  channel_ = nullptr;
  if (just_ended && refusals_ == 1)
    return true;
  slots_seen_ = around_.channels_ended;
  slot_due_ = slot_until_;
  if (just_ended)
    slot_due_ = std::min(slot_due_,
                         around_.now + slot_retry_first * (1 << std::min(refusals_ - 2, slot_doublings_max)));
  phase_ = phase::waiting_for_slot;
  return true;
}

bool command_stream::set_environment() {
  if (channel_->closed_by_peer()) {
    give_up(errc::exec_refused, "the server closed the channel before the command was sent");
    return false;
  }
  auto& variables = request_->environment;
  for (; variable_at_ < variables.size(); ++variable_at_) {
    auto& variable = variables[variable_at_];
    auto& refused = around_.refused_variables;
    // A reply that is on its way is collected, whatever has become known meanwhile.
    if (channel_->awaits_reply() || (is_environment_name(variable.name) && !refused.count(variable.name))) {
      auto said = channel_->set_environment(variable.name, variable.value);
      if (said == session_channel::reply::waiting) {
        await_reply("set a variable of the environment");
        return false;
      }
      reply_due_ = time_point::max();
      if (said == session_channel::reply::yes)
        continue;
      if (refused.size() < refusals_kept)
        refused.insert(variable.name);
    }
    if (variable.optional)
      continue;
    // No shell reads a subsystem's name.
    auto by_shell = around_.fallback == variable_fallback::prefix && !request_->subsystem;
    if (by_shell && is_shell_name(variable.name))
      prefixed_.push_back(std::move(variable));
    else if (!marker_.empty() && &variable == &variables.back())
      marker_.clear(); // ours, and nobody's loss but the search's
    else
      left_out_.push_back(std::move(variable.name));
  }
  if (!prefixed_.empty()) {
    request_->command = with_environment(prefixed_, request_->command);
    if (auto wrong = check_command(request_->command, server_takes(), true); !wrong.empty()) {
      give_up(errc::invalid_request, wrong);
      return false;
    }
  }
  phase_ = phase::executing;
  return true;
}

/// True: the server has accepted.
bool command_stream::execute() {
  auto subsystem = request_->subsystem;
  auto said = subsystem ? channel_->begin_subsystem(request_->command) : channel_->execute(request_->command);
  if (said == session_channel::reply::waiting) {
    await_reply(subsystem ? "begin the subsystem" : "run the command");
    return false;
  }
  reply_due_ = time_point::max();
  if (said == session_channel::reply::no) {
    phase_ = phase::environment; // nothing runs: safe to repeat
    give_up(errc::exec_refused,
            std::string{subsystem ? "the server refused the subsystem: it may have none of that name, or"
                                  : "the server refused to start the command;"} +
                " the account may be limited to other services (sshd_config: ForceCommand, authorized_keys: "
                "restrict)");
  }
  return said == session_channel::reply::yes;
}

} // namespace moorage
