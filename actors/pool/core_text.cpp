// What the pool says to people: why an acquire was refused, and one line for each event and effect.
#include <algorithm>
#include <concepts>
#include <type_traits>

#include "actors/durations.hpp"
#include "actors/pool/core.hpp"
#include "actors/pool/last_failure.hpp"
#include "messages/durations.hpp"
#include "messages/printable.hpp"

namespace moorage {

std::string pool_core::plural(std::size_t count, const char* word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

/// For people: without the code's names, where there is a text.
std::string pool_core::in_words(const ssh_error& error) {
  if (!error.text.empty())
    return error.text;
  auto words = to_string(error.kind);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

std::string pool_core::which_try(const connection& c) const {
  return "try " + std::to_string(c.attempt) + " of " +
         std::to_string(std::max(c.attempt, back_off_.tries(settings_.connect_tries)));
}

/// What an opening says of itself names its jump host already, which is then not what hinders it.
bool pool_core::names_jump(const std::string& hindrance) const {
  return hindrance.find("jump host '" + printable(settings_.jump) + "'") != std::string::npos;
}

std::string pool_core::opening_in_words(const connection& c) const {
  auto where = machines_.several() && !c.machine.empty() ? " at " + printable(c.machine) : std::string{};
  auto last = says_more(c, settings_.jump, machines_.several()) ? in_words(c.last_error) : std::string{};
  auto why =
      c.hindered.empty() || last.find(c.hindered) != std::string::npos ? std::string{} : ": " + c.hindered;
  auto by = settings_.jump.empty() || names_jump(why) || names_jump(last)
                ? std::string{}
                : ", by the jump host '" + printable(settings_.jump) + "'";
  return which_try(c) + where + by + why + (c.waits_for.empty() ? "" : ", waiting for " + c.waits_for);
}

std::string pool_core::hindrance_of(const connection& c) const {
  return c.hindered.empty() || settings_.jump.empty() || names_jump(c.hindered)
             ? c.hindered
             : "the jump host '" + printable(settings_.jump) + "': " + c.hindered;
}

/// How the pool goes on is not said: that is for whoever can steer it, and a command that has ended has no
/// pool.
failure pool_core::cannot_connect(std::uint32_t tries, const ssh_error& error) const {
  // A jump host that forbids forwarding does so however often it is asked, as a server that forbids commands.
  auto forbidden =
      !settings_.jump.empty() && error.stage == ssh_stage::connect && error.kind == ssh_failure::closed;
  return {forbidden ? errc::exec_refused : refusal_for(error.kind),
          (error.stage == ssh_stage::authenticate ? "cannot log in to '" : "cannot connect to '") +
              settings_.name + "'" + (tries > 1 ? " (" + std::to_string(tries) + " tries)" : "") + ": " +
              in_words(error)};
}

std::string pool_core::in_words(const permit_delay& delay) const {
  if (delay.until == time_point::max() || delay.until <= now_)
    return delay.why;
  return delay.why + "; the next may begin in " + to_text(between(now_, delay.until));
}

/// "5 of 5 connections leased, longest for 40 s by 'sync'"
std::string pool_core::situation() const {
  std::string text;
  auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (state_ != pool_state::running)
    add("the pool is " + to_string(state_));
  if (paused())
    add("the pool is paused by " + pausers());
  if (auto leased = count(connection_state::leased); leased > 0)
    add(std::to_string(leased) + " of " + plural(settings_.pool_size, "connection") + " leased");
  if (!leases_.empty()) {
    const auto& longest = leases_.begin()->second;
    add("longest for " + to_text(between(longest.granted, now_)) +
        (longest.label.empty() ? " by " + to_string(longest.holder) : " by '" + longest.label + "'"));
  }
  if (hanging_ > 0)
    add(plural(hanging_, "open connection") + (hanging_ == 1 ? " hangs" : " hang") +
        " (no channel in time, or a failed check)");
  if (!openings_.empty()) {
    const auto& c = connections_.at(openings_.first());
    // Each cause once: what keeps the pool from trying, below, is mostly the same.
    auto why = says_more(c, settings_.jump, machines_.several()) ? in_words(c.last_error) : std::string{};
    if (back_off_.hindrance(now_).text.find(why) != std::string::npos)
      why.clear();
    add(std::to_string(openings_.size()) + " opening (" + opening_in_words(c) +
        (why.empty() ? "" : ", last failure: " + why) + ")");
  }
  if (auto closing = count(connection_state::closing); closing > 0)
    add(std::to_string(closing) + " closing");
  if (const auto& hindrance = back_off_.hindrance(now_); back_off_.latched())
    add(hindrance.text);
  else if (hindrance.code != errc::none)
    add("next try in " + to_text(between(now_, back_off_.may_open_at(true))) +
        " since the last one failed (" + hindrance.text + ")");
  if (!delay_.why.empty())
    add(in_words(delay_));
  if (text.empty() && !idle_.empty())
    return plural(idle_.size(), "connection") + (idle_.size() == 1 ? " is open" : " are open");
  return text.empty() ? "no connection was open" : text;
}

std::string pool_core::advice(bool waited) const {
  if (paused())
    return "wait until it is resumed";
  auto full = count(connection_state::leased) >= settings_.pool_size;
  return (full ? "raise pool_size, or " : std::string{}) +
         (waited ? "wait longer" : "ask with some patience");
}

/// Something has failed, and nothing has helped since.
bool pool_core::in_trouble() const {
  if (servable() || !works())
    return false;
  if (back_off_.latched() || back_off_.reason().code != errc::none)
    return true;
  if (openings_.empty())
    return false;
  const auto& c = connections_.at(openings_.first());
  return c.last_error || c.jump_failed;
}

/// What keeps the cluster from being reached; code `none`: nothing does, as far as is known.
failure pool_core::trouble() const {
  if (servable() || paused())
    return {};
  if (back_off_.reason().code != errc::none || openings_.empty())
    return back_off_.reason();
  const auto& c = connections_.at(openings_.first());
  if (!c.last_error && c.jump_failed)
    return {errc::connect_failed, "cannot connect to '" + settings_.name + "': " + hindrance_of(c)};
  return c.last_error ? cannot_connect(c.attempt, c.last_error) : failure{};
}

/// How a refusal begins.
std::string pool_core::lacking(bool carries) const {
  return carries ? "no connection of '" + settings_.name + "' to carry it"
                 : "no lease for '" + settings_.name + "'";
}

/// For a waiter at its deadline.
failure pool_core::timed_out(const waiter& w, const std::string& situation, std::size_t ahead) const {
  if (auto last = w.wait_for_ready ? trouble() : failure{}; last.code != errc::none)
    return {last.code, last.text + "; it did not pass within " + to_text(between(w.asked, now_))};
  auto took = between(w.asked, now_);
  // Whoever is carried is told so at the end of its own words: who the jump host is, and how long it waits.
  if (w.carries)
    if (auto why = why_not_carried().why; !why.empty())
      return {errc::acquire_timeout, "it carries nothing yet, after " + to_text(took) + ": " + why};
  auto waited = static_cast<bool>(waiters_.of(w.request)) || took >= std::chrono::seconds{1};
  auto text = lacking(w.carries) + machine_in_words(w) +
              (waited ? " after " + to_text(took) : " was free at once") + ": " + situation;
  auto more = ahead > ahead_counted_max;
  ahead = std::min(ahead, ahead_counted_max);
  if (ahead > 0)
    text += "; " + std::string{more ? "more than " : ""} + plural(ahead, "waiter") +
            (ahead == 1 ? " was" : " were") + " ahead of you";
  return {errc::acquire_timeout, text + "; " + advice(waited)};
}

namespace {

template <class... Parts>
std::string line(const char* word, const Parts&... parts) {
  std::string text = word;
  auto add = [&](const std::string& part) {
    if (!part.empty())
      text += " " + part;
  };
  (add(parts), ...);
  return text;
}

template <class Tag>
std::string text_of(const id<Tag>& x) {
  return x ? to_string(x) : std::string{};
}

struct effect_line {
  std::string operator()(const request_permit& e) const {
    return line("ask", to_string(e.permit), std::string{e.held ? "held" : e.anew ? "anew" : ""});
  }
  std::string operator()(const return_permit& e) const {
    return line("return", to_string(e.permit), to_string(e.use));
  }
  std::string operator()(const look_at_credentials& e) const {
    return e.machines ? "look host keys of machines" : e.host_keys ? "look host keys" : "look";
  }
  std::string operator()(const open_connection& e) const {
    const auto& w = e.where;
    return line("open", to_string(e.connection),
                e.attempt > 1 ? "try " + std::to_string(e.attempt) : std::string{},
                !w.only.empty()   ? "on " + w.only
                : w.first.empty() ? std::string{}
                                  : "first " + w.first.front());
  }
  std::string operator()(const close_connection& e) const {
    return line("close", to_string(e.connection), to_string(e.reason));
  }
  std::string operator()(const grant& e) const {
    return line("grant", to_string(e.request), to_string(e.lease), to_string(e.connection),
                to_string(e.holder), e.machine.empty() ? std::string{} : "on " + e.machine);
  }
  std::string operator()(const tell_of_wait& e) const {
    return line("tell_of_wait", to_string(e.request), e.for_what);
  }
  std::string operator()(const tell_of_hindrance& e) const {
    return line("tell_of_hindrance", to_string(e.request), std::string{e.failed ? "failed:" : ""}, e.why);
  }
  std::string operator()(const begin_carriage& e) const {
    return line("carry", to_string(e.request), to_string(e.connection));
  }
  std::string operator()(const refuse& e) const {
    return line("refuse", to_string(e.request), to_string(e.reason.code));
  }
  std::string operator()(const acknowledge& e) const { return line("acknowledge", to_string(e.request)); }
  std::string operator()(const write_recording& e) const {
    return line("write_recording", text_of(e.request));
  }
  std::string operator()(const end_lease& e) const {
    return line("end", to_string(e.lease), to_string(e.connection),
                e.ask ? std::string{"ask"} : std::string{});
  }
  std::string operator()(const notify_holder& e) const {
    return line("notify", to_string(e.holder), to_string(e.lease), to_string(e.reason.code));
  }
  std::string operator()(const start_probe& e) const {
    return line("probe", to_string(e.probe), to_string(e.connection),
                e.run ? std::string{"run"} : std::string{});
  }
  std::string operator()(const give_up_channel& e) const {
    return line("give_up_channel", to_string(e.lease), to_string(e.connection));
  }
  std::string operator()(const change_probes& e) const { return line("change_probes", to_string(e.method)); }
  std::string operator()(const announce& e) const {
    return line("announce", to_string(e.what), text_of(e.connection), text_of(e.lease), e.text,
                e.by.empty() ? std::string{} : "by " + e.by);
  }
};

/// What an order is about besides its cluster, as each order lists it.
struct order_words {
  using result_type = void;
  template <class... Rest>
  void operator()(const std::string& /*cluster*/, const Rest&... rest) {
    (add(spelled(rest)), ...);
  }
  void add(const std::string& part) { text += (text.empty() || part.empty() ? "" : " ") + part; }
  template <class Tag>
  static std::string spelled(const id<Tag>& x) {
    return to_string(x);
  }
  static std::string spelled(std::uint64_t x) { return std::to_string(x); }
  static std::string spelled(std::same_as<bool> auto x) { return x ? "yes" : ""; }
  static std::string spelled(const std::string& x) { return x; }
  static std::string spelled(std::chrono::milliseconds x) { return to_text(x); }

  std::string text;
};

struct event_line {
  std::string operator()(const acquire_requested& e) const {
    return line("acquire_requested", to_string(e.request), to_string(e.holder), e.label, e.identity,
                std::string{e.carries ? "carries" : ""},
                e.machine.empty() ? std::string{} : "on " + e.machine);
  }
  std::string operator()(const acquire_cancelled& e) const {
    return line("acquire_cancelled", to_string(e.request));
  }
  std::string operator()(const lease_confirmed& e) const {
    return line("lease_confirmed", to_string(e.lease));
  }
  std::string operator()(const lease_released& e) const {
    return line("lease_released", text_of(e.request), to_string(e.lease), to_string(e.holder),
                e.abandoned   ? std::string{"abandoned"}
                : e.discarded ? std::string{"discarded"}
                              : std::string{});
  }
  std::string operator()(const holder_lost& e) const { return line("holder_lost", to_string(e.holder)); }
  std::string operator()(const lease_cleared& e) const {
    return line("lease_cleared", to_string(e.connection), to_string(e.lease),
                e.was_running ? std::string{"was_running"} : std::string{});
  }
  std::string operator()(const carriage_ended& e) const {
    return line("carriage_ended", to_string(e.connection), to_string(e.carriage));
  }
  std::string operator()(const connection_opened& e) const {
    return line("connection_opened", to_string(e.connection), e.machine);
  }
  std::string operator()(const connection_waits& e) const {
    return line("connection_waits", to_string(e.connection), e.for_what);
  }
  std::string operator()(const connection_hindered& e) const {
    return line("connection_hindered", to_string(e.connection), std::string{e.failed ? "failed:" : ""},
                e.why);
  }
  std::string operator()(const connection_failed& e) const {
    return line("connection_failed", to_string(e.connection), to_string(e.error));
  }
  std::string operator()(const connection_lost& e) const {
    return line("connection_lost", to_string(e.connection), to_string(e.error));
  }
  std::string operator()(const connection_closed& e) const {
    return line("connection_closed", to_string(e.connection));
  }
  std::string operator()(const probe_passed& e) const {
    return line("probe_passed", to_string(e.probe), to_string(e.connection));
  }
  std::string operator()(const probe_failed& e) const {
    return line("probe_failed", to_string(e.probe), to_string(e.connection), e.text);
  }
  std::string operator()(const connection_doubted& e) const {
    return line("connection_doubted", to_string(e.connection),
                e.silent ? std::string{"silent"} : std::string{});
  }
  std::string operator()(const channel_refused& e) const {
    return line("channel_refused", to_string(e.connection), to_string(e.lease), std::to_string(e.carried));
  }
  std::string operator()(const channel_late& e) const {
    return line("channel_late", to_string(e.connection), to_string(e.lease), to_text(e.waited));
  }
  std::string operator()(const connection_answered& e) const {
    return line("connection_answered", to_string(e.connection), e.ran ? std::string{"ran"} : std::string{});
  }
  std::string operator()(const permit_given& e) const { return line("permit_given", to_string(e.permit)); }
  std::string operator()(const permit_delayed& e) const {
    return line("permit_delayed", to_string(e.permit), e.why);
  }
  std::string operator()(const permits_forgotten&) const { return "permits_forgotten"; }
  std::string operator()(const credentials_seen& e) const {
    return line("credentials_seen", e.state, std::string{e.machines ? "for machines" : ""});
  }
  std::string operator()(const time_passed&) const { return "time_passed"; }
  std::string operator()(const machine_slept& e) const { return line("machine_slept", to_text(e.how_long)); }
  std::string operator()(const settings_changed& e) const {
    return line("settings_changed", text_of(e.request));
  }
  template <class Order>
  std::string operator()(const ordered<Order>& e) const {
    order_words words;
    auto order = e.order;
    inspect(words, order);
    return line("ordered", e.order.name, text_of(e.request), text_of(e.holder), words.text);
  }
  std::string operator()(const stop_requested& e) const {
    return line("stop_requested", text_of(e.request), e.removed ? std::string{"removed"} : std::string{});
  }
};

} // namespace

std::string to_string(const pool_effect& effect) {
  return std::visit(effect_line{}, effect);
}

std::string to_string(const pool_event& event) {
  return std::visit(event_line{}, event);
}

} // namespace moorage
