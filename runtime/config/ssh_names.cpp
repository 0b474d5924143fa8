#include "runtime/config/ssh_names.hpp"

#include <algorithm>

#include "messages/access.hpp"

namespace moorage {

namespace {

using strings = std::vector<std::string>;

bool has(const strings& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

} // namespace

names_taken known_names(algorithm_kind kind, const std::string& list, const std::string& usual) {
  auto names = split_names(list), of_ssh = split_names(usual);
  const bool whole = std::all_of(of_ssh.begin(), of_ssh.end(), [&](const auto& x) { return has(names, x); });
  names_taken result;
  strings known;
  for (auto& each : names)
    if (is_known_algorithm(kind, each))
      known.push_back(std::move(each));
    else if (!whole || !has(of_ssh, each))
      result.left_out.push_back(std::move(each));
  if (!known.empty())
    return {join_names(known), std::move(result.left_out)};
  return {list, {}};
}

names_taken written_names(algorithm_kind kind, const std::string& written) {
  auto sign = written.substr(0, written.find_first_not_of("+-^") == 1 ? 1 : 0);
  names_taken result;
  strings known;
  for (auto& each : split_names(std::string_view{written}.substr(sign.size()))) {
    auto before = known.size();
    for (auto& name : known_algorithms(kind))
      if (fits_pattern(name, each) && !has(known, name))
        known.push_back(std::move(name));
    if (known.size() == before && !is_known_algorithm(kind, each) && sign != "-")
      result.left_out.push_back(std::move(each));
  }
  if (!known.empty())
    result.names = sign + join_names(known);
  else if (sign.empty())
    result = {written, {}}; // for the setting's check to refuse
  return result;
}

names_taken known_methods(const ssh_log_in& how) {
  if (how.preferred.empty() && how.public_key && how.password && how.questions)
    return {};
  const auto usual = usual_algorithms(algorithm_kind::log_in);
  auto allowed = [&how](const std::string& name) {
    return name == "publickey" ? how.public_key : name == "password" ? how.password : how.questions;
  };
  names_taken result;
  strings known;
  for (auto& each : how.preferred.empty() ? usual : split_names(how.preferred))
    if (!has(usual, each))
      result.left_out.push_back(each);
    else if (allowed(each) && !has(known, each))
      known.push_back(each);
  std::erase_if(result.left_out, [](const auto& x) { return x == "hostbased" || x == "gssapi-with-mic"; });
  if (!known.empty())
    return {join_names(known), std::move(result.left_out)};
  const bool named = std::any_of(usual.begin(), usual.end(), [&](const auto& x) {
    return how.preferred.empty() || has(split_names(how.preferred), x);
  });
  return {named ? "-" + join_names(usual) : how.preferred, {}};
}

} // namespace moorage
