#include "tests/support/fake_text.hpp"

#include <functional>
#include <initializer_list>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace moorage::support {
namespace {

using spelling = const std::string&;

[[noreturn]] void reject(spelling value, spelling allowed) {
  throw std::invalid_argument("\"" + value + "\" is not " + allowed);
}

template <class E>
void assign_named(E& field, spelling value, std::initializer_list<const char*> names) {
  std::string all;
  int index = 0;
  for (const char* name : names) {
    if (value == name) {
      field = static_cast<E>(index);
      return;
    }
    all += (index++ ? ", " : "one of ") + std::string(name);
  }
  reject(value, all);
}

std::uint64_t number_in(spelling value) {
  if (value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != std::string::npos)
    reject(value, "a number");
  return std::stoull(value);
}

void assign(phase& field, spelling value) {
  assign_named(field, value,
               {"never", "accepted", "banner", "key_exchange", "authentication", "channel_open",
                "exec_request", "command"});
}

void assign(breakage& field, spelling value) {
  assign_named(field, value, {"silence", "reset", "close", "disconnect"});
}

void assign(reply& field, spelling value) {
  assign_named(field, value, {"normal", "refuse", "never"});
}

void assign(ending& field, spelling value) {
  assign_named(field, value, {"orderly", "data_after_status", "no_close", "no_status", "by_signal"});
}

void assign(bool& field, spelling value) {
  int choice = 0;
  assign_named(choice, value, {"no", "yes"});
  field = choice == 1;
}

void assign(int& field, spelling value) {
  field = static_cast<int>(number_in(value));
}

void assign(std::uint64_t& field, spelling value) {
  field = number_in(value);
}

void assign(std::chrono::milliseconds& field, spelling value) {
  field = std::chrono::milliseconds(number_in(value));
}

void assign(std::string& field, spelling value) {
  field = value;
}

void assign(std::vector<std::string>& field, spelling value) {
  field.clear();
  std::istringstream parts(value);
  for (std::string part; std::getline(parts, part, ',');)
    field.push_back(part);
}

using setter = std::function<void(fake_faults&, spelling)>;

const std::map<std::string, setter>& setters() {
  static const std::map<std::string, setter> all = [] {
    std::map<std::string, setter> m;
#define MOORAGE_FAULT(name) m[#name] = [](fake_faults& f, spelling value) { assign(f.name, value); }
    MOORAGE_FAULT(break_at);
    MOORAGE_FAULT(break_how);
    MOORAGE_FAULT(banner_delay);
    MOORAGE_FAULT(lines_before_banner);
    MOORAGE_FAULT(foreign_banner);
    MOORAGE_FAULT(one_byte_writes);
    MOORAGE_FAULT(latency);
    MOORAGE_FAULT(startups_max);
    MOORAGE_FAULT(publickey);
    MOORAGE_FAULT(password);
    MOORAGE_FAULT(keyboard_interactive);
    MOORAGE_FAULT(auth_chain);
    MOORAGE_FAULT(keys_accepted);
    MOORAGE_FAULT(password_expected);
    MOORAGE_FAULT(prompts);
    MOORAGE_FAULT(answers_expected);
    MOORAGE_FAULT(user_expected);
    MOORAGE_FAULT(auth_tries_max);
    MOORAGE_FAULT(auth);
    MOORAGE_FAULT(auth_delay);
    MOORAGE_FAULT(banners);
    MOORAGE_FAULT(parting_banner);
    MOORAGE_FAULT(sessions_max);
    MOORAGE_FAULT(channel_open);
    MOORAGE_FAULT(channel_open_delay);
    MOORAGE_FAULT(exec);
    MOORAGE_FAULT(exec_delay);
    MOORAGE_FAULT(env_accepted);
    MOORAGE_FAULT(keepalives_answered);
    MOORAGE_FAULT(consumes_input);
    MOORAGE_FAULT(end);
    MOORAGE_FAULT(close_delay);
    MOORAGE_FAULT(noise_on_stdout);
    MOORAGE_FAULT(noise_on_stderr);
#undef MOORAGE_FAULT
    return m;
  }();
  return all;
}

/// Calls visit(name, field) for every counter; C is fake_counters, const or not.
template <class C, class F>
void for_each_counter(C& c, F&& visit) {
#define MOORAGE_COUNTER(name) visit(#name, c.name)
  MOORAGE_COUNTER(connects);
  MOORAGE_COUNTER(open);
  MOORAGE_COUNTER(open_max);
  MOORAGE_COUNTER(handshakes);
  MOORAGE_COUNTER(auth_tries);
  MOORAGE_COUNTER(auth_offers);
  MOORAGE_COUNTER(auth_denials);
  MOORAGE_COUNTER(logins);
  MOORAGE_COUNTER(channel_requests);
  MOORAGE_COUNTER(channels_opened);
  MOORAGE_COUNTER(channels_open);
  MOORAGE_COUNTER(channels_open_max);
  MOORAGE_COUNTER(channels_refused);
  MOORAGE_COUNTER(execs);
  MOORAGE_COUNTER(commands_ended);
  MOORAGE_COUNTER(env_requests);
  MOORAGE_COUNTER(signals);
  MOORAGE_COUNTER(keepalives);
  MOORAGE_COUNTER(goodbyes);
  MOORAGE_COUNTER(hang_ups);
  MOORAGE_COUNTER(broken);
  MOORAGE_COUNTER(stdin_bytes);
#undef MOORAGE_COUNTER
}

} // namespace

void set_fault(fake_faults& faults, const std::string& name, const std::string& value) {
  auto found = setters().find(name);
  if (found == setters().end())
    throw std::invalid_argument("there is no fault called \"" + name + "\"");
  found->second(faults, value);
}

std::string counters_to_json(const fake_counters& counters) {
  std::string line = "{";
  for_each_counter(counters, [&](const char* name, auto value) {
    line += (line.size() > 1 ? ",\"" : "\"") + std::string(name) + "\":" + std::to_string(value);
  });
  return line + "}";
}

fake_counters counters_from_json(const std::string& line) {
  fake_counters counters;
  for_each_counter(counters, [&](const char* name, auto& field) {
    const auto key = "\"" + std::string(name) + "\":";
    if (auto at = line.find(key); at != std::string::npos)
      std::istringstream(line.substr(at + key.size())) >> field;
  });
  return counters;
}

} // namespace moorage::support
