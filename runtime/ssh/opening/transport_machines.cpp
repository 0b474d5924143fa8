// Which of a cluster's machines an opening goes to, and what becomes of it where one of them fails. Of
// `hosts` each is tried as if it were the only one, with files and look-up of its own; of a name's addresses,
// the connector tries one after the other, and here they are put in order. All of them share the opening's
// time.
#include <algorithm>
#include <utility>

#include "messages/printable.hpp"
#include "runtime/ssh/transport_ssh.hpp"

namespace moorage {

namespace {

constexpr const char* left_aside = ". That machine is left aside; the log-in went on at another one";

bool is_distrust(ssh_failure kind) {
  return kind == ssh_failure::host_key_unknown || kind == ssh_failure::host_key_changed ||
         kind == ssh_failure::host_key_revoked;
}

/// Says something of this machine, and nothing of the others.
bool is_the_machines(const ssh_error& error) {
  switch (error.kind) {
  case ssh_failure::descriptor_limit:
  case ssh_failure::no_credentials:
  case ssh_failure::known_hosts_unreadable:
  case ssh_failure::denied:
  case ssh_failure::denied_too_often:
    return false;
  default:
    return error.stage > ssh_stage::prepare;
  }
}

std::size_t place_in(const std::vector<std::string>& list, const std::string& machine) {
  return static_cast<std::size_t>(std::find(list.begin(), list.end(), machine) - list.begin());
}

/// In the order to try. Those whose keys are not trusted are left out, unless there are no others: then they
/// say what is wrong.
template <class T, class Name>
void put_in_order(std::vector<T>& list, const machine_choice& where, Name name) {
  auto rank = [&where, &name](const T& x) {
    auto first = place_in(where.first, name(x)), last = place_in(where.last, name(x));
    return first < where.first.size() ? std::pair{std::size_t{0}, first}
           : last < where.last.size() ? std::pair{std::size_t{2}, last}
                                      : std::pair{std::size_t{1}, std::size_t{0}};
  };
  auto distrusted = [&where, &name](const T& x) {
    return place_in(where.never, name(x)) < where.never.size();
  };
  if (!std::all_of(list.begin(), list.end(), distrusted))
    std::erase_if(list, distrusted);
  std::stable_sort(list.begin(), list.end(), [&rank](const T& a, const T& b) { return rank(a) < rank(b); });
}

} // namespace

void ssh_transport::choose(const machine_choice& where) {
  if (phase_ == phase::fresh)
    opening_->where = where;
}

/// Of `hosts`.
void ssh_transport::line_up() {
  auto& o = *opening_;
  o.left = std::exchange(o.settings.hosts, {});
  if (o.left.empty())
    return;
  if (!o.where.only.empty())
    o.left = {o.where.only};
  put_in_order(o.left, o.where, [](const std::string& host) { return host; });
}

/// The next of `hosts`, or the only host.
void ssh_transport::begin_machine() {
  auto& o = *opening_;
  o.machine_due = time_point::max();
  if (!o.left.empty()) {
    o.settings.host = o.left.front();
    o.left.erase(o.left.begin());
    destination_ = (o.settings.user.empty() ? "" : o.settings.user + "@") +
                   known_hosts_name(o.settings.host, o.settings.port);
  }
  auto time = o.deadline - shared_.now;
  if (!o.left.empty()) {
    time /= static_cast<std::int64_t>(o.left.size() + 1);
    o.machine_due = shared_.now + time;
  }
  o.patience = std::chrono::duration_cast<std::chrono::milliseconds>(time);
  o.preparing = std::make_unique<preparation>(o.settings, o.world.threads, o.world.resolve, o.world.secrets,
                                              wake_, o.world.around, o.world.host_keys);
}

/// The addresses that the name stands for. False: that which is asked for is none of them.
bool ssh_transport::arrange() {
  auto& o = *opening_;
  auto& found = o.ready->endpoints;
  if (o.of_hosts || found.empty())
    return true;
  if (found.size() > machines_max)
    found.resize(machines_max);
  std::string all;
  for (const auto& each : found) {
    o.seen.push_back({each.digits, machine_finding::listed, {}});
    all += (all.empty() ? "" : ", ") + each.digits;
  }
  if (o.where.only.empty()) {
    put_in_order(found, o.where, [](const endpoint& x) { return x.digits; });
    return true;
  }
  std::erase_if(found, [&o](const endpoint& x) { return x.digits != o.where.only; });
  if (!found.empty())
    return true;
  // A name server may tell of one address at a time.
  auto known = [&o](const std::vector<std::string>& list) {
    return place_in(list, o.where.only) < list.size();
  };
  if (auto address = numeric_endpoint(o.where.only, o.settings.port);
      address && (known(o.where.first) || known(o.where.last))) {
    found.push_back(std::move(*address));
    return true;
  }
  fail({ssh_stage::look_up, ssh_failure::name_not_found,
        destination_ + ": the name '" + o.settings.host + "' has no address " + printable(o.where.only) +
            ", but " + all});
  return false;
}

/// The name of the present one.
std::string ssh_transport::machine() const {
  const auto& o = *opening_;
  return o.of_hosts || !o.connecting ? o.settings.host : o.connecting->peer().digits;
}

/// For the next opening.
void ssh_transport::note_failure(const ssh_error& error) {
  auto& o = *opening_;
  auto distrusted = [&o](const std::string& digits) {
    return std::any_of(o.seen.begin(), o.seen.end(), [&digits](const machine_seen& x) {
      return x.machine == digits && x.found == machine_finding::refused;
    });
  };
  if (o.connecting && !o.of_hosts)
    for (const auto& [digits, what] : o.connecting->failed())
      if (!distrusted(digits))
        o.seen.push_back({digits, machine_finding::failed, what});
  // A name that was not found, or has not the address that is asked for, is no machine.
  const bool proxied = !o.settings.proxy_command.empty() || !o.settings.jump.empty();
  const bool reached = o.of_hosts || phase_ > phase::connecting || proxied;
  if (error && reached && is_the_machines(error) && !jump_failed(error))
    o.seen.push_back({machine(), is_distrust(error.kind) ? machine_finding::refused : machine_finding::failed,
                      error.text, refusal_for(error.kind)});
}

/// Everything that was begun with it.
void ssh_transport::forget_machine() {
  auto& o = *opening_;
  watch_.end(); // before the socket goes
  link_.drop();
  proxy_ = nullptr;
  parting_.reset();
  way_.reset();
  o.bytes_seen = 0;
  o.pieces = 0;
  o.shown = {};
  o.writing = {};
  o.starting_proxy = {};
  more_ = false;
}

/// A machine whose host key is not trusted is left aside, and people are told: the others are who they were.
/// True: another of the name's addresses is tried.
bool ssh_transport::other_address(const ssh_error& error) {
  auto& o = *opening_;
  if (!is_distrust(error.kind) || !o.connecting || !o.connecting->has_others())
    return false;
  o.distrust.push_back(error.text + left_aside);
  if (!o.of_hosts)
    o.seen.push_back({machine(), machine_finding::refused, error.text, refusal_for(error.kind)});
  o.connecting->pass_over("its host key is not trusted");
  forget_machine();
  o.stage_began = shared_.now;
  phase_ = phase::connecting;
  wake_();
  return true;
}

/// True: the opening goes on with another of the hosts. A server that turns us away does so for all machines
/// of its site: to go to the next at once would be to knock again.
bool ssh_transport::other_machine(const ssh_error& error) {
  auto* o = opening_.get();
  if (o == nullptr || o->left.empty() || phase_ < phase::preparing || phase_ >= phase::open ||
      !is_the_machines(error) || jump_failed(error) || error.kind == ssh_failure::turned_away ||
      shared_.now >= o->deadline)
    return false;
  note_failure(error);
  if (is_distrust(error.kind))
    o->distrust.push_back(error.text + left_aside);
  if (is_transient(error.kind))
    o->passing = error;
  o->failures += (o->failures.empty() ? "" : "; ") + error.text;
  step_done(error.stage, error.text);
  forget_machine();
  o->connecting = nullptr;
  o->logging_in = nullptr;
  o->ready = nullptr;
  phase_ = phase::preparing;
  begin_machine();
  wake_();
  return true;
}

/// The last error, of all machines that were tried: what may pass with one of them is worth another try.
void ssh_transport::sum_up(ssh_error& error) {
  auto& o = *opening_;
  if (o.failures.empty())
    return;
  auto text = o.failures + "; " + error.text;
  if (is_distrust(error.kind) && o.passing)
    error = o.passing;
  error.text = std::move(text);
}

} // namespace moorage
