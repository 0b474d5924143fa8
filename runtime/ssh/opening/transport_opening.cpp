// From the first pump to an authenticated session.
#include <algorithm>
#include <utility>

#include "messages/algorithms.hpp"
#include "messages/durations.hpp"
#include "messages/printable.hpp"
#include "runtime/ssh/transport_ssh.hpp"
#include "runtime/system/worker_scheduler.hpp"

namespace moorage {

namespace {

using namespace std::chrono_literals;

/// Sent bytes that stay unacknowledged for so long mean that the peer or the way to it is gone. Longer than
/// the keep-alive takes to find out in an orderly way.
std::chrono::milliseconds silence_max(const cluster_settings& settings) {
  auto alive = settings.keep_alive_interval * (settings.keep_alive_count_max + 1);
  return alive.count() == 0 ? 0ms
                            : std::max({settings.connect_timeout, alive, std::chrono::milliseconds{30s}});
}

/// Without what the preparation brought.
link_settings link_settings_of(const cluster_settings& settings) {
  auto names = [](algorithm_kind kind, const std::string& written) {
    return written.empty() ? "" : join_names(assembled_algorithms(kind, written));
  };
  link_settings result;
  result.host = settings.host;
  result.port = settings.port;
  result.kex_algorithms = names(algorithm_kind::key_exchange, settings.kex_algorithms);
  result.ciphers = names(algorithm_kind::cipher, settings.ciphers);
  result.macs = names(algorithm_kind::mac, settings.macs);
  result.compression = settings.compression;
  result.rekey_data = settings.rekey_data;
  result.rekey_interval = std::chrono::duration_cast<std::chrono::seconds>(settings.rekey_interval);
  return result;
}

} // namespace

/// True: there is more to do at once.
bool ssh_transport::pump_opening() {
  if (phase_ >= phase::exchanging_keys && phase_ <= phase::logging_in)
    long_work_ahead(); // keys and signatures come up wherever libssh reads
  while (phase_ < phase::open) {
    if (opening_->began == time_point{}) {
      if (!begin())
        return false;
    } else if (shared_.now >= opening_->deadline) {
      fail(overdue());
      return false;
    } else if (shared_.now >= opening_->machine_due && phase_ < phase::logging_in && !opening_->time_left &&
               !share_anew()) {
      fail(overdue());
      return false;
    }
    more_ = false;
    bool advanced = false;
    switch (phase_) {
    case phase::preparing:
      advanced = prepare();
      break;
    case phase::connecting:
      advanced = connect();
      break;
    case phase::exchanging_keys:
      advanced = exchange_keys();
      break;
    case phase::verifying:
      advanced = verify();
      break;
    case phase::remembering:
      advanced = remember();
      break;
    case phase::logging_in:
      advanced = log_in();
      break;
    default:
      return false;
    }
    if (!advanced)
      return more_;
  }
  return false;
}

bool ssh_transport::begin() {
  auto& o = *opening_;
  o.began = o.stage_began = last_heard_ = shared_.now;
  o.deadline = shared_.now + o.settings.connect_timeout;
  if (const auto& problem = o.world.loop.problem(); !problem.empty()) {
    fail({ssh_stage::prepare, ssh_failure::descriptor_limit, destination_ + ": " + problem});
    return false;
  }
  line_up();
  begin_machine();
  return true;
}

void ssh_transport::step_done(ssh_stage stage, const std::string& text) {
  auto& o = *opening_;
  o.steps.push_back({stage, shared_.now - o.stage_began, printable(text, printable_whole)});
  o.stage_began = shared_.now;
}

/// The opening's own time stands still while somebody else's runs.
void ssh_transport::mind_person(const person_wait& wait) {
  auto& o = *opening_;
  const bool waits = wait.until != time_point::min();
  const auto before = o.deadline;
  if (waits && !o.time_left)
    o.time_left = o.deadline - shared_.now;
  if (o.time_left)
    o.deadline = (waits ? wait.until : shared_.now) + *o.time_left;
  if (o.machine_due != time_point::max()) // a machine's share of the time stands still as well
    o.machine_due += o.deadline - before;
  if (!waits)
    o.time_left.reset();
  o.person_due = waits ? wait.until : time_point::max();
  if (wait.for_what != o.waits_for) {
    o.waits_for = wait.for_what;
    shared_.events->emplace_back(opening_waits{o.waits_for, (waits ? wait.until : o.deadline) - shared_.now});
  }
}

bool ssh_transport::prepare() {
  auto& o = *opening_;
  auto state = o.preparing->poll();
  if (state == preparation::state::waiting) {
    mind_person(o.preparing->renewing(shared_.now));
    state = o.preparing->poll(); // which may have been given up
  } else {
    mind_person({});
  }
  if (state == preparation::state::waiting)
    return false;
  o.warnings = o.preparing->warnings();
  if (state == preparation::state::failed) {
    fail(o.preparing->error());
    return false;
  }
  o.ready = std::make_unique<prepared>(o.preparing->take());
  o.preparing = nullptr;
  o.steps.insert(o.steps.end(), o.ready->steps.begin(), o.ready->steps.end());
  o.stage_began = shared_.now;
  destination_ = o.ready->user + "@" + known_hosts_name(o.settings.host, o.settings.port);
  shared_.destination = destination_;
  phase_ = phase::connecting;
  if (!arrange())
    return false;
  if (!o.settings.proxy_command.empty())
    return begin_proxy();
  if (!o.settings.jump.empty())
    return begin_jump();
  o.connecting = std::make_unique<connector>(std::move(o.ready->endpoints), destination_,
                                             std::min(o.deadline, o.machine_due), silence_max(o.settings),
                                             o.world.loop, wake_, o.settings.bind_address, !o.left.empty());
  return true;
}

bool ssh_transport::connect() {
  auto& o = *opening_;
  if (!o.connecting)
    return take_proxy();
  switch (o.connecting->step(shared_.now)) {
  case connector::state::waiting:
    return false;
  case connector::state::failed:
    fail(o.connecting->error());
    return false;
  case connector::state::connected:
    break;
  }
  step_done(ssh_stage::connect, o.connecting->text());
  return begin_link(o.connecting->take());
}

bool ssh_transport::begin_link(unique_fd socket) {
  auto& o = *opening_;
  auto with = link_settings_of(o.settings);
  with.user = o.ready->user;
  with.host_key_algorithms = host_key_algorithms(o.ready->known);
  if (auto error = link_.start(std::move(socket), with)) {
    fail(std::move(error));
    return false;
  }
  watch_ = o.world.loop.add(link_.socket(), wake_);
  phase_ = phase::exchanging_keys;
  more_ = true; // in a pump of its own, since it computes
  return false;
}

bool ssh_transport::exchange_keys() {
  auto& o = *opening_;
  const bool awaits = awaits_jump();
  if (phase_ == phase::exchanging_keys && way_)
    mind_carrier();
  if (awaits)
    return false;
  auto got = link_.exchange_keys();
  note_heard();
  if (says_too_much())
    return false;
  const bool over = got == libssh_session::exchange::done || got == libssh_session::exchange::failed;
  if (!over && o.connecting && shared_.now >= o.connecting->share_due())
    return pass_over();
  if (got == libssh_session::exchange::more) {
    more_ = true;
    return false;
  }
  if (got == libssh_session::exchange::waiting) {
    watch_socket();
    return false;
  }
  if (got == libssh_session::exchange::failed) {
    lose_link("during the key exchange");
    return false;
  }
  if (!link_.later_exchanges_bounded())
    o.warnings.push_back(destination_ +
                         ": the SSH library takes no bound on what new keys may cost, so that a "
                         "server which asks for some may hold up a thread");
  auto word = [](const char* text) { return std::string(text ? text : "?"); };
  auto cipher = word(ssh_get_cipher_in(link_.session()));
  step_done(ssh_stage::key_exchange,
            std::string{link_.agreed_exchange()} + ", " + cipher +
                (cipher.find("gcm") != std::string::npos || cipher.find("poly1305") != std::string::npos
                     ? ""
                     : ", " + word(ssh_get_hmac_in(link_.session()))) +
                ", " + printable(word(ssh_get_serverbanner(link_.session()))));
  phase_ = phase::verifying;
  return true;
}

/// This address has had its share of the time: another gets its turn.
bool ssh_transport::pass_over() {
  auto& o = *opening_;
  o.connecting->pass_over("no key exchange within " + to_text(shared_.now - o.stage_began) + ": " +
                          silence());
  watch_.end(); // before the socket goes
  link_.drop();
  o.bytes_seen = 0;
  o.stage_began -= o.steps.back().took; // the step "connect" is made anew, all addresses together
  o.steps.pop_back();
  phase_ = phase::connecting;
  return true;
}

bool ssh_transport::log_in() {
  auto& o = *opening_;
  o.logging_in->hear([this] { link_.poll(); });
  auto state = o.logging_in->step(shared_.now);
  note_heard();
  if (says_too_much())
    return false;
  mind_person(state == authenticator::state::waiting ? o.logging_in->person(shared_.now) : person_wait{});
  int agent = state == authenticator::state::waiting ? o.logging_in->agent_fd() : -1;
  if (agent != o.agent_watched) {
    o.agent_watch = agent < 0 ? watch{} : o.world.loop.add(agent, wake_);
    o.agent_watched = agent;
  }
  switch (state) {
  case authenticator::state::waiting:
    if (link_.broken()) { // what breaks the protocol leaves libssh waiting for ever
      lose_link("during the log-in");
      return false;
    }
    if (agent >= 0)
      o.agent_watch.arm(!o.logging_in->agent_wants_write(), o.logging_in->agent_wants_write());
    watch_socket();
    return false;
  case authenticator::state::failed: {
    auto error = o.logging_in->error();
    if (error.text.find(destination_) == std::string::npos)
      error.text = destination_ + ": " + error.text;
    fail(std::move(error));
    return false;
  }
  case authenticator::state::logged_in:
    step_done(ssh_stage::authenticate, o.logging_in->text());
    o.banner = o.logging_in->banner();
    o.certificate = o.logging_in->certificate();
    enter_open();
    return true;
  }
  return false;
}

void ssh_transport::enter_open() {
  auto& o = *opening_;
  note_failure({});
  o.warnings.insert(o.warnings.end(), o.distrust.begin(), o.distrust.end());
  transport_opened told{std::move(o.steps),
                        std::move(o.warnings),
                        std::move(o.banner),
                        std::move(o.certificate),
                        o.logging_in->keys(),
                        machine(),
                        o.shown.type + " " + fingerprint(o.shown),
                        std::move(o.seen),
                        o.ready->files};
  opening_->agent_watch.end();
  opening_ = nullptr;
  phase_ = phase::open;
  last_heard_ = shared_.now;
  readable_ = true;
  shared_.events->emplace_back(std::move(told));
}

} // namespace moorage
