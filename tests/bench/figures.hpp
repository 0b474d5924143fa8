// What is measured. Each function measures one row of the table, and appends a figure or several.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/measure.hpp"

namespace moorage::bench {

using figures = std::vector<figure>;

// acquiring.cpp
void quiet_acquire(const effort& effort, figures& into);
void acquire_while_hung(const effort& effort, figures& into);
void acquire_while_opening(const effort& effort, figures& into);
void acquire_beside_openings(const effort& effort, figures& into);
void acquire_beside_waiters(const effort& effort, figures& into);
// policies.cpp
void acquire_with_policies(const effort& effort, figures& into);
// many_pools.cpp
void thousand_pools(const effort& effort, figures& into);
// outages.cpp
void heal_after_outage(const effort& effort, figures& into);
void warm_beside_black_holes(const effort& effort, figures& into);
// flooding.cpp
void acquire_beside_floods(const effort& effort, figures& into);
void acquire_beside_every_flood(const effort& effort, figures& into);
// commands.cpp
void commands_against_bare_loop(const effort& effort, figures& into);
void commands_against_control_master(const effort& effort, figures& into);
// starting.cpp
void exec_against_control_master(const effort& effort, figures& into);
void acquires_from_threads(const effort& effort, figures& into);
void acquires_of_a_crowd(const effort& effort, figures& into);
// rounds.cpp
void health_round(const effort& effort, figures& into);
void hung_health_round(const effort& effort, figures& into);
void warming(const effort& effort, figures& into);
// idling.cpp
void thousand_idle(const effort& effort, figures& into);
void idle_runtime(const effort& effort, figures& into);
// other_process.cpp
void other_process(const effort& effort, figures& into);
// shared_link.cpp
void requests_beside_streams(const effort& effort, figures& into);
// many_clients.cpp
void thousand_clients(const effort& effort, figures& into);
void acquire_beside_reconnects(const effort& effort, figures& into);
// jumps.cpp
void openings_over_jump(const effort& effort, figures& into);
void commands_over_jump(const effort& effort, figures& into);
void hundred_over_jump(const effort& effort, figures& into);
// hanging.cpp
void acquire_beside_hanging(const effort& effort, figures& into);
// pool_actor.cpp
void busy_pool(const effort& effort, figures& into);

// What this program does when it is started by itself for a figure; each speaks over its standard streams and
// ends with the end of its input.

/// Prints what many idle connections cost this process: direct ones, or over one of a jump host's.
int footprint_role(const std::vector<std::string>& arguments);
/// A server that floods its client once it has been given a command.
int flood_role(const std::vector<std::string>& arguments);
/// Serves one pool on a Unix-domain socket and over TLS.
int serve_role(const std::vector<std::string>& arguments);
/// Many clients of a node, made by hand, that stay or come again and again.
int visit_role(const std::vector<std::string>& arguments);

} // namespace moorage::bench
