#include "deploy/moorage/hops.hpp"

#include <algorithm>
#include <utility>

#include "deploy/moorage/advice.hpp"
#include "messages/printable.hpp"
#include "runtime/config/settings_digest.hpp"

namespace moorage::cli {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string name_as_written(const cluster_settings& of) {
  const auto hyphen = of.name.rfind('-');
  if (hyphen == std::string::npos || hyphen == 0 || of.name.substr(hyphen + 1) != settings_digest(of))
    return of.name;
  return of.name.substr(0, hyphen);
}

names_shown::names_shown(std::vector<cluster_settings> known) : known_(std::move(known)) {
  std::vector<std::string> written;
  for (const auto& each : known_)
    written.push_back(name_as_written(each));
  for (std::size_t i = 0; i < known_.size(); ++i)
    if (written[i] != known_[i].name && std::count(written.begin(), written.end(), written[i]) == 1)
      shown_.emplace_back(known_[i].name, written[i]);
}

const cluster_settings* names_shown::find(const std::string& name) const {
  auto found =
      std::find_if(known_.begin(), known_.end(), [&](const auto& each) { return each.name == name; });
  return found == known_.end() ? nullptr : &*found;
}

std::string names_shown::of(const std::string& name) const {
  for (const auto& [made_up, written] : shown_)
    if (made_up == name)
      return written;
  return name;
}

std::string names_shown::in(std::string text) const {
  for (const auto& [made_up, written] : shown_)
    replace_all(text, "'" + printable(made_up) + "'", "'" + printable(written) + "'");
  return text;
}

std::string names_shown::meant_by(const std::string& shown) const {
  for (const auto& [made_up, written] : shown_)
    if (written == shown)
      return made_up;
  return shown;
}

names_shown ask_for_names(runtime& pools) {
  auto known = pools.clusters();
  return known ? names_shown{std::move(*known)} : names_shown{};
}

bool is_of_link(errc code) {
  return code == errc::node_lost || code == errc::no_node || code == errc::request_timeout;
}

std::string in_written_names(const failure& why, runtime& pools) {
  return why.text.find('\'') == std::string::npos || is_of_link(why.code) ? why.text
                                                                          : ask_for_names(pools).in(why.text);
}

std::vector<std::string> way_to(const std::string& cluster, const names_shown& names) {
  std::vector<std::string> way;
  for (const auto* next = names.find(cluster); next != nullptr && !next->jump.empty();) {
    if (way.size() == names.known().size())
      break; // a circle, which nobody takes
    way.insert(way.begin(), next->jump);
    next = names.find(next->jump);
  }
  return way;
}

trouble_spot trouble_spot_of(const std::string& cluster, const failure& reason, runtime& pools,
                             const names_shown& names) {
  // What is behind a jump host is told with that one's code.
  if (reason.code == errc::connect_failed || reason.code == errc::no_credentials || is_latched(reason.code))
    for (const auto& hop : way_to(cluster, names)) {
      auto pool = pools.pool(hop);
      if (!pool || pool->idle + pool->leased > 0) // it carries
        continue;
      for (auto code : {pool->latched.code, pool->backing_off.code})
        if (needs_mending(code))
          return {hop, code};
    }
  return {cluster, reason.code};
}

std::string name_as_called(const options& from) {
  return from.exec.written.empty() ? from.cluster : from.exec.written;
}

} // namespace moorage::cli
