#include "runtime/ssh/login/offers.hpp"

namespace moorage {

std::vector<file_key> offers_of_files(const credentials& with) {
  std::vector<file_key> keys;
  for (const auto& file : with.files) {
    if (file.certificate)
      keys.push_back(
          {file.certificate.get(),
           "publickey " + describe(file.certificate.get()) + " (" + file.path + " with its certificate)",
           file.listed});
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
      offers.push_back({blob, true, {}});
    else if (file.certificate_problem.empty() && (!certified || blob == file.certificate_blob))
      offers.push_back({file.certificate_blob, true, ", with the certificate " + file.path});
  }
  if (offers.empty())
    offers.push_back({blob, false, {}});
  return offers;
}

} // namespace moorage
