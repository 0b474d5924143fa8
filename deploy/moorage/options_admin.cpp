// What `moorage admin` takes: questions, the orders as their table has them, and events.
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/orders.hpp"
#include "messages/events.hpp"

namespace moorage::cli {

void command_line::add_admin() {
  auto* admin =
      add(command::admin, "admin", "Look into the pools of the node, and steer them",
          {.paragraphs = {"Needs a node: start one with moorage serve.",
                          "An order is for one cluster's pool, or, with @all as CLUSTER, for every pool."},
           .examples = {{"moorage admin connections lumi", "each connection, its state and age"},
                        {"moorage admin explain lumi", "why somebody waits, and what for"},
                        {"moorage admin evict lumi c3", "close one"},
                        {"moorage admin reset lumi", "try again after a denied log-in was mended"},
                        {"moorage admin drain lumi 10min", "before a maintenance; resume ends it"},
                        {"moorage admin reconnect @all 10min", "every pool, one connection after another"},
                        {"moorage admin events", "what happens, as it happens"}},
           .exit_codes = true});
  admin->require_subcommand(1);
  admin->fallthrough();
  add_action(*admin, "pools", "The pools and their counts", false);
  add_action(*admin, "connections", "The connections of a pool", true);
  add_action(*admin, "leases", "Who holds which lease of a pool", true);
  add_action(*admin, "waiters", "Who waits for a lease", true);
  add_action(*admin, "explain", "Why somebody waits, nothing is opened, or a connection is passed over",
             true);
  add_action(*admin, "errors", "The latest errors and warnings of a pool, the oldest first", true);
  add_action(*admin, "settings", "The settings in force, their defaults, and what a change does", true);
  for (const auto& order : orders()) {
    auto* action = add_action(*admin, order.name, order.summary, true);
    for (const auto& argument : order.arguments)
      add_argument(*action, argument);
  }
  auto* reload = add(*admin, "reload",
                     "Have the node read its configuration again, as SIGHUP does, and tell what changed",
                     {.exit_codes = true});
  reload->callback([this] { options_.admin.action = "reload"; });
  add_events(*admin);
  auto* stop =
      add(*admin, "stop", "End the node, with all its connections",
          {.paragraphs = {"With --within it serves nobody any more, and ends when all leases have ended, "
                          "at the latest after that time; moorage admin resume @all calls that off, and an "
                          "interrupt of the command does not."},
           .exit_codes = true});
  stop->callback([this] { options_.admin.action = "stop"; });
  add_duration(*stop, "--within", options_.admin.within,
               "Wait until leases have ended, for this time at most, such as 10min. Otherwise they end now");
}

void command_line::add_events(CLI::App& admin) {
  auto* events =
      add(admin, "events", "Tell what happens as it happens, until Ctrl-C",
          {.paragraphs = {"Which events there are, how much each matters and what it means, the manual page "
                          "says: moorage man."},
           .examples = {{"moorage admin events --severity warning", "what somebody should look at"},
                        {"moorage admin events lumi mahti --kinds opened,closed,lost", "two pools' "
                                                                                       "connections"}},
           .exit_codes = true});
  events->callback([this] { options_.admin.action = "events"; });
  events->add_option("CLUSTER", options_.admin.clusters, "its name; more may follow")->type_name("");
  std::vector<std::string> severities, kinds;
  for (auto each : {severity::debug, severity::info, severity::warning, severity::error, severity::critical})
    severities.push_back(to_string(each));
  for (const auto& row : event_rows)
    kinds.push_back(row.name);
  auto* least =
      events->add_option("--severity", options_.admin.severity,
                         "Only what matters as much as this, or more: debug, info, warning, error or "
                         "critical");
  least->type_name("SEVERITY");
  set_choices(*least, severities);
  auto* only = events->add_option("--kinds", options_.admin.kinds,
                                  "Only events of these kinds, with commas between them, such as "
                                  "opened,closed; may be repeated");
  only->type_name("KINDS")
      ->expected(1)
      ->allow_extra_args(false) // the next word may be a cluster
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  set_choices(*only, kinds);
}

} // namespace moorage::cli
