// What is told of what can be reached, and of what cannot, beside going on.
#include <set>

#include "deploy/moorage/output.hpp"
#include "deploy/moorage/reach.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

void warn_of_files(const options& from, const configuration& config,
                   const std::vector<cluster_config>& clusters, const std::function<bool()>& unwanted) {
  if (from.quiet > 1)
    return;
  std::set<std::string> told; // what stands in [defaults] is every cluster's
  for (const auto& cluster : clusters)
    for (const auto& each : check_files(config, cluster)) {
      if (unwanted && unwanted())
        return;
      if (auto text = to_string(each); told.insert(text).second)
        complain("warning: " + text);
    }
}

void tell_unreachable(const runtime& nodes) {
  for (const auto& [address, why] : nodes.unreachable())
    complain("without the clusters of the node at " + address +
             ", which cannot be reached: " + printable(why.text, printable_whole));
}

} // namespace moorage::cli
