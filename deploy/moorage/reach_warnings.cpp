// What is told of what can be reached, and of what cannot, beside going on.
#include <algorithm>
#include <set>

#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/output.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/told_once.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

bool ask_openssh_of_all(const options& from, configuration& config, const signal_watch& signals,
                        std::string* wrong) {
  auto problems = ask_openssh(config, signals.token());
  config.ssh_answers.reset(); // all is known, and a node need not keep what ssh said of its files
  for (const auto& each : problems) {
    complain(to_string(each));
    if (wrong != nullptr)
      *wrong += (wrong->empty() ? "" : "\n") + to_string(each);
  }
  if (from.quiet == 0)
    for (auto each : config.clusters) {
      each.jumps.clear(); // which are among the clusters
      for (const auto& line : not_followed_of(each, true))
        complain(line);
    }
  return problems.empty();
}

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

std::vector<std::string> not_followed_of(const cluster_config& of, bool of_distributions) {
  std::vector<std::string> result;
  std::string options;
  bool counts = of_distributions;
  for (const auto& each : of.not_followed) {
    options += (options.empty() ? "" : ", ") + each;
    counts = counts || each != "GSSAPIAuthentication"; // which Debian has in its Host *
  }
  if (counts && !options.empty())
    result.push_back(name_as_written(of.settings) +
                     ": of what ssh's configuration says, not followed: " + options);
  for (const auto& jump : of.jumps)
    for (auto& each : not_followed_of(jump, of_distributions))
      result.push_back(std::move(each));
  return result;
}

// True: each time, and of all.
static bool wants_all(const options& from) {
  return from.verbose > 0 || (from.which == command::check && from.quiet == 0);
}

std::vector<std::string> not_followed_for(const options& from, const cluster_config& of) {
  return not_followed_of(of, wants_all(from));
}

void tell_not_followed(const options& from, const std::vector<std::string>& lines) {
  if (wants_all(from))
    for (const auto& each : lines)
      complain(each);
  else if (from.quiet == 0 && (from.which == command::exec || from.which == command::ssh))
    tell_once(lines);
}

void tell_unreachable(const runtime& nodes) {
  for (const auto& [address, why] : nodes.unreachable())
    complain("without the clusters of the node at " + address +
             ", which cannot be reached: " + printable(why.text, printable_whole));
}

} // namespace moorage::cli
