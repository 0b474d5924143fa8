#include "runtime/ssh/login/offers.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

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

} // namespace

std::vector<file_key> offers_of_files(const credentials& with) {
  std::vector<file_key> keys;
  for (const auto& file : with.files) {
    if (file.certificate)
      keys.push_back(
          {file.certificate.get(),
           "publickey " + describe(file.certificate.get()) + " (" + file.path + " with its certificate)",
           file.listed, offered_from(public_blob(file.certificate.get()), file.certificate_path)});
    if (file.private_key)
      keys.push_back({file.private_key.get(),
                      "publickey " + describe(file.private_key.get()) + " (" + file.path + ")", file.listed});
  }
  return keys;
}

std::vector<agent_offer> offers_of_agent(const std::string& blob, const credentials& with) {
  auto certified = parse_certificate(blob);
  const auto& plain = certified ? certified->key_blob : blob;
  std::vector<agent_offer> offers;
  for (const auto& file : with.files) {
    if (!file.listed || file.blob.empty() || file.blob != plain)
      continue;
    if (file.certificate_blob.empty())
      offers.push_back({blob, true, {}, offered_from(blob, in_the_agent)});
    else if (file.certificate_problem.empty() && (!certified || blob == file.certificate_blob))
      offers.push_back({file.certificate_blob, true, ", with the certificate " + file.path,
                        offered_from(file.certificate_blob, file.path)});
  }
  if (offers.empty())
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
  for (std::size_t i = 0; i < ranked.size(); ++i)
    keys[i] = std::move(ranked[i].second);
  return keys;
}

bool wants_touch(const std::string& blob) {
  auto type = wire_reader{blob}.string();
  return type && type->starts_with("sk-");
}

} // namespace moorage
