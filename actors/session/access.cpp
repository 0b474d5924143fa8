#include "actors/session/access.hpp"

#include <algorithm>
#include <utility>

#include "messages/error_words.hpp"
#include "messages/printable.hpp"
#include "messages/settings_table.hpp"

namespace moorage {

#define MOORAGE_IS_LOOKED_AT(type)                                                                           \
  static_assert(                                                                                             \
      requires(const access_rights& rights, const type& x) { refusal(rights, x); },                          \
      "what it needs is to be said in access.hpp");
MOORAGE_SAID_BY_OUTSIDERS(MOORAGE_IS_LOOKED_AT)
#undef MOORAGE_IS_LOOKED_AT

failure lacking(const access_rights& rights, access_right right, const std::string& cluster,
                const std::string& owners) {
  if (!rights.may(right, cluster)) {
    auto all = cluster.empty() || cluster == every_pool;
    if (!all && !has_patterns(cluster))
      return {errc::not_permitted,
              "not permitted: '" + printable(cluster) +
                  "' is a destination, and clients that are not the node's own user have "
                  "what the node's configuration names and gives them ([[access]])"};
    return {errc::not_permitted,
            "not permitted: this client lacks the right '" + to_string(right) + "' on " +
                (all ? "every cluster (\"*\")" : "cluster '" + printable(cluster) + "'") +
                ", which the node's configuration gives ([[access]])"};
  }
  if (!owners.empty() && !rights.may_name_files())
    return {errc::not_permitted,
            "not permitted: " + owners +
                " is set in the node's own configuration, or by its own user on its Unix socket"};
  return {};
}

std::string owners_setting(const set_setting& order) {
  const auto* field = find_cluster_field(order.key);
  return field != nullptr && field->owners ? order.key : std::string{};
}

void keep_seen(const access_rights& rights, cluster_list& answer) {
  std::erase_if(answer.clusters, [&rights](const auto& each) { return !rights.may_see(each.name); });
}

void keep_seen(const access_rights& rights, pool_list& answer) {
  std::erase_if(answer.pools, [&rights](const auto& each) { return !rights.may_see(each.cluster); });
}

void keep_seen(const access_rights& rights, failure& reason) {
  if (reason.code == errc::unknown_cluster && !rights.is_everything())
    reason.text =
        in_words(reason.code) +
        "; clients that are not the node's own user bring none: have it added to the node's "
        "configuration ([clusters.NAME]; with ssh_host, where it is a Host of ~/.ssh/config) and to "
        "what this client may use ([[access]])";
}

} // namespace moorage
