// How ssh_config(5) writes values, and what settings were called that came of them.
#include <algorithm>
#include <cctype>
#include <utility>

#include "deploy/moorage/ssh_words.hpp"

namespace moorage::cli {

std::string name_in_words(const ssh_call& call, const std::string& setting) {
  // The last one is the one that counts: the values of the others were not kept.
  for (auto each = call.written.rbegin(); each != call.written.rend(); ++each)
    if (each->first == setting)
      return each->second;
  return "-o " + setting;
}

std::string ssh_time(std::string_view written) {
  std::uint64_t whole = 0;
  if (written.empty() || written.size() > 12)
    return {};
  while (!written.empty()) {
    std::uint64_t number = 0;
    auto digits = std::min(written.find_first_not_of("0123456789"), written.size());
    if (digits == 0)
      return {};
    for (auto c : written.substr(0, digits))
      number = 10 * number + static_cast<std::uint64_t>(c - '0');
    auto unit = digits == written.size() ? 's' : static_cast<char>(std::tolower(written[digits]));
    written.remove_prefix(std::min(digits + 1, written.size()));
    auto factor = unit == 's' ? 1u : unit == 'm' ? 60u : unit == 'h' ? 3'600u : unit == 'd' ? 86'400u : 0u;
    if (unit == 'w')
      factor = 7 * 86'400;
    if (factor == 0)
      return {};
    whole += number * factor;
  }
  return std::to_string(whole) + "s";
}

} // namespace moorage::cli
