// A channel of another connection in the place of addresses and TCP: the side of the one that is carried.
#include <algorithm>
#include <utility>

#include "messages/durations.hpp"
#include "runtime/ssh/transport_ssh.hpp"

namespace moorage {

namespace {

/// Whoever gives the carriage up says why, which is more than that our deadline has passed: so it does
/// before.
constexpr std::chrono::milliseconds ahead_of_deadline{250};

} // namespace

/// The name goes to the jump host as it is. SSH is spoken at once: the bytes wait in the socket.
bool ssh_transport::begin_jump() {
  auto& o = *opening_;
  auto ends = make_carriage();
  if (!ends.far) {
    fail(descriptor_limit_error(ssh_stage::connect, destination_, ends.code));
    return false;
  }
  const auto left = o.deadline - shared_.now;
  way_ = carried_way{o.settings.jump, std::move(ends.note), false, false, false, {}, {}};
  shared_.events->emplace_back(
      carriage_wanted{std::move(ends.far),
                      {o.settings.host, o.settings.port},
                      std::max<std::chrono::nanoseconds>(left - ahead_of_deadline, left / 2)});
  return begin_link(std::move(ends.near));
}

/// True: nothing has come yet. A pump that finds the first bytes leaves them to the next, which computes.
bool ssh_transport::awaits_jump() {
  if (!way_)
    return false;
  if (!way_->heard && link_.bytes_out() > 0) { // our banner waits in the socket
    if (way_->note->ended()) {
      lose_link("during the key exchange");
      return true;
    }
    way_->heard = more_ = link_.unread();
    if (!way_->heard)
      watch_socket();
    return true;
  }
  if (way_->heard && !way_->step_told && way_->note->begun()) {
    way_->step_told = true;
    step_done(ssh_stage::connect, "by the jump host '" + way_->jump + "'");
  }
  return false;
}

void ssh_transport::carrier_waits(const moorage::carrier_waits& told) {
  if (way_ && phase_ == phase::exchanging_keys && !way_->heard)
    way_->told = told;
}

/// While the jump host's own log-in waits for a person, the time of what is behind it stands still as well.
void ssh_transport::mind_carrier() {
  if (way_->told) {
    way_->wait = {way_->told->for_what,
                  way_->told->for_what.empty() ? time_point::min() : shared_.now + way_->told->lasts};
    way_->told.reset();
  }
  mind_person(way_->heard ? person_wait{} : way_->wait);
}

/// The way to the server has ended, and not by the server's doing. Kind `none`: as far as is known, it was
/// the server's.
ssh_error ssh_transport::jump_error() const {
  const bool begun = way_->note->begun();
  if (way_->note->ended())
    return {begun ? stage() : ssh_stage::connect, begun ? ssh_failure::reset : way_->note->kind(),
            destination_ + ": the jump host '" + way_->jump + "': " + way_->note->reason()};
  if (begun)
    return {};
  return {stage(), ssh_failure::unreachable,
          destination_ + ": the connection to the jump host '" + way_->jump + "' has ended"};
}

/// It, or the way by it, and not the machine behind: which none of that machine's neighbours would be spared.
bool ssh_transport::jump_failed(const ssh_error& error) const {
  if (!way_)
    return false;
  const auto& note = *way_->note;
  if (note.ended())
    return !note.refused();
  return !note.begun() && (error.kind != ssh_failure::timed_out || !note.asked());
}

/// A machine's share of the time begins when its jump host was asked for it: that one's own log-in is paid
/// for by the opening. True: it has a new one.
bool ssh_transport::share_anew() {
  auto& o = *opening_;
  if (!way_ || way_->note->begun() || way_->note->ended() || way_->share_begun)
    return false;
  way_->share_begun = way_->note->asked();
  const auto share = (o.deadline - shared_.now) / static_cast<std::int64_t>(o.left.size() + 1);
  o.machine_due = shared_.now + share;
  o.patience = std::chrono::duration_cast<std::chrono::milliseconds>(share);
  return true;
}

ssh_error ssh_transport::jump_overdue() const {
  if (way_->note->ended())
    return jump_error();
  const bool asked = way_->note->asked();
  return {stage(), ssh_failure::timed_out,
          destination_ + ": was not carried by the jump host '" + way_->jump + "' within " +
              format_duration(asked ? opening_->patience : opening_->settings.connect_timeout) +
              (asked
                   ? "; it was asked, and may have no way there: check the address, as it is seen from there"
                   : "")};
}

} // namespace moorage
