#include "runtime/ssh/opening/host_key_memory.hpp"

#include <algorithm>

namespace moorage {

host_key_memory::place host_key_memory::place_of(const known_hosts& known) {
  return {known.files.empty() ? std::string{} : known.files.front(),
          known_hosts_name(known.host, known.port)};
}

host_key_verdict host_key_memory::judge(const known_hosts& known, const host_key& shown,
                                        host_key_policy policy) {
  auto verdict = judge_host_key(known, shown, policy);
  if (!verdict.accepted || !verdict.to_write)
    return verdict;
  known_host first;
  {
    std::lock_guard guard{mutex_};
    first.key = kept_.emplace(place_of(known), shown).first->second;
  }
  if (first.key == shown)
    return verdict;
  auto better = known;
  better.entries.push_back(std::move(first));
  return judge_host_key(better, shown, policy);
}

void host_key_memory::forget(const known_hosts& known) {
  std::lock_guard guard{mutex_};
  kept_.erase(place_of(known));
}

void host_key_memory::add_to(known_hosts& known) {
  const bool in_files = std::any_of(known.entries.begin(), known.entries.end(), [](const known_host& entry) {
    return entry.marker == host_marker::none && !entry.without_port;
  });
  std::lock_guard guard{mutex_};
  auto found = kept_.find(place_of(known));
  if (found == kept_.end())
    return;
  if (in_files) {
    kept_.erase(found);
    return;
  }
  known_host entry;
  entry.key = found->second;
  known.entries.push_back(std::move(entry));
}

} // namespace moorage
