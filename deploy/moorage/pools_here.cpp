#include "deploy/moorage/pools.hpp"

namespace moorage::cli {

std::optional<runtime> make_pools(configuration config, signal_watch&, failure& reason) {
  try {
    return runtime{std::move(config)};
  } catch (const error& refused) {
    reason = refused.reason();
    return std::nullopt;
  }
}

} // namespace moorage::cli
