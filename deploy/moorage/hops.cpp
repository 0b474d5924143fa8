#include "deploy/moorage/hops.hpp"

#include <algorithm>

#include "deploy/moorage/advice.hpp"
#include "messages/printable.hpp"

namespace moorage::cli {

namespace {

/// Behind a hyphen.
constexpr std::size_t digest_size = 12;

} // namespace

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::vector<std::string> way_to(runtime& pools, const std::string& cluster) {
  std::vector<std::string> way;
  auto known = pools.clusters();
  if (!known)
    return way; // of a node of another version, for instance
  auto jump_of = [&](const std::string& name) {
    auto found = std::find_if(known->begin(), known->end(), [&](const auto& x) { return x.name == name; });
    return found == known->end() ? std::string{} : found->jump;
  };
  for (auto next = jump_of(cluster); !next.empty() && way.size() < known->size(); next = jump_of(next))
    way.insert(way.begin(), next);
  return way;
}

trouble_spot trouble_spot_of(const std::string& cluster, const failure& reason, runtime& pools) {
  // What is behind a jump host is told with that one's code.
  if (reason.code == errc::connect_failed || reason.code == errc::no_credentials || is_latched(reason.code))
    for (const auto& hop : way_to(pools, cluster)) {
      auto pool = pools.pool(hop);
      if (!pool || pool->idle + pool->leased > 0) // it carries
        continue;
      for (auto code : {pool->latched.code, pool->backing_off.code})
        if (needs_mending(code))
          return {hop, code};
    }
  return {cluster, reason.code};
}

std::string name_as_written(const std::string& hop, const configuration& config) {
  if (hop.size() <= digest_size + 1 || config.find(hop) != nullptr)
    return hop;
  const auto hyphen = hop.size() - digest_size - 1;
  const auto digest = hop.find_first_not_of("0123456789abcdef", hyphen + 1) == std::string::npos;
  return hop[hyphen] == '-' && digest ? hop.substr(0, hyphen) : hop;
}

std::string name_as_called(const options& from) {
  return from.exec.written.empty() ? from.cluster : from.exec.written;
}

std::string in_written_names(std::string text, const std::vector<std::string>& names,
                             const configuration& config) {
  for (const auto& name : names)
    replace_all(text, "'" + printable(name) + "'", "'" + printable(name_as_written(name, config)) + "'");
  return text;
}

} // namespace moorage::cli
