// What each message of an outsider's needs. One that is on the outsiders' list (messages/type_ids.hpp) and
// not here does not compile.
#pragma once

#include <string>

#include "messages/access.hpp"
#include "messages/interfaces.hpp"

namespace moorage {

/// The refusal `not_permitted` for want of a right, or of the leave to set what is the node's owner's
/// (`owners`: its name). Code `none`: it may.
failure lacking(const access_rights& rights, access_right right, const std::string& cluster,
                const std::string& owners = {});
/// The setting in it that is the owner's alone; empty: none.
std::string owners_setting(const set_setting& order);
template <class Order>
std::string owners_setting(const Order&) {
  return {};
}

inline failure refusal(const access_rights& rights, const acquire& x) {
  return lacking(rights, access_right::use, x.cluster);
}
inline failure refusal(const access_rights& rights, const acquire_machine& x) {
  return refusal(rights, x.what);
}
inline failure refusal(const access_rights& rights, const run_once& x) {
  return lacking(rights, access_right::use, x.from.cluster);
}
/// Whoever may do anything with a cluster may know that it exists.
inline failure refusal(const access_rights& rights, const get_pool& x) {
  return rights.may_see(x.cluster) ? failure{} : lacking(rights, access_right::use, x.cluster);
}

/// And where it is.
inline failure refusal(const access_rights& rights, const locate_cluster& x) {
  return rights.may_see(x.cluster) ? failure{} : lacking(rights, access_right::use, x.cluster);
}

#define MOORAGE_NEEDS(what, type)                                                                            \
  inline failure refusal(const access_rights& rights, const type& x) {                                       \
    return lacking(rights, access_right::what, x.cluster, owners_setting(x));                                \
  }
#define MOORAGE_NEEDS_ADMIN(type) MOORAGE_NEEDS(admin, type)
MOORAGE_NEEDS(observe, get_connections)
MOORAGE_NEEDS(observe, get_leases)
MOORAGE_NEEDS(observe, get_waiters)
MOORAGE_NEEDS(observe, get_explanation)
MOORAGE_NEEDS(observe, get_errors)
MOORAGE_NEEDS(observe, subscribe)
MOORAGE_ORDERS(MOORAGE_NEEDS_ADMIN, )
MOORAGE_NEEDS(admin, remove_cluster)
MOORAGE_NEEDS(admin, hand_over_cluster)
MOORAGE_NEEDS(admin, take_over_cluster)
#undef MOORAGE_NEEDS_ADMIN
#undef MOORAGE_NEEDS

/// All settings of a cluster at once, those that are the owner's among them, also where they are back at
/// their defaults.
inline failure refusal(const access_rights& rights, const register_cluster& x) {
  return lacking(rights, access_right::admin, x.settings.name, "what a cluster is");
}
inline failure refusal(const access_rights& rights, const shut_down_pools&) {
  return lacking(rights, access_right::admin, every_pool);
}
inline failure refusal(const access_rights& rights, const reload_configuration&) {
  return lacking(rights, access_right::admin, every_pool);
}

#define MOORAGE_NEEDS_NOTHING(type)                                                                          \
  inline failure refusal(const access_rights&, const type&) {                                                \
    return {};                                                                                               \
  }
// About what the sender holds or has under way, and nobody else's.
MOORAGE_NEEDS_NOTHING(cancel_acquire)
MOORAGE_NEEDS_NOTHING(release_lease)
MOORAGE_NEEDS_NOTHING(run_command)
MOORAGE_NEEDS_NOTHING(open_stream)
MOORAGE_NEEDS_NOTHING(open_last_stream)
MOORAGE_NEEDS_NOTHING(cancel_command)
MOORAGE_NEEDS_NOTHING(grant_stream_credit)
MOORAGE_NEEDS_NOTHING(took_stream_output)
MOORAGE_NEEDS_NOTHING(send_stream_input)
MOORAGE_NEEDS_NOTHING(end_stream_input)
MOORAGE_NEEDS_NOTHING(probe_lease)
MOORAGE_NEEDS_NOTHING(grant_event_credit)
// Their answers hold what may be seen.
MOORAGE_NEEDS_NOTHING(list_clusters)
MOORAGE_NEEDS_NOTHING(get_pools)
#undef MOORAGE_NEEDS_NOTHING

/// Takes out of an answer what may not be seen.
void keep_seen(const access_rights& rights, cluster_list& answer);
void keep_seen(const access_rights& rights, pool_list& answer);
template <class Answer>
void keep_seen(const access_rights&, Answer&) {}
/// Of a refusal too, whose text may list what is registered.
void keep_seen(const access_rights& rights, failure& reason);

} // namespace moorage
