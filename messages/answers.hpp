// What a request to a session, a manager or a pool may be answered by. Whoever asks on behalf of others is
// compiled once for each, in one file: what CAF makes of a request takes a compiler seconds. One that is
// missing here does not link.
#pragma once

#include "messages/admin.hpp"
#include "messages/clusters.hpp"
#include "messages/done.hpp"
#include "messages/evidence.hpp"
#include "messages/explanation.hpp"
#include "messages/placement.hpp"

#define MOORAGE_ANSWERS(each)                                                                                \
  each(done) each(cluster_list) each(pool_status) each(pool_list) each(connection_list) each(lease_list)     \
      each(waiter_list) each(explanation) each(error_list) each(probe_answer) each(cluster_place)            \
          each(cluster_handed_over)
