#include "tests/core/spec_words.hpp"

#include <algorithm>

#include "messages/errors.hpp"
#include "messages/ssh_error.hpp"
#include "messages/status.hpp"

namespace moorage::test::spec {

namespace {

constexpr bool needed = true;

const key_rule answer_name{"as", key_type::name};
const key_rule of_connection{"connection", key_type::connection, needed};
const key_rule about_connection{"connection", key_type::connection};
const key_rule of_acquire{"label", key_type::acquire, needed};
const key_rule about_answer{"label"};
const key_rule why_it_left{"reason", key_type::reason};

} // namespace

const std::vector<word>& operations() {
  using enum key_type;
  static const std::vector<word> words{
      // what those do who use the pool
      {"acquire",
       {{"label", name, needed},
        {"thread", text, needed},
        {"holder"},
        {"identity"},
        {"patience", patience},
        {"wait_for_ready", flag},
        {"confirm", flag}}},
      {"cancel", {of_acquire}},
      {"confirm", {of_acquire}},
      {"release", {of_acquire, {"holder"}, answer_name}},
      {"discard", {of_acquire, {"holder"}, {"why"}, answer_name}},
      {"holder_dies", {{"holder", text, needed}}},
      // what the world does
      {"opened", {of_connection}},
      {"fails", {of_connection, {"kind", failure, needed}}},
      {"lost", {of_connection, {"kind", failure, needed}}},
      {"closed", {of_connection}},
      {"cleared", {of_acquire, {"cut_off", flag}}},
      {"probe_passes", {of_connection, {"probe", number}, {"took", time}}},
      {"probe_fails", {of_connection, {"probe", number}}},
      {"cut_short", {of_connection}},
      {"silent", {of_connection}},
      {"answers", {of_connection, {"ran", flag}}},
      {"channel_refused", {of_acquire, {"carried", number, needed}, {"channels", number}}},
      {"channel_late", {of_acquire, {"waited", time, needed}}},
      {"machine_sleeps", {{"time", time, needed}}},
      {"allow_log_in"},
      {"delay_log_in", {{"time", time, needed}}},
      {"wait", {{"time", time, needed}}},
      // what administrators order
      {"pause", {{"holder"}, {"keep", flag}, answer_name}},
      {"suspend", {answer_name}},
      {"resume", {{"holder"}, {"all", flag}, answer_name}},
      {"drain", {{"within", time, needed}, answer_name}},
      {"reconnect", {{"spread", time, needed}, answer_name}},
      {"probe_all", {answer_name}},
      {"evict", {of_connection, answer_name}},
      {"revoke", {of_acquire, answer_name}},
      {"resize", {{"size", number, needed}, answer_name}},
      {"reset", {answer_name}},
      {"disconnect", {answer_name}},
      {"stop", {answer_name}},
      {"remove", {answer_name}},
      {"set", {answer_name}}, // and settings
      {"set_one", {{"setting", text, needed}, {"value", text, needed}, answer_name}},
      // what is to be seen in between
      {"expect", status_keys()}};
  return words;
}

const std::vector<word>& event_kinds() {
  using enum key_type;
  static const std::vector<word> words{{"opening", {about_connection, {"try", number}}},
                                       {"opened", {about_connection}},
                                       {"open_failed", {about_connection, {"kind", failure}}},
                                       {"granted", {about_answer, about_connection}},
                                       {"refused", {about_answer, {"error", error}}},
                                       {"done", {about_answer}},
                                       {"released", {about_answer, about_connection}},
                                       {"reclaimed", {about_answer, about_connection}},
                                       {"moved", {about_answer, about_connection}},
                                       {"holder_told", {about_answer, {"holder"}, {"error", error}}},
                                       {"probe_started", {about_connection, {"command", flag}}},
                                       {"probe_passed", {about_connection}},
                                       {"probe_failed", {about_connection}},
                                       {"silent", {about_connection}},
                                       {"condemned", {about_connection, why_it_left}},
                                       {"closing", {about_connection, why_it_left}},
                                       {"closed", {about_connection, why_it_left}},
                                       {"lost", {about_connection, {"kind", failure}}},
                                       {"learnt", {about_connection}},
                                       {"turned_away", {about_connection}},
                                       {"latched"},
                                       {"backing_off"},
                                       {"delayed"},
                                       {"checking"},
                                       {"leaked", {about_answer, about_connection}},
                                       {"overloaded"},
                                       {"relieved"},
                                       {"reconnecting"},
                                       {"draining"},
                                       {"drained"},
                                       {"suspended"},
                                       {"paused"},
                                       {"resumed"},
                                       {"changed"},
                                       {"stopped"}};
  return words;
}

const std::vector<key_rule>& event_times() {
  using enum key_type;
  static const std::vector<key_rule> keys{{"at", time}, {"from", time}, {"until", time}};
  return keys;
}

const std::vector<key_rule>& world_keys() {
  using enum key_type;
  static const std::vector<key_rule> keys{
      {"log_ins", text, false, {"steps", "succeed"}},  {"log_in_takes", time},
      {"budget", text, false, {"free", "steps"}},      {"closing", text, false, {"at_once", "steps"}},
      {"clearing", text, false, {"at_once", "steps"}}, {"probes", text, false, {"pass", "steps"}}};
  return keys;
}

const std::vector<key_rule>& status_keys() {
  using enum key_type;
  static const std::vector<key_rule> keys{
      {"size", number},
      {"total", number},
      {"opening", number},
      {"idle", number},
      {"leased", number},
      {"closing", number},
      {"leases", number},
      {"waiters", number},
      {"probing", number},
      {"state", text, false, {"running", "paused", "suspended", "draining", "drained"}},
      {"paused", flag},
      {"pauses", number},
      {"latched", error_or_none},
      {"backing_off", error_or_none},
  };
  return keys;
}

const std::vector<std::string_view>& topics() {
  static const std::vector<std::string_view> words{
      "grants",   "queue", "deadlines", "cancel", "release",    "confirm", "holders",  "size",
      "ageing",   "turns", "overload",  "drains", "reconnects", "leaks",   "channels", "openings",
      "back_off", "loss",  "probes",    "orders", "settings",   "budget"};
  return words;
}

const std::vector<std::string_view>& sections() {
  static const std::vector<std::string_view> words{"description", "reference", "topic",  "settings",
                                                   "world",       "steps",     "ignore", "events",
                                                   "outcomes",    "status"};
  return words;
}

const word* find(const std::vector<word>& words, std::string_view name) {
  auto found = std::find_if(words.begin(), words.end(), [name](const word& x) { return x.name == name; });
  return found == words.end() ? nullptr : &*found;
}

const key_rule* find(const std::vector<key_rule>& keys, std::string_view name) {
  auto found = std::find_if(keys.begin(), keys.end(), [name](const key_rule& x) { return x.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string> words_for(const key_rule& key) {
  using enum key_type;
  std::vector<std::string> words{key.choices.begin(), key.choices.end()};
  if (key.type == failure)
    for (std::size_t i = 1; i <= static_cast<std::size_t>(ssh_failure::denied_too_often); ++i)
      words.push_back(to_string(static_cast<ssh_failure>(i)));
  if (key.type == error_or_none)
    words.emplace_back("none");
  if (key.type == error || key.type == error_or_none)
    for (std::size_t i = 1; i < static_cast<std::size_t>(errc::count_); ++i)
      words.push_back(to_string(static_cast<errc>(i)));
  if (key.type == reason)
    for (const auto& row : removal_rows)
      words.emplace_back(row.name);
  return words;
}

} // namespace moorage::test::spec
