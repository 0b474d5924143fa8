// What an opening does about the key that the server shows: judged, written down where it is new, and where
// that is wanted compared with what is known of the address.
#include <algorithm>
#include <utility>

#include "runtime/ssh/transport_ssh.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// How long a new host key waits for its file's lock before the log-in goes on without: whoever has it for
/// longer is stuck itself. A short `connect_timeout` shortens it.
constexpr std::chrono::milliseconds lock_patience{1'000};

} // namespace

bool ssh_transport::verify() {
  auto& o = *opening_;
  o.shown = shown_host_key(link_.session());
  auto verdict = o.world.host_keys->judge(o.ready->known, o.shown, o.settings.strict_host_keys);
  if (!verdict.accepted) {
    if (o.of_hosts || o.seen.size() > 1)
      verdict.error.text = where() + ": " + verdict.error.text;
    if (other_address(verdict.error))
      return false;
    fail(std::move(verdict.error));
    return false;
  }
  o.host_key_text = std::move(verdict.text);
  phase_ = phase::remembering;
  o.key_is_new = verdict.to_write;
  o.key_was_told = verdict.state == host_key_state::known;
  // With the check off, a new key stands nowhere, and its address is not written down either.
  const bool trusted = verdict.to_write || verdict.state == host_key_state::known;
  auto address = o.settings.check_host_ip && trusted
                     ? address_to_check(link_.socket(), o.settings.port, o.ready->known)
                     : std::string{};
  o.address_to_compare = address;
  if (!verdict.to_write && address.empty())
    return true;
  // A key that could not be written down before is not waited for again.
  auto patience = verdict.to_write && verdict.state == host_key_state::known
                      ? 0ms
                      : std::min<std::chrono::milliseconds>(lock_patience, o.settings.connect_timeout / 4);
  // What it may take to get a thread, and to open the file; for the name, and for its address.
  const int files = verdict.to_write && !address.empty() ? 2 : 1;
  o.writing_due = shared_.now + files * patience +
                  std::min<std::chrono::milliseconds>(2s, o.settings.connect_timeout / 8);
  o.writing = o.world.threads.ask(
      {o.settings.name, "writing the new host key to " + o.ready->known.files.front()},
      [known = o.ready->known, shown = o.shown, patience, is_new = o.key_is_new, address,
       policy = o.settings.strict_host_keys, port = o.settings.port](const abandonment&) {
        auto result = is_new ? write_known_host(known, shown, patience) : key_written{};
        if (!address.empty() && !result.error)
          check_address(known, shown, policy, address, port, patience, result);
        return result;
      },
      wake_);
  return true;
}

/// An address that was not compared might have been another's: with the check of keys on that is no log-in.
ssh_error ssh_transport::not_compared(const call_refusal& why, const std::string& problem) const {
  const auto& o = *opening_;
  if (o.address_to_compare.empty() || o.settings.strict_host_keys == host_key_policy::off)
    return {};
  return {ssh_stage::host_key, why && !why.stuck ? ssh_failure::descriptor_limit : ssh_failure::timed_out,
          destination_ + ": the known keys of its address " +
              known_hosts_name(o.address_to_compare, o.settings.port) +
              " could not be compared (check_host_ip): " + problem};
}

bool ssh_transport::remember() {
  auto& o = *opening_;
  if (o.writing.asked()) {
    const auto& file = o.ready->known.files.front();
    auto written = o.writing.take();
    if (!written) {
      auto why = o.writing.refusal();
      if (!why && shared_.now < o.writing_due)
        return false;
      written = key_written{why ? why.text : file + " could not be opened or locked in time", {}};
      written->error = not_compared(why, written->problem);
    }
    o.writing = {};
    if (written->error) {
      fail(std::move(written->error));
      return false;
    }
    // As ssh(1) does: a key that cannot be written down is trusted, here for as long as this process
    // remembers it.
    if (written->problem.empty() && o.key_is_new) {
      o.world.host_keys->forget(o.ready->known);
      o.host_key_text += ", written to " + file;
      if (!o.key_was_told)
        o.warnings.push_back(newly_trusted(o.ready->known, o.shown, file));
    } else if (o.key_is_new) {
      o.host_key_text += ", not written down: " + written->problem;
      o.warnings.push_back(not_written_down(o.ready->known, o.shown, written->problem));
    } else if (!written->problem.empty()) {
      o.warnings.push_back(destination_ +
                           ": the known keys of its address were not compared: " + written->problem);
    }
    o.host_key_text += written->text;
    for (auto& each : written->warnings)
      o.warnings.push_back(destination_ + ": " + each);
  }
  step_done(ssh_stage::host_key, o.host_key_text);
  o.logging_in = std::make_unique<authenticator>(link_.session(), o.ready->user, std::move(o.ready->keys));
  phase_ = phase::logging_in;
  return true;
}

} // namespace moorage
