#include "runtime/config/access.hpp"

#include <algorithm>

#include "messages/written_values.hpp"
#include "runtime/system/account.hpp"

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

result<access_rules> access_rules::of(std::vector<access_entry> entries) {
  access_rules made;
  auto unknown = [&made](const char* key, const std::string& name) {
    return failure{errc::invalid_settings,
                   "access[" + std::to_string(made.rules_.size()) + "]." + key + " = " + quote_toml(name) +
                       ": this machine knows no such " + key + "; write one that `getent " +
                       (std::string_view{key} == "user" ? "passwd" : "group") + "` lists, or a number"};
  };
  for (auto& entry : entries) {
    rule next;
    if (!entry.user.empty() && !(next.user = user_called(entry.user)))
      return unknown("user", entry.user);
    if (!entry.group.empty() && !(next.group = group_called(entry.group)))
      return unknown("group", entry.group);
    next.entry = std::move(entry);
    made.rules_.push_back(std::move(next));
  }
  return made;
}

template <class Names>
access_rights access_rules::rights_where(const Names& names) const {
  access_rights result;
  for (const auto& each : rules_)
    if (names(each))
      for (auto right : each.entry.allow)
        for (const auto& pattern : each.entry.clusters)
          result.allow(right, pattern);
  return result;
}

access_rights access_rules::rights_of(const certificate_names& who) const {
  return rights_where([&who](const rule& each) {
    std::string_view named = each.entry.certificate;
    auto name = named.substr(std::min(named.find(':') + 1, named.size()));
    if (name.empty())
      return false;
    if (named.starts_with("uri:"))
      return std::find(who.uris.begin(), who.uris.end(), name) != who.uris.end();
    if (named.starts_with("dns:"))
      return std::any_of(who.dns.begin(), who.dns.end(),
                         [name](const auto& x) { return same_dns_name(x, name); });
    return named.starts_with("subject:") && who.subject == name;
  });
}

access_rights access_rules::rights_of(const machine_user& who) const {
  return rights_where([&who](const rule& each) {
    return (each.user && *each.user == who.user) ||
           (each.group && std::find(who.groups.begin(), who.groups.end(), *each.group) != who.groups.end());
  });
}

bool access_rules::admits_users() const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const rule& each) { return each.user.has_value() || each.group.has_value(); });
}

} // namespace moorage
