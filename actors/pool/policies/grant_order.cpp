// What makes one connection better than another.
#include "actors/pool/policies/grant_order.hpp"

namespace moorage {

std::optional<grant_rank> rank_for_grant(const grant_candidate& candidate, const health& health) {
  auto failed = health.failures() > 0;
  if (candidate.in_use >= candidate.channels || (failed && (candidate.in_use > 0 || candidate.busy)) ||
      health.is_late())
    return {};
  using doubt = grant_rank::doubt;
  auto doubtful = failed               ? doubt::failed
                  : health.doubted()   ? doubt::doubted
                  : candidate.slow     ? doubt::slow
                  : candidate.outlived ? doubt::outlived
                                       : doubt::sound;
  return grant_rank{doubtful,           static_cast<bool>(health.probe()),
                    candidate.demerits, candidate.spread ? candidate.in_use : ~candidate.in_use,
                    ~candidate.stamp,   candidate.connection};
}

} // namespace moorage
