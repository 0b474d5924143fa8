// Options of ssh_config(5) as settings of a cluster.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <utility>

#include "deploy/moorage/ssh_words.hpp"
#include "messages/settings_table.hpp"
#include "messages/written_values.hpp"
#include "runtime/config/ssh_option_names.hpp"

namespace moorage::cli {

namespace {

using values = std::vector<std::string>;

constexpr std::pair<std::string_view, std::string_view> named_alike[] = {{"bindaddress", "bind_address"},
                                                                         {"hostkeyalias", "host_key_alias"}};
constexpr std::pair<std::string_view, std::string_view> switches[] = {
    {"checkhostip", "check_host_ip"}, {"compression", "compression"}, {"hashknownhosts", "hash_known_hosts"}};

std::string assignment(std::string_view setting, std::uint64_t number, std::string_view unit = {}) {
  const auto& rules = *find_cluster_field(setting);
  return std::string{setting} + "=" +
         std::to_string(number == 0 && rules.zero ? 0 : std::clamp(number, rules.least, rules.most)) +
         std::string{number == 0 ? "" : unit};
}

/// "64M": bytes, with K, M or G for powers of 1,024.
std::optional<std::uint64_t> bytes_of(std::string_view text) {
  std::uint64_t number = 0;
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (wrong != std::errc{} || unit.size() > 1)
    return std::nullopt;
  constexpr std::string_view units = "kmg";
  auto power = unit.empty() ? std::size_t{0} : units.find(static_cast<char>(std::tolower(unit.front()))) + 1;
  if (power > units.size() || number > std::numeric_limits<std::uint64_t>::max() >> (10 * power))
    return std::nullopt;
  return number << (10 * power);
}

/// Bytes and a time, as ssh takes them.
bool rekey_limit(const values& written, ssh_settings& result) {
  auto bytes = written[0] == "default" ? std::optional<std::uint64_t>{0} : bytes_of(written[0]);
  auto time = written.size() < 2 || written[1] == "none" ? std::string{"0s"} : ssh_time(written[1]);
  if (!bytes || (*bytes > 0 && *bytes < 16) || time.empty())
    return false;
  auto seconds = std::strtoull(time.c_str(), nullptr, 10);
  result.settings.push_back(assignment("rekey_data", *bytes));
  result.settings.push_back(
      assignment("rekey_interval", std::min<std::uint64_t>(seconds, 1u << 30) * 1'000, "ms"));
  return true;
}

/// There is nobody to ask, and what would be asked is refused.
std::string policy_of(std::string_view value) {
  return ssh_one_of(value, "yes|true|ask")   ? "yes"
         : ssh_one_of(value, "accept-new")   ? "accept-new"
         : ssh_one_of(value, "no|false|off") ? "no"
                                             : "";
}

using translating = bool (*)(const values& written, ssh_settings& result); ///< false: it has no such value
constexpr std::pair<std::string_view, translating> others[] = {
    {"addressfamily",
     [](const values& written, ssh_settings& result) {
       auto family = lower_case(written[0]);
       result.settings.push_back("address_family=" + family);
       return ssh_one_of(family, "any|inet|inet6");
     }},
    {"connectionattempts",
     [](const values& written, ssh_settings& result) {
       auto count = parse_count(written[0]);
       result.settings.push_back(
           assignment("connect_tries", std::clamp<std::uint64_t>(count.value_or(1), 1, 10)));
       return count.has_value() && *count > 0;
     }},
    {"connecttimeout",
     [](const values& written, ssh_settings& result) {
       auto time = ssh_time(written[0]);
       if (ssh_one_of(written[0], "none") || time == "0s")
         return true; // as if it had not been given
       result.settings.push_back("connect_timeout=" + time);
       return !time.empty();
     }},
    {"rekeylimit", rekey_limit},
    {"serveralivecountmax",
     [](const values& written, ssh_settings& result) {
       auto count = parse_count(written[0]);
       result.settings.push_back(assignment("keep_alive_count_max", count.value_or(0)));
       return count.has_value();
     }},
    {"serveraliveinterval",
     [](const values& written, ssh_settings& result) {
       auto time = ssh_time(written[0]);
       result.settings.push_back("keep_alive_interval=" + time);
       return !time.empty();
     }},
    {"stricthostkeychecking",
     [](const values& written, ssh_settings& result) {
       result.settings.push_back("strict_host_keys=" + policy_of(written[0]));
       return !policy_of(written[0]).empty();
     }},
};

} // namespace

std::optional<ssh_settings> settings_of_ssh(std::string_view option, const values& written) {
  ssh_settings result;
  const auto& value = written.front();
  for (auto [name, setting] : named_alike)
    if (name == option) {
      result.settings.push_back(std::string{setting} + "=" + value);
      return result;
    }
  for (auto [name, setting] : switches)
    if (name == option) {
      auto yes = ssh_yes_or_no(value);
      result.wrong = !yes;
      result.settings.push_back(std::string{setting} + (yes.value_or(false) ? "=true" : "=false"));
      return result;
    }
  for (auto [name, setting, kind] : ssh_lists)
    if (name == option) {
      auto taken = written_names(kind, value);
      result.not_followed = std::move(taken.left_out);
      if (!taken.names.empty())
        result.settings.push_back(std::string{setting} + "=" + taken.names);
      return result;
    }
  for (auto [name, translate] : others)
    if (name == option) {
      result.wrong = !translate(written, result);
      return result;
    }
  return std::nullopt;
}

bool take_ssh_method(ssh_log_in& how, std::string_view option, const std::string& value) {
  auto yes = ssh_yes_or_no(value);
  if (option == "preferredauthentications")
    how.preferred = value;
  else if (option == "pubkeyauthentication" && (yes || ssh_one_of(value, "unbound|host-bound")))
    how.public_key = yes.value_or(true);
  else if (option == "passwordauthentication" && yes)
    how.password = *yes;
  else if (option == "kbdinteractiveauthentication" && yes)
    how.questions = *yes;
  else
    return false;
  return true;
}

bool ssh_one_of(std::string_view value, std::string_view values) {
  auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  while (!values.empty()) {
    auto each = values.substr(0, values.find('|'));
    if (std::equal(value.begin(), value.end(), each.begin(), each.end(), same))
      return true;
    values.remove_prefix(std::min(each.size() + 1, values.size()));
  }
  return false;
}

std::optional<bool> ssh_yes_or_no(std::string_view value) {
  if (ssh_one_of(value, "yes|true"))
    return true;
  return ssh_one_of(value, "no|false") ? std::optional{false} : std::nullopt;
}

} // namespace moorage::cli
