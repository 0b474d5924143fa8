#include "runtime/system/own_folder.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/system/account.hpp"

namespace moorage {

namespace {

constexpr int as_folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

bool in_home_of_another(const std::string& folder) {
  const auto home = home_of_environment();
  struct stat facts {};
  return !home.empty() && folder.starts_with(home + "/") &&
         (::stat(home.c_str(), &facts) != 0 || facts.st_uid != ::geteuid());
}

/// 0, or what is wrong. Of those above it only the last one's fault is of interest, which it has as well.
int make(const std::string& folder, int above) {
  for (auto end = folder.find('/', 1); end != std::string::npos; end = folder.find('/', end + 1))
    static_cast<void>(::mkdirat(above, folder.substr(0, end).c_str(), 0700));
  return ::mkdirat(above, folder.c_str(), 0700) != 0 && errno != EEXIST ? errno : 0;
}

} // namespace

std::string open_own_folder(const std::string& folder, unique_fd& held, int above) {
  held.reset(::openat(above, folder.c_str(), as_folder));
  if (!held && errno == ENOENT) {
    if (in_home_of_another(folder))
      return folder + " is not there, and is not made in another user's home";
    if (auto why = make(folder, above); why != 0)
      return folder + ": " + std::strerror(why);
    held.reset(::openat(above, folder.c_str(), as_folder));
  }
  const auto not_ours = folder + " is no folder of ours alone";
  if (!held) // a symbolic link is none either
    return errno == ENOTDIR || errno == ELOOP ? not_ours : folder + ": " + std::strerror(errno);
  struct stat facts {};
  if (::fstat(held.get(), &facts) == 0 && facts.st_uid == ::geteuid() &&
      (facts.st_mode & (S_IWGRP | S_IWOTH)) == 0)
    return {};
  held.reset();
  return not_ours;
}

std::vector<std::string> names_in(const unique_fd& folder) {
  std::vector<std::string> result;
  // Opened anew, since a place in a folder is the descriptor's and not its copy's.
  unique_fd own{::openat(folder.get(), ".", as_folder)};
  std::unique_ptr<DIR, int (*)(DIR*)> listed{own ? ::fdopendir(own.get()) : nullptr, &::closedir};
  if (!listed)
    return result;
  own.release(); // closed with the list
  while (const auto* each = ::readdir(listed.get()))
    if (auto name = std::string{each->d_name}; name != "." && name != "..")
      result.push_back(std::move(name));
  return result;
}

} // namespace moorage
