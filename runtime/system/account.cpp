#include "runtime/system/account.hpp"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "runtime/system/descriptors.hpp"
#include "runtime/system/passing.hpp"

namespace moorage {

namespace {

bool begins_with_home(const std::string& path) {
  return path == "~" || path.starts_with("~/");
}

std::string absolute(std::string folder) {
  return folder.starts_with('/') ? folder : "";
}

/// The largest is no user's or group's: calls take it for "as it is" (chown(2)).
std::optional<std::uint32_t> number_in(const std::string& digits) {
  std::uint32_t number = 0;
  auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || wrong != std::errc{} || end != digits.data() + digits.size() ||
      number == std::numeric_limits<std::uint32_t>::max())
    return std::nullopt;
  return number;
}

/// Some databases say so by an error of one of these (getpwuid_r(3)).
bool means_absent(int error) {
  return error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
}

/// The error that keeps it from being known, or 0. A source that is asked after one that could not be opened
/// says that there is no such user all the same (nsswitch.conf(5)).
int why_not_known(int wrong) {
  if (!means_absent(wrong))
    return wrong;
  unique_fd first{::open("/etc/passwd", O_RDONLY | O_CLOEXEC)};
  return first || !is_passing(errno) ? 0 : errno;
}

} // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::shared_ptr<const std::vector<std::string>> whole_environment() {
  std::vector<std::string> result;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each)
    result.emplace_back(*each);
  return std::make_shared<const std::vector<std::string>>(std::move(result));
}

user_account user_account_of(uid_t user) {
  std::vector<char> buffer(16'384);
  passwd entry{};
  passwd* found = nullptr;
  const int wrong = ::getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  if (wrong != 0 || found == nullptr)
    return {{}, {}, why_not_known(wrong)};
  return {found->pw_name, absolute(found->pw_dir)};
}

std::optional<uid_t> user_called(const std::string& name) {
  if (auto number = number_in(name))
    return *number;
  std::vector<char> buffer(16'384);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return found->pw_uid;
}

std::optional<gid_t> group_called(const std::string& name) {
  if (auto number = number_in(name))
    return *number;
  // A group names its members, who may be many.
  constexpr std::size_t longest = 4u << 20;
  for (std::size_t size = 16'384; size <= longest; size *= 4) {
    std::vector<char> buffer(size);
    group entry{};
    group* found = nullptr;
    auto wrong = ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (wrong == ERANGE)
      continue;
    return wrong == 0 && found != nullptr ? std::optional{found->gr_gid} : std::nullopt;
  }
  return std::nullopt;
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
