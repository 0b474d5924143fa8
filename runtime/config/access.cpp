#include "runtime/config/access.hpp"

#include <algorithm>

namespace moorage {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_dns_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

} // namespace

access_rights rights_of(const std::vector<access_entry>& entries, const std::string& subject,
                        const std::vector<std::string>& uris, const std::vector<std::string>& dns) {
  auto names_it = [&](std::string_view named) {
    auto name = named.substr(std::min(named.find(':') + 1, named.size()));
    if (name.empty())
      return false;
    if (named.starts_with("uri:"))
      return std::find(uris.begin(), uris.end(), name) != uris.end();
    if (named.starts_with("dns:"))
      return std::any_of(dns.begin(), dns.end(), [name](const auto& x) { return same_dns_name(x, name); });
    return named.starts_with("subject:") && subject == name;
  };
  access_rights result;
  for (const auto& entry : entries)
    if (names_it(entry.certificate))
      for (auto right : entry.allow)
        for (const auto& pattern : entry.clusters)
          result.allow(right, pattern);
  return result;
}

} // namespace moorage
