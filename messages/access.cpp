#include "messages/access.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "messages/ids.hpp"

namespace moorage {

namespace {

bool gives(access_right given, access_right wanted) {
  return given == wanted || (given == access_right::admin && wanted == access_right::observe);
}

} // namespace

std::string to_string(access_right right) {
  auto index = static_cast<std::size_t>(right);
  return index < access_right_words.size() ? std::string{access_right_words[index]} : std::to_string(index);
}

/// What the last `*` stands for grows when the rest does not fit, so that no pattern takes longer than its
/// length times the name's.
bool fits_pattern(std::string_view name, std::string_view pattern) {
  constexpr auto none = std::string_view::npos;
  std::size_t at = 0, in_pattern = 0, star = none, star_ends = 0;
  while (at < name.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_ends = at;
    } else if (in_pattern < pattern.size() &&
               (pattern[in_pattern] == '?' || pattern[in_pattern] == name[at])) {
      ++in_pattern;
      ++at;
    } else if (star != none) {
      in_pattern = star + 1;
      at = ++star_ends;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == none;
}

bool has_patterns(std::string_view name) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), plain);
}

access_rights access_rights::everything() {
  access_rights result;
  result.everything_ = true;
  return result;
}

void access_rights::allow(access_right right, std::string pattern) {
  rules_.push_back({right, std::move(pattern)});
}

bool access_rights::may(access_right right, std::string_view cluster) const {
  if (everything_)
    return true;
  auto all = cluster.empty() || cluster == every_pool;
  if (!all && !has_patterns(cluster))
    return false;
  return std::any_of(rules_.begin(), rules_.end(), [&](const rule& each) {
    return gives(each.right, right) && (all ? each.pattern == "*" : fits_pattern(cluster, each.pattern));
  });
}

bool access_rights::may_see(std::string_view cluster) const {
  return may(access_right::use, cluster) || may(access_right::observe, cluster);
}

} // namespace moorage
