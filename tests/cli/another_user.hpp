// Programs that other users of this machine run. Only root can become them.
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>

#include <unistd.h>

namespace moorage::cli_tests {

inline bool may_become_others() {
  if (::geteuid() == 0)
    return true;
  WARN("only root can become other users: nothing was tested");
  return false;
}

/// Where other users find the libraries that a sanitizer needs, which may lie where they may not look; copied
/// to `place` from what was `instrumented`. Empty: the system's will do.
inline std::string libraries_for_others(const std::filesystem::path& instrumented, const std::string& place) {
  if (instrumented.empty())
    return {};
  const auto folder = place + "/lib";
  std::filesystem::create_directory(folder);
  for (const auto& each : std::filesystem::directory_iterator{instrumented / "lib"})
    if (auto name = each.path().filename().string(); name.find(".so") != std::string::npos)
      std::filesystem::copy(each.path(), folder + "/" + name, std::filesystem::copy_options::copy_symlinks);
  return folder;
}

} // namespace moorage::cli_tests
