#include "deploy/moorage/pools.hpp"

namespace moorage::cli {

bool makes_pools_here() {
  return true;
}

failure have_pools(signal_watch&) {
  return {};
}

std::optional<runtime> make_pools(configuration config, signal_watch&, failure& reason, runtime_options how) {
  try {
    return runtime{std::move(config), std::move(how)};
  } catch (const error& refused) {
    reason = refused.reason();
    return std::nullopt;
  }
}

result<runtime> connect_over_tls(const node_address& node, std::chrono::milliseconds timeout,
                                 runtime_options how, signal_watch*) {
  return runtime::try_connect(node, timeout, std::move(how));
}

} // namespace moorage::cli
