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
constexpr order_argument a_deadline[] = {
    {.name = "WITHIN",
     .prefix = "",
     .summary = "when leases are ended that have not ended by then, such as 10min; 0: now",
     .is_duration = true}};
constexpr order_argument a_spread[] = {{.name = "SPREAD",
                                        .prefix = "",
                                        .summary = "over what time, such as 10min; 0: at once",
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

std::string number_of(const options& from) {
  return std::to_string(from.admin.number);
}

std::chrono::milliseconds duration_of(const options& from) {
  return std::chrono::milliseconds{from.admin.number};
}

/// `words` if it was done.
result<std::string> say_of(const result<void>& answer, std::string words) {
  if (!answer)
    return answer.error();
  return words;
}

/// For what lasts until then.
std::string until_resumed(const options& from, const char* state) {
  return from.cluster + " is " + state + "; resume with: " + admin_command(from, "resume", from.cluster);
}

constexpr order_row every_order[] = {
    {"pause",
     "Grant no more leases and open no more connections",
     {},
     [](runtime& node, const options& from) {
       return say_of(node.pause(from.cluster), until_resumed(from, "paused"));
     }},
    {"suspend",
     "Refuse whoever comes; serve those who wait",
     {},
     [](runtime& node, const options& from) {
       return say_of(node.suspend(from.cluster), until_resumed(from, "suspended"));
     }},
    {"resume",
     "End the pause, the suspension or the drain",
     {},
     [](runtime& node, const options& from) {
       return say_of(node.resume(from.cluster), from.cluster + " is resumed");
     }},
    {"drain", "Serve nobody, and wait until all connections are closed", a_deadline,
     [](runtime& node, const options& from) {
       return say_of(node.drain(from.cluster, duration_of(from)), until_resumed(from, "drained"));
     }},
    {"probe",
     "Check the idle connections now",
     {},
     [](runtime& node, const options& from) {
       return say_of(node.probe(from.cluster),
                     "the idle connections of " + from.cluster + " are being probed");
     }},
    {"evict", "Close a connection; a leased one when its leases end", a_connection,
     [](runtime& node, const options& from) {
       return say_of(node.evict(from.cluster, connection_id{from.admin.number}),
                     "c" + number_of(from) + " of " + from.cluster + " is evicted");
     }},
    {"revoke", "End a lease against its holder's will", a_lease,
     [](runtime& node, const options& from) {
       return say_of(node.revoke(from.cluster, lease_id{from.admin.number}),
                     "l" + number_of(from) + " of " + from.cluster + " is revoked");
     }},
    {"resize", "Change the pool's size until the node ends", a_size,
     [](runtime& node, const options& from) {
       return say_of(node.resize(from.cluster, static_cast<std::uint32_t>(from.admin.number)),
                     from.cluster + " has the size " + number_of(from));
     }},
    {"set", "Change a setting until the cluster's configuration changes, or the node ends", a_setting,
     [](runtime& node, const options& from) {
       return node.set(from.cluster, from.admin.key, from.admin.value);
     }},
    {"reset",
     "Forget denied log-ins and host keys, waits after failures, signs of a ban",
     {},
     [](runtime& node, const options& from) {
       return say_of(node.reset(from.cluster), from.cluster + " is reset");
     }},
    {"reconnect", "Replace the open connections, leased ones when their leases end", a_spread,
     [](runtime& node, const options& from) {
       return say_of(node.reconnect(from.cluster, duration_of(from)),
                     "the connections of " + from.cluster + " are being replaced");
     }},
    {"disconnect",
     "Close all connections and refuse the waiters",
     {},
     [](runtime& node, const options& from) {
       return say_of(node.disconnect(from.cluster), from.cluster + " is disconnected");
     }},
};

} // namespace

std::span<const order_row> orders() {
  return every_order;
}

} // namespace moorage::cli
