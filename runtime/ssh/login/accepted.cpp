#include "runtime/ssh/login/accepted.hpp"

#include <algorithm>

#include "messages/algorithms.hpp"
#include "messages/printable.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

constexpr std::string_view of_certificates = "-cert-v01@openssh.com";

bool has(const std::vector<std::string>& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string type_of(std::string_view blob) {
  auto type = wire_reader{blob}.string();
  return type ? std::string{*type} : "?";
}

/// By which names a key of this type signs.
std::vector<std::string> signatures_of(const std::string& type) {
  if (type == "ssh-rsa")
    return {"rsa-sha2-512", "rsa-sha2-256", type};
  if (type == "ssh-rsa-cert-v01@openssh.com")
    return {"rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com", type};
  return {type};
}

} // namespace

std::string why_not_accepted(const std::vector<std::string>& accepted, std::string_view blob) {
  auto names = signatures_of(type_of(blob));
  for (const auto& each : names)
    if (has(accepted, each))
      return {};
  std::string text;
  for (const auto& each : names)
    text += (text.empty() ? "" : ", ") + printable(each, 64);
  return "pubkey_accepted_algorithms does not have " + text;
}

void leave_out_unaccepted(credentials& of) {
  for (auto& file : of.files) {
    auto why = file.private_key ? why_not_accepted(of.accepted, public_blob(file.private_key.get())) : "";
    if (!why.empty()) {
      file.private_key.reset();
      file.trouble = key_trouble::not_accepted;
      file.problem = "key file " + file.path + " is not offered: " + why;
    }
    why = file.certificate ? why_not_accepted(of.accepted, public_blob(file.certificate.get())) : "";
    if (!why.empty()) {
      file.certificate.reset();
      file.certificate_state = certificate_trouble::not_accepted;
      file.certificate_problem = "the certificate of " + file.path + " is not offered: " + why;
    }
  }
}

std::string signatures_for(const std::vector<std::string>& accepted, std::string_view blob) {
  auto names = signatures_of(type_of(blob));
  std::erase_if(names, [&](const std::string& each) { return !has(accepted, each); });
  for (std::size_t i = 0, size = names.size(); i < size; ++i)
    if (names[i].starts_with("rsa-sha2-") && names[i].ends_with(of_certificates))
      names.push_back(names[i].substr(0, names[i].size() - of_certificates.size()));
  return join_names(names);
}

} // namespace moorage
