// Names that are no clusters yet: what they stand for, and how it is reached.
#include <utility>

#include "runtime/runtime.hpp"

namespace moorage {

result<void> runtime::register_host(const std::string& name, const configuration& by,
                                    const std::stop_token& stop) {
  auto known = pool(name);
  if (known || known.error().code != errc::unknown_cluster)
    return known ? result<void>{} : result<void>{known.error()};
  auto from = by;
  if (!from.ssh_answers)
    remember_openssh(from);
  cluster_config found;
  std::vector<cluster_config> jumps;
  auto wrong = find_cluster(from, name, found, stop);
  if (wrong.code == errc::none)
    wrong = find_jumps(from, found, jumps, stop);
  // Each before what goes by it.
  for (auto jump = jumps.rbegin(); jump != jumps.rend() && wrong.code == errc::none; ++jump)
    if (pool(jump->settings.name).error().code == errc::unknown_cluster)
      wrong = register_cluster(std::move(jump->settings)).error();
  if (wrong.code == errc::none)
    wrong = register_cluster(std::move(found.settings)).error();
  return wrong.code == errc::none ? result<void>{} : result<void>{std::move(wrong)};
}

} // namespace moorage
