// What went wrong with a link, in words: who kept us waiting, who hung up, and what they said.
#include <iterator>
#include <utility>

#include "messages/durations.hpp"
#include "messages/printable.hpp"
#include "runtime/ssh/transport_ssh.hpp"
#include "runtime/ssh/wording.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

namespace {

/// What a server may say until the log-in is done. The longest that is honest is a banner of some 10 KiB.
constexpr std::uint64_t before_log_in_max = 1u << 20;
/// And in how many pieces: each wakes us. A log-in over a line that carries single bytes has some 5,000.
constexpr int pieces_max = 20'000;

constexpr const char* kept_waiting =
    " was busy with the key exchanges and log-ins of others, and did not come "
    "to this one in time: lower connects_at_once, or raise connect_timeout";

/// What of the settings to look at, where two lists have nothing in common.
std::string disagreement(const std::string& words, const std::string& cluster) {
  auto setting = setting_of_method(words);
  if (setting.empty())
    return "; the two sides have no common algorithm or disagree on the protocol";
  return "; the two sides have none in common: set " + setting + " of '" + printable(cluster) +
         "' to what the server has, if it is known here (moorage config --sample), or ask the site";
}

} // namespace

/// The destination, and by which way it was reached: "me@lumi (192.0.2.7:22)".
std::string ssh_transport::where() const {
  if (proxy_)
    return destination_ + " (through the proxy command)";
  if (way_)
    return destination_ + " (through the jump host '" + way_->jump + "')";
  return opening_ && opening_->connecting ? destination_ + " (" + opening_->connecting->peer().text + ")"
                                          : destination_;
}

std::string ssh_transport::tried_before() const {
  return opening_ && opening_->connecting ? opening_->connecting->tried_before() : "";
}

/// What the server has been silent with in the key exchange.
std::string ssh_transport::silence() const {
  const auto& said = link_.first_words();
  if (!said.any())
    return proxy_ ? "the proxy command has connected nothing, or the server behind it has said nothing"
                  : "the server took the connection and has said nothing since; it may be overloaded, or a "
                    "firewall in between answers for it";
  if (!said.half_banner().empty())
    return "the server fell silent in the middle of its banner (\"" + printable(said.half_banner()) + "\")";
  const char* banner = ssh_get_serverbanner(link_.session());
  if (!said.ssh() || !banner)
    return std::string{proxy_ ? "what the proxy command leads to" : "what listens there"} +
           " does not speak SSH: it said \"" + printable(said.for_people()) + "\"; check " +
           (proxy_ ? "proxy_command" : "host and port");
  return "the server (" + printable(banner) + ") fell silent in the key exchange";
}

/// Whoever feeds us without end before the log-in must not keep us busy until the deadline. True: it is over.
bool ssh_transport::says_too_much() {
  auto& o = *opening_;
  o.pieces += std::exchange(o.bytes_seen, link_.bytes_in()) != link_.bytes_in();
  if (link_.bytes_in() <= before_log_in_max && o.pieces <= pieces_max)
    return false;
  const auto first = link_.first_words().for_people();
  fail({stage(), ssh_failure::protocol,
        where() +
            ": the server sent more than 1 MiB, or 20000 pieces, before the log-in was done, which no SSH "
            "server does" +
            (first.empty() ? "" : "; it said \"" + printable(first, 80) + "\"") + "; check " +
            (proxy_ ? "proxy_command" : "host and port")});
  return true;
}

/// The link's next step is ours: it has not begun, or the server's answer was told to us and not read since.
bool ssh_transport::keeps_server_waiting() const {
  return link_.bytes_out() == 0 || (!more_ && !watch_.armed() && link_.unread());
}

/// Without what changes all the time, since whoever waits is told each time: durations, and what comes byte
/// by byte.
std::string ssh_transport::awaited() const {
  if (!opening_ || opening_->began == time_point{} || opening_->time_left)
    return {};
  const auto& o = *opening_;
  switch (phase_) {
  case phase::preparing:
    return destination_ + ": " +
           (o.settings.jump.empty() ? "" : "before the jump host '" + o.settings.jump + "' is asked, ") +
           o.preparing->awaited();
  case phase::connecting:
    return destination_ + ": " +
           (o.connecting ? o.connecting->awaited() : "the proxy command is being started");
  case phase::exchanging_keys:
    if (way_ && !way_->note->begun() && way_->note->asked())
      return destination_ + ": the jump host '" + way_->jump +
             "' has been asked for it, and has no answer yet from there";
    if (keeps_server_waiting() || (way_ && !way_->note->begun()))
      return {};
    return where() + ": " +
           (link_.first_words().half_banner().empty()
                ? silence()
                : "the server fell silent in the middle of its banner") +
           tried_before();
  case phase::remembering:
    return where() + ": the new host key is being written to known_hosts";
  case phase::logging_in:
    return keeps_server_waiting() ? "" : where() + ": waiting for " + o.logging_in->waiting_for();
  default:
    return {};
  }
}

