#include "runtime/ssh/opening/files_state.hpp"

#include <sys/stat.h>

#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/opening/preparation.hpp"

namespace moorage {

namespace {

std::string text_of(const timespec& time) {
  return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

/// A file that was written, replaced, or made fit by chmod has another.
std::string state_of(const std::string& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0)
    return "none ";
  return std::to_string(file.st_dev) + "/" + std::to_string(file.st_ino) + "/" +
         std::to_string(file.st_size) + "/" + text_of(file.st_mtim) + "/" + text_of(file.st_ctim) + " ";
}

} // namespace

std::string credentials_state(const cluster_settings& settings, const std::string& home) {
  std::string state;
  for (const auto& path : key_file_paths(settings, home))
    for (const char* beside : {"", ".pub", "-cert.pub"})
      state += state_of(path + beside);
  return state;
}

std::string host_keys_state(const cluster_settings& settings, const std::string& home) {
  std::string state;
  for (const auto& path : known_hosts_files(settings, home))
    state += state_of(path);
  return state;
}

} // namespace moorage
