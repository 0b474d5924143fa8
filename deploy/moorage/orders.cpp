#include "deploy/moorage/orders.hpp"

#include <chrono>
#include <utility>

#include "deploy/moorage/advice.hpp"
#include "messages/settings_table.hpp"

namespace moorage::cli {

namespace {

constexpr order_argument a_connection[] = {
    {"CONNECTION", "c", "as `admin connections` shows it, such as c3"}};
constexpr order_argument a_lease[] = {{"LEASE", "l", "as `admin leases` shows it, such as l7"}};
constexpr order_argument a_size[] = {{"SIZE", "", "connections at most", UINT32_MAX}};
constexpr order_argument all_pauses[] = {{.name = "--all",
                                          .prefix = "",
                                          .summary = "End every pause, whoever's it is",
                                          .flag = &admin_options::all}};
constexpr order_argument a_deadline[] = {
    {.name = "WITHIN",
     .prefix = "",
     .summary = "when leases are ended that have not ended by then, such as 10min; 0: now",
     .is_duration = true}};
constexpr order_argument a_spread[] = {{.name = "SPREAD",
                                        .prefix = "",
                                        .summary = "over what time, such as 10min; 0: at once",
                                        .is_duration = true}};
constexpr order_argument a_move[] = {
    {.name = "NODE", .prefix = "", .summary = "the node's name in [nodes]", .text = &admin_options::value},
    {.name = "WITHIN",
     .prefix = "",
     .summary = "when leases are ended that have not ended by then, such as 10min; 0: now",
     .is_duration = true}};
constexpr order_argument a_setting[] = {{.name = "KEY",
                                         .prefix = "",
                                         .summary = "the setting's name, such as pool_size",
                                         .text = &admin_options::key,
                                         .known = cluster_field_names},
                                        {.name = "VALUE",
                                         .prefix = "",
                                         .summary = "as it may stand after -o KEY=",
                                         .text = &admin_options::value}};

std::chrono::milliseconds duration_of(const options& from) {
  return std::chrono::milliseconds{from.admin.number};
}

/// `words` if it was done.
result<std::string> say_of(const options& from, const result<std::string>& answer, std::string words) {
  if (!answer)
    return answer.error();
  return from.cluster == every_pool ? *answer + words : words;
}

/// For what lasts until then. What every pool has said already stands before it.
std::string until_resumed(const options& from, const char* state) {
  return (from.cluster == every_pool ? "" : from.cluster + " is " + state) +
         "; resume with: " + admin_command(from, "resume", from.cluster);
}

/// What has changed, as the pool says it.
result<std::string> say_what_changed(const options& from, const result<std::string>& answer) {
  if (!answer)
    return answer.error();
  return from.cluster == every_pool ? *answer : from.cluster + ": " + *answer;
}

/// And how those end that hold still.
result<std::string> resume(runtime& node, const options& from) {
  auto said = say_what_changed(from, node.resume(from.cluster, from.admin.all));
  if (from.cluster == every_pool) // the words tell whose pauses hold still
    return said;
  if (auto pool = node.pool(from.cluster); said && pool && !pool->pauses.empty())
    return *said + "; end every pause with: " + admin_command(from, "resume --all", from.cluster);
  return said;
}

constexpr order_row every_order[] = {
    {"pause",
     "Grant no more leases and open no more connections, until a resume",
     {},
     [](runtime& node, const options& from) {
       return say_of(from, node.pause(from.cluster, true), until_resumed(from, "paused"));
     }},
    {"suspend",
     "Refuse whoever comes; serve those who wait",
     {},
     [](runtime& node, const options& from) {
       return say_of(from, node.suspend(from.cluster), until_resumed(from, "suspended"));
     }},
    {"resume", "End the pauses that are to be kept until then, the suspension or the drain", all_pauses,
     resume},
    {"drain", "Serve nobody, and wait until all connections are closed", a_deadline,
     [](runtime& node, const options& from) {
       return say_of(from, node.drain(from.cluster, duration_of(from)), until_resumed(from, "drained"));
     }},
    {"move", "Drain the cluster where it is, and open it on another of the site's nodes", a_move,
     [](runtime& node, const options& from) {
       return say_what_changed(from, node.move(from.cluster, from.admin.value, duration_of(from)));
     }},
    {"probe",
     "Check the idle connections now",
     {},
     [](runtime& node, const options& from) { return say_what_changed(from, node.probe(from.cluster)); }},
    {"evict", "Close a connection; a leased one when its leases end", a_connection,
     [](runtime& node, const options& from) {
       return say_what_changed(from, node.evict(from.cluster, connection_id{from.admin.number}));
     }},
    {"revoke", "End a lease against its holder's will", a_lease,
     [](runtime& node, const options& from) {
       return say_what_changed(from, node.revoke(from.cluster, lease_id{from.admin.number}));
     }},
    {"resize", "Change the pool's size until the node ends", a_size,
     [](runtime& node, const options& from) {
       return say_what_changed(from,
                               node.resize(from.cluster, static_cast<std::uint32_t>(from.admin.number)));
     }},
    {"set", "Change a setting until the cluster's configuration changes, or the node ends", a_setting,
     [](runtime& node, const options& from) {
       return node.set(from.cluster, from.admin.key, from.admin.value);
     }},
    {"reset",
     "Forget denied log-ins and host keys, waits after failures, signs of a ban",
     {},
     [](runtime& node, const options& from) { return say_what_changed(from, node.reset(from.cluster)); }},
    {"reconnect", "Replace the open connections, leased ones when their leases end", a_spread,
     [](runtime& node, const options& from) {
       return say_what_changed(from, node.reconnect(from.cluster, duration_of(from)));
     }},
    {"disconnect",
     "Close all connections and refuse the waiters",
     {},
     [](runtime& node, const options& from) {
       return say_of(from, node.disconnect(from.cluster),
                     from.cluster == every_pool ? "" : from.cluster + " is disconnected");
     }},
    {"record",
     "Write down what the pool did lately, for moorage replay, and print the file's path",
     {},
     [](runtime& node, const options& from) { return node.record(from.cluster); }},
};

} // namespace

std::span<const order_row> orders() {
  return every_order;
}

} // namespace moorage::cli
