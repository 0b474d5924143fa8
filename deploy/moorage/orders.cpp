#include "deploy/moorage/orders.hpp"

#include "deploy/moorage/advice.hpp"

namespace moorage::cli {

namespace {

constexpr order_argument a_connection{"CONNECTION", "c", "as `admin connections` shows it, such as c3"};
constexpr order_argument a_lease{"LEASE", "l", "as `admin leases` shows it, such as l7"};
constexpr order_argument a_size{"SIZE", "", "connections at most", UINT32_MAX};

std::string number_of(const options& from) {
  return std::to_string(from.admin.number);
}

constexpr order_row every_order[] = {
    {"pause", "Grant no more leases and open no more connections", nullptr,
     [](runtime& node, const std::string& cluster, std::uint64_t) { return node.pause(cluster); },
     [](const options& from) {
       return from.cluster + " is paused; resume with: " + admin_command(from, "resume", from.cluster);
     }},
    {"resume", "End the pause", nullptr,
     [](runtime& node, const std::string& cluster, std::uint64_t) { return node.resume(cluster); },
     [](const options& from) { return from.cluster + " is resumed"; }},
    {"probe", "Check the idle connections now", nullptr,
     [](runtime& node, const std::string& cluster, std::uint64_t) { return node.probe(cluster); },
     [](const options& from) { return "the idle connections of " + from.cluster + " are being probed"; }},
    {"evict", "Close a connection; a leased one when its leases end", &a_connection,
     [](runtime& node, const std::string& cluster, std::uint64_t number) {
       return node.evict(cluster, connection_id{number});
     },
     [](const options& from) { return "c" + number_of(from) + " of " + from.cluster + " is evicted"; }},
    {"revoke", "End a lease against its holder's will", &a_lease,
     [](runtime& node, const std::string& cluster, std::uint64_t number) {
       return node.revoke(cluster, lease_id{number});
     },
     [](const options& from) { return "l" + number_of(from) + " of " + from.cluster + " is revoked"; }},
    {"resize", "Change the pool's size until the node ends", &a_size,
     [](runtime& node, const std::string& cluster, std::uint64_t number) {
       return node.resize(cluster, static_cast<std::uint32_t>(number));
     },
     [](const options& from) { return from.cluster + " has the size " + number_of(from); }},
    {"reset", "Forget denied log-ins and host keys, waits after failures, signs of a ban", nullptr,
     [](runtime& node, const std::string& cluster, std::uint64_t) { return node.reset(cluster); },
     [](const options& from) { return from.cluster + " is reset"; }},
    {"disconnect", "Close all connections and refuse the waiters", nullptr,
     [](runtime& node, const std::string& cluster, std::uint64_t) { return node.disconnect(cluster); },
     [](const options& from) { return from.cluster + " is disconnected"; }},
};

} // namespace

std::span<const order_row> orders() {
  return every_order;
}

} // namespace moorage::cli
