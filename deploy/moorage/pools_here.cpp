#include "deploy/moorage/pools.hpp"

namespace moorage::cli {

std::optional<runtime> make_pools(configuration config, signal_watch&, failure& reason, runtime_options how) {
  try {
    return runtime{std::move(config), std::move(how)};
  } catch (const error& refused) {
    reason = refused.reason();
    return std::nullopt;
  }
}

} // namespace moorage::cli