std::vector<opening_step> ssh_transport::steps(time_point now) const {
  if (!opening_ || opening_->began == time_point{})
    return {};
  const auto& o = *opening_;
  auto result = o.steps;
  if (phase_ == phase::preparing) {
    auto done = o.preparing->steps();
    result.insert(result.end(), std::make_move_iterator(done.begin()), std::make_move_iterator(done.end()));
  }
  // When the way was there is known once the first words have come.
  if (way_ && way_->note->begun() && !way_->step_told)
    result.push_back({ssh_stage::connect, {}, "by the jump host '" + way_->jump + "'"});
  result.push_back({phase_ == phase::preparing ? o.preparing->stage() : stage(), now - o.stage_began, {}});
  return result;
}

/// The opening's deadline has passed: who kept us waiting?
ssh_error ssh_transport::overdue() const {
  const auto& o = *opening_;
  auto patience = o.patience;
  if (phase_ == phase::preparing)
    return o.preparing->overdue();
  if (phase_ == phase::connecting)
    return o.connecting ? o.connecting->overdue(patience) : proxy_overdue();
  if (way_ && !way_->note->begun())
    return jump_overdue();
  std::string text = where() + ": not open within " + format_duration(patience) + ": ";
  auto kind = ssh_failure::timed_out;
  if (phase_ != phase::remembering && keeps_server_waiting())
    return {stage(), kind, text + name_of_this_process() + kept_waiting};
  if (phase_ == phase::logging_in)
    return o.logging_in->overdue(text);
  if (phase_ == phase::exchanging_keys) {
    text += silence() + said_by_proxy();
    if (link_.first_words().any() && link_.first_words().half_banner().empty() && !link_.first_words().ssh())
      kind = ssh_failure::protocol;
  } else {
    text += "the new host key could not be written to known_hosts in time";
  }
  return {stage(), kind, text + tried_before()};
}

/// The link broke, or libssh gave it up.
ssh_error ssh_transport::link_error(const char* doing) const {
  const auto in = stage();
  std::string words;
  auto kind = link_.why(words);
  if (proxy_ && proxy_->exited() && kind == ssh_failure::reset && !words.starts_with(server_ended))
    return proxy_error(doing);
  if (way_ && kind == ssh_failure::reset && !words.starts_with(server_ended))
    if (auto error = jump_error())
      return error;
  // Both sides' lists, as far as libssh has room for them.
  const bool lists = words.find(libssh_no_match) != std::string::npos;
  if (lists)
    kind = ssh_failure::protocol; // also when the server has hung up by now, which found the same
  std::string text = where() + ": " + printable(words, lists ? printable_whole : printable_max) + " " + doing;
  if (opening_) {
    text += " (" + to_text(shared_.now - opening_->began) + " after the start)";
    const auto& said = link_.first_words();
    if ((said.turns_away() && !lists) ||
        (kind == ssh_failure::reset && in == ssh_stage::key_exchange && !said.any()))
      kind = ssh_failure::turned_away;
    if (!said.half_banner().empty())
      text += ", in the middle of its banner (\"" + printable(said.half_banner()) + "\")";
    if (!said.for_people().empty())
      text += "; it said \"" + printable(said.for_people()) + "\"";
    if (kind == ssh_failure::reset || kind == ssh_failure::turned_away)
      text += "; servers do so when too many log in at once (sshd_config: MaxStartups) or when they ban an "
              "address: lower connects_at_once, or ask the site";
    else if (kind == ssh_failure::protocol)
      text += said.ssh() ? disagreement(words, opening_->settings.name)
                         : std::string{"; check "} + (proxy_ ? "proxy_command" : "host and port") +
                               ": is it an SSH server?";
  }
  return {in, kind, text + said_by_proxy() + tried_before()};
}

} // namespace moorage
