// `moorage check`: whether a cluster can be used, and how long each step takes.
#include <algorithm>
#include <map>
#include <tuple>

#include "deploy/moorage/advice.hpp"
#include "deploy/moorage/check.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/openings.hpp"
#include "deploy/moorage/present.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "deploy/moorage/waiting.hpp"
#include "messages/durations.hpp"
#include "messages/error_words.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

using clock = std::chrono::steady_clock;

namespace {

/// Of a hop's last log-in: another try considers the same ones again.
void add_keys(findings& found, const std::vector<event_record>& events, const std::string& hop) {
  for (auto event = events.rbegin(); event != events.rend(); ++event)
    if (!event->keys.empty()) {
      for (const auto& key : event->keys)
        found.keys.push_back({hop, key});
      return;
    }
}

/// Of the steps from `begin` on, which are one try's and end with its failure.
void fold_repeated(std::vector<finding>& steps, std::size_t begin) {
  auto tried = steps.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto& last = steps.back();
  auto before = std::find_if(std::make_reverse_iterator(tried), steps.rend(),
                             [](const finding& each) { return each.failed && !each.again; });
  if (before == steps.rend() || before->hop != last.hop || before->machine != last.machine ||
      before->step != last.step || before->brief != last.brief)
    return;
  ++before->times;
  for (; tried != steps.end(); ++tried)
    tried->again = true;
}

void add_openings(findings& found, const std::vector<event_record>& events, const std::string& hop = {}) {
  add_keys(found, events, hop);
  for (const auto& event : events) {
    auto before = found.steps.size();
    for (const auto& step : event.steps)
      found.steps.push_back({words_of(step.stage), step.took, step.text, false, hop});
    if (event.what != event_kind::open_failed)
      continue;
    // By the error at the end, which may be of the cluster's last try or of its jump host's.
    auto within = [](const std::string& text, const std::string& part) {
      return text.find(part) != std::string::npos;
    };
    auto tells_any = [&](const std::vector<std::string>& of) {
      return std::any_of(of.begin(), of.end(), [&](const auto& cause) {
        return !cause.empty() && within(event.error.text, cause);
      });
    };
    auto of_jump = hop.empty() && tells_any(found.jump_errors);
    auto told = within(found.trouble.text, event.error.text) || of_jump || tells_any(found.causes) ||
                (hop.empty() && events.back().error.text == event.error.text);
    if (!hop.empty())
      found.jump_errors.push_back(event.error.text);
    if (told && !hop.empty())
      found.causes.push_back(event.error.text);
    // That one is found out while the log-in is prepared, which says nothing to people.
    auto what = event.error.kind == ssh_failure::no_credentials ? std::string{"nothing to log in with"}
                : of_jump                                       ? std::string{"not carried by its jump host"}
                          : words_of(event.error.stage) + ": " + words_of(event.error.kind);
    found.steps.push_back(
        {"try failed", {}, event.text, true, hop, {}, told ? what : what + ": " + event.error.text});
    fold_repeated(found.steps, before);
  }
}

bool was_open_before(runtime& pools, const std::string& cluster, std::vector<connection_id>& before) {
  auto listed = pools.connections(cluster);
  if (listed)
    for (const auto& each : *listed)
      if (each.state != connection_state::opening)
        before.push_back(each.connection);
  return static_cast<bool>(listed);
}

// What was heard of each one's openings, the hops' and the cluster's.
using openings_heard = std::map<std::string, std::vector<event_record>>;

openings_heard heard_of(openings& opened, const std::vector<std::string>& way, const std::string& cluster) {
  openings_heard result{{cluster, opened.of(cluster)}};
  for (const auto& hop : way)
    result[hop] = opened.of(hop);
  return result;
}

// Each hop's own log-in, or that it needed none, and then the cluster's.
void add_all(findings& found, runtime& pools, const openings_heard& heard,
             const std::vector<std::string>& way, const std::string& cluster) {
  for (const auto& hop : way) {
    const auto& events = heard.at(hop);
    add_openings(found, events, hop);
    std::vector<connection_id> open;
    if (events.empty() && was_open_before(pools, hop, open) && !open.empty())
      found.steps.push_back({"connection", {}, "was open already", false, hop});
  }
  add_openings(found, heard.at(cluster));
}

struct unfinished_opening {
  std::string of; ///< empty: there is none
  connection_status how_far;
};

// What has not come to an end within our patience, and so has told no step: the first hop of them, for which
// the others wait.
unfinished_opening first_unfinished(runtime& pools, std::vector<std::string> way,
                                    const std::string& cluster) {
  way.push_back(cluster);
  for (const auto& hop : way)
    if (auto listed = pools.connections(hop))
      for (auto& each : *listed)
        if (each.state == connection_state::opening && !(each.hindered.empty() && each.steps.empty()))
          return {hop, std::move(each)};
  return {};
}

// The steps that it has done, and the one that it hangs in.
void add_unfinished(findings& found, const unfinished_opening& opening, const std::string& cluster) {
  const auto hop = opening.of == cluster ? std::string{} : opening.of;
  const auto& [waits_for, hindered] = std::tie(opening.how_far.waits_for, opening.how_far.hindered);
  auto steps = opening.how_far.steps;
  auto last = finding{"opening", opening.how_far.age, hindered, true, hop};
  if (!steps.empty()) {
    last.step = words_of(steps.back().stage);
    last.took = steps.back().took;
    steps.pop_back();
  }
  for (const auto& step : steps)
    found.steps.push_back({words_of(step.stage), step.took, step.text, false, hop});
  if (hindered.empty() && !waits_for.empty())
    last.text = "waiting for " + waits_for;
  if (last.text.empty() || found.trouble.text.find(last.text) != std::string::npos)
    last.brief = "not done yet";
  found.steps.push_back(std::move(last));
  // What is read or looked up here is no server's, and a person has something to do.
  const auto& all = opening.how_far.steps;
  if (waits_for.empty() && !all.empty() && all.back().stage > ssh_stage::look_up)
    found.hangs = opening.of;
}

// What a log-in that was not done within our patience has come to: tries that failed, and the one under way.
void add_refused(findings& found, runtime& pools, openings& opened, const std::vector<std::string>& way,
                 const std::string& cluster) {
  auto heard = heard_of(opened, way, cluster);
  auto unfinished = first_unfinished(pools, way, cluster);
  // That may have failed just now, as its own time is mostly as long as our patience; which is heard then.
  if (unfinished.of.empty() && found.trouble.code == errc::acquire_timeout) {
    opened.wait_for_any(std::chrono::milliseconds{100});
    heard = heard_of(opened, way, cluster);
  }
  add_all(found, pools, heard, way, cluster);
  if (!unfinished.of.empty())
    add_unfinished(found, unfinished, cluster);
}

bool probes_by_exec(runtime& pools, const std::string& cluster) {
  if (auto known = pools.clusters())
    for (const auto& each : *known)
      if (each.name == cluster)
        return each.probe == probe_method::exec;
  return false;
}

// True: it is well.
bool probe(findings& found, runtime& pools, const lease& lease) {
  auto began = clock::now();
  auto answer = pools.probe(lease);
  if (answer) {
    found.steps.push_back({"probe", answer->rtt, answer->text, false});
    return true;
  }
  found.steps.push_back({"probe", clock::now() - began, answer.error().text, true, {}, {}, "failed"});
  found.trouble = answer.error();
  if (found.trouble.code == errc::no_reply)
    found.trouble.text = "the server let us in, and then gave " + found.trouble.text +
                         " to the probe, which opens a channel: it hangs, or is too busy; try later, or ask "
                         "the site whether that machine is well";
  return false;
}

void run(findings& found, lease& lease, const std::string& command, const signal_watch& signals) {
  exec_request request;
  request.command = command;
  request.timeout = std::chrono::seconds{30};
  auto ran = lease.run(std::move(request), signals.token());
  auto well = ran.ended.succeeded();
  auto how = in_words(ran.ended);
  found.steps.push_back({"command", ran.took, command + " " + how, !well, {}, {}, well ? "" : "failed"});
  auto cause = ran.ended.cause.code;
  if (!well)
    found.trouble = {cause == errc::none ? errc::exec_refused : cause,
                     "the command '" + command + "' " + (cause == errc::none ? "did not end well: " : "") +
                         how};
}

// The pool's own way, since what the pool finds dead is not well. A channel that opens does not say that
// commands run, so one is run as well.
void use_lease(findings& found, const options& from, runtime& pools, lease& lease,
               const signal_watch& signals) {
  if (!from.check_command.empty())
    run(found, lease, from.check_command, signals);
  else if (probe(found, pools, lease) && !probes_by_exec(pools, from.cluster))
    run(found, lease, "true", signals);
}

// The machines of the cluster that `lease` is not on: each is gone to once.
void look_at_others(findings& found, const options& from, runtime& pools, openings& opened,
                    const std::string& seen, const signal_watch& signals) {
  auto status = pools.pool(from.cluster);
  if (!status || status->machines.size() < 2)
    return;
  for (auto& each : found.steps)
    if (each.hop.empty())
      each.machine = seen;
  for (const auto& machine : status->machines) {
    if (machine.machine == seen || signals.caught() != 0)
      continue;
    findings there;
    auto before = opened.of(from.cluster).size();
    acquire_options how{from.patience, "check", signals.token()};
    how.machine = machine.machine;
    auto lease = pools.try_acquire(from.cluster, std::move(how));
    if (lease) {
      opened.wait_for(lease->connection(), std::chrono::milliseconds{500});
    } else {
      there.trouble = lease.error();
    }
    auto events = opened.of(from.cluster);
    events.erase(events.begin(),
                 events.begin() + static_cast<std::ptrdiff_t>(std::min(before, events.size())));
    add_openings(there, events);
    if (lease) {
      use_lease(there, from, pools, *lease, signals);
      static_cast<void>(lease->release());
    } else if (there.steps.empty()) {
      there.steps.push_back({"connection", {}, there.trouble.text, true});
    }
    for (auto& each : there.steps) {
      each.machine = machine.machine;
      found.steps.push_back(std::move(each));
    }
    if (found.trouble.code == errc::none && there.trouble.code != errc::none)
      found.trouble = {there.trouble.code, from.cluster + ": " + machine.machine + ": " + there.trouble.text};
  }
}

findings look(const options& from, pools_at_hand& reached, const names_shown& names,
              const signal_watch& signals) {
  findings found;
  auto& pools = *reached.pools;
  found.of_node = reached.of_node;
  if (auto status = pools.pool(from.cluster))
    found.destination = status->destination;
  std::vector<connection_id> before;
  was_open_before(pools, from.cluster, before);
  auto opened = std::make_shared<openings>(from.cluster);
  auto way = way_to(from.cluster, names);
  std::vector<result<subscription>> subscribed;
  auto hear = [opened](const event_record& event) { opened->add(event); };
  for (const auto& each : way)
    subscribed.push_back(pools.subscribe(each, hear));
  subscribed.push_back(pools.subscribe(from.cluster, hear));
  auto lease = waiting_words{from, pools}.wait(
      pools.async().acquire(from.cluster, {from.patience, "check", signals.token()}));
  if (!lease) {
    found.trouble = lease.error();
    if (subscribed.back())
      opened->wait_for_refusal(std::chrono::milliseconds{500});
    add_refused(found, pools, *opened, way, from.cluster);
    return found;
  }
  std::set<std::string> told;
  tell_of_log_in(from, pools, *lease, told);
  found.was_open = std::find(before.begin(), before.end(), lease->connection()) != before.end();
  if (!found.was_open && subscribed.back()) {
    opened->wait_for(lease->connection(), std::chrono::seconds{2});
    add_all(found, pools, heard_of(*opened, way, from.cluster), way, from.cluster);
  }
  use_lease(found, from, pools, *lease, signals);
  tell_of_log_in(from, pools, *lease, told);
  if (found.trouble.code != errc::none)
    found.trouble.text = from.cluster + ": " + found.trouble.text;
  auto machine = lease->machine();
  static_cast<void>(lease->release());
  if (!machine.empty())
    look_at_others(found, from, pools, *opened, machine, signals);
  return found;
}

void name_hops_as_written(findings& found, const names_shown& names) {
  for (auto& each : found.steps) {
    for (auto* text : {&each.text, &each.brief})
      *text = names.in(std::move(*text));
    each.hop = names.of(each.hop);
  }
  for (auto& each : found.keys)
    each.hop = names.of(each.hop);
}

} // namespace

