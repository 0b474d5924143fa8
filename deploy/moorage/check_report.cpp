// What `moorage check` has found, for people and for programs.
#include <nlohmann/json.hpp>

#include "deploy/moorage/check.hpp"
#include "deploy/moorage/output.hpp"
#include "deploy/moorage/present.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

using json = nlohmann::ordered_json;

namespace {

std::string keys_text(const findings& found, bool colours) {
  table keys{{"KEY", "FROM", "WHAT BECAME OF IT"}};
  for (const auto& [hop, key] : found.keys) {
    auto fate = words_of(key.fate);
    if (!key.why.empty())
      fate += ": " + printable(key.why, printable_whole);
    if (!key.advice.empty())
      fate += "; to do: " + printable(key.advice, printable_whole);
    auto with = key.fate == key_fate::accepted ? colour::good
                : key.fate == key_fate::denied ? colour::bad
                                               : colour::none;
    keys.add({key.key.empty() ? std::string{"-"} : printable(key.key, printable_whole),
              (hop.empty() ? "" : printable(hop) + ": ") + printable(key.from, printable_whole),
              {std::move(fate), with}});
  }
  return keys.empty() ? std::string{} : keys.text(colours);
}

} // namespace

std::string text_of(const options& from, const findings& found, std::chrono::nanoseconds took) {
  auto colours = has_colours(1);
  auto result = printable(from.cluster);
  if (!found.destination.empty() && found.destination != from.cluster)
    result += " (" + printable(found.destination) + ")";
  result += found.of_node ? ", by the node" : ", by a connection of our own";
  result += found.was_open ? ", which was open already\n" : "\n";
  table steps{{"STEP", ">TOOK", "RESULT"}};
  for (const auto& each : found.steps) {
    if (each.again)
      continue;
    auto what = each.times > 1 ? std::to_string(each.times) + " tries failed" : each.step;
    steps.add({{(each.hop.empty() ? "" : printable(each.hop) + ": ") +
                    (each.machine.empty() ? "" : printable(each.machine) + ": ") + what,
                each.failed ? colour::bad : colour::none},
               each.took.count() == 0 ? std::string{"-"} : measured(each.took),
               {each.brief.empty() ? each.text : each.brief, each.failed ? colour::bad : colour::none}});
  }
  if (!steps.empty())
    result += steps.text(colours);
  result += keys_text(found, colours);
  auto verdict = found.trouble.code == errc::none ? painted("all is well", colour::good, colours)
                 : found.interrupted              ? painted("interrupted", colour::busy, colours)
                                                  : painted("not well", colour::bad, colours);
  return result + verdict + " after " + measured(took) + "\n";
}

std::string json_of(const options& from, const findings& found, std::chrono::nanoseconds took) {
  auto steps = json::array();
  for (const auto& each : found.steps)
    steps.push_back({{"cluster", each.hop.empty() ? from.cluster : each.hop},
                     {"machine", each.machine.empty() ? json{} : json(each.machine)},
                     {"step", each.step},
                     {"took_seconds", seconds_of(each.took)},
                     {"text", each.text},
                     {"failed", each.failed}});
  auto keys = json::array();
  for (const auto& [hop, key] : found.keys) {
    auto one = to_json(key);
    one["cluster"] = hop.empty() ? from.cluster : hop;
    keys.push_back(std::move(one));
  }
  return json_text({{"cluster", from.cluster},
                    {"destination", found.destination},
                    {"well", found.trouble.code == errc::none},
                    {"by_node", found.of_node},
                    {"was_open", found.was_open},
                    {"took_seconds", seconds_of(took)},
                    {"steps", steps},
                    {"keys", keys},
                    {"trouble", found.trouble.code == errc::none ? json{} : to_json(found.trouble)}});
}

} // namespace moorage::cli
