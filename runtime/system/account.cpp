#include "runtime/system/account.hpp"

#include <cstdlib>
#include <vector>

#include <pwd.h>
#include <unistd.h>

namespace moorage {

namespace {

bool begins_with_home(const std::string& path) {
  return path == "~" || path.starts_with("~/");
}

std::string absolute(std::string folder) {
  return folder.starts_with('/') ? folder : "";
}

} // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

user_account user_account_of(uid_t user) {
  std::vector<char> buffer(16'384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return {};
  return {found->pw_name, absolute(found->pw_dir)};
}

std::string home_of_environment() {
  return absolute(environment("HOME"));
}

std::string home_folder() {
  auto home = home_of_environment();
  return home.empty() ? user_account_of(::getuid()).home : home;
}

std::string expand_home(const std::string& path, const std::string& home) {
  if (!begins_with_home(path))
    return path;
  auto whole = home + path.substr(1);
  return whole.empty() ? "/" : whole;
}

std::string expand_home(const std::string& path) {
  return begins_with_home(path) ? expand_home(path, home_folder()) : path;
}

} // namespace moorage