ending run_check(const options& from) {
  signal_watch signals;
  auto config = read_configuration(from);
  if (!config)
    return {wrong_config, 0};
  auto begin = clock::now();
  auto reached = reach_cluster(from, *config, signals);
  if (!reached.pools && signals.caught() != 0)
    return {failed, signals.caught()};
  if (!reached.pools) {
    findings none;
    none.of_node = reached.of_node;
    none.trouble = reached.reason;
    auto end = from.json ? say(json_of(from, none, clock::now() - begin)) : ending{};
    return end.signal != 0 ? end : refuse(reached.reason);
  }
  auto names = ask_for_names(*reached.pools);
  auto found = look(from, reached, names, signals);
  auto took = clock::now() - begin;
  found.interrupted = signals.caught() != 0;
  refusal_told told{found.trouble, found.trouble};
  if (!found.interrupted && found.trouble.code != errc::none)
    told = tell_refusal(from, found.trouble, reached, names);
  found.trouble = from.json ? told.reason : told.shown;
  if (!found.hangs.empty() && told.advice.empty())
    told.advice = "the log-in at '" + printable(names.of(found.hangs)) +
                  "' hangs where the table ends; that takes seconds at most where all is well: try later, or "
                  "ask the site";
  if (!from.json) // scripts go by the names that a node knows
    name_hops_as_written(found, names);
  reached.pools->stop();
  auto end = say(from.json ? json_of(from, found, took) : text_of(from, found, took));
  if (signals.caught() != 0)
    return {refused, signals.caught()};
  if (found.trouble.code == errc::none || end.signal != 0)
    return end;
  return refuse(told.shown, told.advice);
}

} // namespace moorage::cli
