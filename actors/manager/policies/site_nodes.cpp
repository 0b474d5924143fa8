// Nodes by name.
#include "actors/manager/policies/site_nodes.hpp"

#include "messages/printable.hpp"

namespace moorage {

cluster_place site_nodes::place(const std::string& cluster, const std::string& node) const {
  auto known = addresses.find(node);
  return {cluster, node, node == own || known == addresses.end() ? std::string{} : known->second};
}

std::string site_nodes::in_words(const std::string& node) const {
  auto known = addresses.find(node);
  return "node '" + printable(node) + "'" + (known == addresses.end() ? "" : " (" + known->second + ")");
}

failure site_nodes::check_target(const std::string& node) const {
  if (own.empty())
    return {errc::invalid_request,
            "this node has no name, so that no cluster can be moved from it or to it: give it [nodes] and "
            "[node] name in its configuration"};
  if (addresses.contains(node))
    return {};
  std::string names;
  for (const auto& [name, address] : addresses)
    names += (names.empty() ? "" : ", ") + name;
  return {errc::invalid_request,
          "there is no node '" + printable(node) +
              "' in this node's configuration; [nodes] has: " + (names.empty() ? "none" : names)};
}

} // namespace moorage
