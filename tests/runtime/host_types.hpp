// A host's own message types, in a block that follows ours.
#pragma once

#include "messages/type_ids.hpp"

struct host_message {
  int value = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, host_message& x) {
  return f(x.value);
}

CAF_BEGIN_TYPE_ID_BLOCK(host_types, ::moorage::next_type_id)
CAF_ADD_TYPE_ID(host_types, (host_message))
CAF_END_TYPE_ID_BLOCK(host_types)
