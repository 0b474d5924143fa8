#include "runtime/ssh/login/offers.hpp"

#include <algorithm>
#include <ctime>
#include <iterator>
#include <map>
#include <utility>

#include "runtime/ssh/login/considered_keys.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

constexpr const char* in_the_agent = "in the agent";

/// The less, the likelier.
int rank_of(const agent_key& key, const credentials& with, const std::string& user) {
  if (auto parts = parse_certificate(key.blob)) {
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    if (now < parts->valid_after || now >= parts->valid_before)
      return 3;
    const auto& names = parts->principals;
    return names.empty() || std::find(names.begin(), names.end(), user) != names.end() ? 0 : 2;
  }
  for (const auto& file : with.files)
    if (file.blob == key.blob)
      return 1;
  return 2;
}

/// Of several certificates of one key that are as likely as each other the one that lasts longest: the others
/// are those that it has replaced.
void newest_first(std::vector<std::pair<int, agent_key>>& ranked) {
  struct place {
    std::size_t at;
    std::uint64_t until;
  };
  std::map<std::pair<int, std::string>, std::vector<place>> of;
  for (std::size_t i = 0; i < ranked.size(); ++i)
    if (auto parts = parse_certificate(ranked[i].second.blob))
      of[{ranked[i].first, parts->key_blob}].push_back({i, parts->valid_before});
  for (auto& [key, places] : of) {
    auto order = places;
    std::stable_sort(order.begin(), order.end(),
                     [](const place& a, const place& b) { return a.until > b.until; });
    std::vector<agent_key> sorted;
    for (const auto& each : order)
      sorted.push_back(ranked[each.at].second);
    for (std::size_t i = 0; i < places.size(); ++i)
      ranked[places[i].at].second = std::move(sorted[i]);
  }
}

} // namespace

std::vector<file_key> offers_of_files(const credentials& with) {
  std::vector<file_key> certificates, keys;
  for (const auto& file : with.files) {
    if (file.certificate) // one with a file of its own before all keys, as by ssh: it was asked for by name
      (file.certificate_blob.empty() ? keys : certificates)
          .push_back(
              {file.certificate.get(),
               "publickey " + describe(file.certificate.get()) + " (" + file.path + " with its certificate)",
               file.listed, offered_from(public_blob(file.certificate.get()), file.certificate_path),
               from_certificate(file.certificate_path)});
    if (file.private_key)
      keys.push_back({file.private_key.get(),
                      "publickey " + describe(file.private_key.get()) + " (" + file.path + ")",
                      file.listed,
                      {},
                      from_file(file.path)});
  }
  std::move(keys.begin(), keys.end(), std::back_inserter(certificates));
  return certificates;
}

bool names_certificate_of_agent(const credentials& with) {
  return std::any_of(with.files.begin(), with.files.end(), [](const key_file& file) {
    return file.listed && !file.certificate_blob.empty() && !file.certificate &&
           file.certificate_problem.empty();
  });
}

std::vector<agent_offer> offers_of_agent(const std::string& blob, const credentials& with) {
  auto certified = parse_certificate(blob);
  const auto& plain = certified ? certified->key_blob : blob;
  std::vector<agent_offer> offers;
  for (const auto& file : with.files) {
    if (file.blob.empty() || file.blob != plain)
      continue;
    const auto& shown = file.offered();
    if (!shown.empty() && file.certificate_problem.empty() && (!certified || blob == shown))
      offers.push_back({shown, file.listed, ", with the certificate " + file.certificate_path,
                        offered_from(shown, file.certificate_path)});
    if (file.listed && file.certificate_blob.empty())
      offers.push_back({blob, true, {}, offered_from(blob, in_the_agent)});
  }
  if (std::none_of(offers.begin(), offers.end(), [](const auto& each) { return each.listed; }))
    offers.push_back({blob, false, {}, offered_from(blob, in_the_agent)});
  return offers;
}

std::vector<agent_key> most_likely_first(std::vector<agent_key> keys, const credentials& with,
                                         const std::string& user) {
  std::vector<std::pair<int, agent_key>> ranked;
  for (auto& key : keys)
    ranked.emplace_back(rank_of(key, with, user), std::move(key));
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  newest_first(ranked);
  for (std::size_t i = 0; i < ranked.size(); ++i)
    keys[i] = std::move(ranked[i].second);
  return keys;
}

bool wants_touch(const std::string& blob) {
  auto type = wire_reader{blob}.string();
  return type && type->starts_with("sk-");
}

} // namespace moorage
