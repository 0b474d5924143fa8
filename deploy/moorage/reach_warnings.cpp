// What is told of what can be reached, and of what cannot, beside going on.
#include <algorithm>
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
  auto tell = [&told](const std::string& text) {
    if (told.insert(text).second)
      complain("warning: " + text);
  };
  for (const auto& cluster : clusters) {
    for (const auto& each : told_of_ssh(cluster))
      tell(each);
    for (const auto& each : check_files(config, cluster)) {
      if (unwanted && unwanted())
        return;
      tell(to_string(each));
    }
  }
}

std::vector<std::string> told_of_ssh(const cluster_config& of) {
  auto result = of.passed_over;
  if (!of.complaints.empty())
    result.push_back("ssh says of '" + of.settings.ssh_host + "': " + of.complaints);
  for (const auto& jump : of.jumps)
    for (auto& each : told_of_ssh(jump))
      if (std::find(result.begin(), result.end(), each) == result.end())
        result.push_back(std::move(each));
  return result;
}

void tell_unreachable(const runtime& nodes) {
  for (const auto& [address, why] : nodes.unreachable())
    complain("without the clusters of the node at " + address +
             ", which cannot be reached: " + printable(why.text, printable_whole));
}

} // namespace moorage::cli
