#include "deploy/moorage/advice.hpp"

namespace moorage::cli {

namespace {

std::string fit_for_shell(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
    return word;
  std::string result = "'";
  for (char c : word)
    result += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return result + "'";
}

} // namespace

bool is_latched(errc reason) {
  return reason == errc::auth_denied || reason == errc::host_key_unknown ||
         reason == errc::host_key_changed || reason == errc::host_key_revoked ||
         reason == errc::known_hosts_unreadable;
}

std::string admin_command(const options& from, const std::string& action, const std::string& cluster) {
  return "moorage" + (from.socket.empty() ? "" : " --socket " + fit_for_shell(from.socket)) + " admin " +
         action + " " + fit_for_shell(cluster);
}

std::string advice_for(const options& from, const failure& reason, runtime* node) {
  std::string result;
  auto add = [&result](const std::string& part) { result += (result.empty() ? "" : "; ") + part; };
  // Secrets come from an application that embeds the library; neither the program nor its node has any.
  if (reason.text.find("_secret)") != std::string::npos)
    add("moorage holds no passwords or passphrases: use a key file without one, or an agent");
  if (node == nullptr)
    return result;
  if (is_latched(reason.code))
    add("once that is mended, have the node try again with: " + admin_command(from, "reset", from.cluster));
  if (reason.code != errc::acquire_timeout)
    return result;
  if (auto pool = node->pool(from.cluster); pool && pool->paused)
    add("resume the pool with: " + admin_command(from, "resume", from.cluster));
  return result;
}

} // namespace moorage::cli
