#include "messages/ssh_error.hpp"

#include <array>

#include "messages/key_account.hpp"

namespace moorage {

namespace {

constexpr std::array stage_names{"prepare",  "look_up",      "connect", "key_exchange",
                                 "host_key", "authenticate", "session"};

constexpr std::array failure_names{"none",
                                   "timed_out",
                                   "refused",
                                   "reset",
                                   "unreachable",
                                   "name_not_found",
                                   "protocol",
                                   "host_key_unknown",
                                   "host_key_changed",
                                   "denied",
                                   "no_credentials",
                                   "descriptor_limit",
                                   "silent",
                                   "closed",
                                   "host_key_revoked",
                                   "known_hosts_unreadable",
                                   "turned_away",
                                   "denied_too_often"};

static_assert(stage_names.size() == static_cast<std::size_t>(ssh_stage::session) + 1);
static_assert(failure_names.size() == static_cast<std::size_t>(ssh_failure::denied_too_often) + 1);

constexpr std::array fate_names{"accepted", "denied", "not_signed", "cut_short", "not_offered"};

static_assert(fate_names.size() == static_cast<std::size_t>(key_fate::not_offered) + 1);

template <class Names, class Enum>
std::string name_of(const Names& names, Enum value) {
  auto index = static_cast<std::size_t>(value);
  return index < names.size() ? names[index] : std::to_string(index);
}

} // namespace

bool is_transient(ssh_failure kind) {
  switch (kind) {
  case ssh_failure::timed_out:
  case ssh_failure::refused:
  case ssh_failure::reset:
  case ssh_failure::unreachable:
  case ssh_failure::turned_away:
  case ssh_failure::name_not_found: // a resolver that is down says this too
    return true;
  default:
    return false;
  }
}

bool is_latching(ssh_failure kind) {
  return kind == ssh_failure::denied || kind == ssh_failure::denied_too_often ||
         kind == ssh_failure::host_key_unknown || kind == ssh_failure::host_key_changed ||
         kind == ssh_failure::host_key_revoked || kind == ssh_failure::known_hosts_unreadable;
}

errc refusal_for(ssh_failure kind) {
  switch (kind) {
  case ssh_failure::denied:
  case ssh_failure::denied_too_often:
    return errc::auth_denied;
  case ssh_failure::host_key_unknown:
    return errc::host_key_unknown;
  case ssh_failure::host_key_changed:
    return errc::host_key_changed;
  case ssh_failure::host_key_revoked:
    return errc::host_key_revoked;
  case ssh_failure::known_hosts_unreadable:
    return errc::known_hosts_unreadable;
  case ssh_failure::no_credentials:
    return errc::no_credentials;
  case ssh_failure::descriptor_limit:
    return errc::local_failure;
  default:
    return errc::connect_failed;
  }
}

std::string to_string(ssh_stage stage) {
  return name_of(stage_names, stage);
}

std::string to_string(key_fate fate) {
  return name_of(fate_names, fate);
}

std::string to_string(ssh_failure kind) {
  return name_of(failure_names, kind);
}

std::string to_string(const ssh_error& error) {
  return to_string(error.stage) + ": " + to_string(error.kind) +
         (error.text.empty() ? "" : ": " + error.text);
}

} // namespace moorage
