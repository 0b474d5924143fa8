#include "runtime/ssh/login/credentials_look.hpp"

#include <sys/stat.h>

#include <optional>
#include <utility>
#include <vector>

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
    return "none";
  return std::to_string(file.st_dev) + "/" + std::to_string(file.st_ino) + "/" +
         std::to_string(file.st_size) + "/" + text_of(file.st_mtim) + "/" + text_of(file.st_ctim);
}

class file_look final : public credentials_look {
public:
  explicit file_look(blocking_answer<std::string> answer) : answer_(std::move(answer)) {}
  std::optional<std::string> state() override { return answer_.refused() ? std::string{} : answer_.take(); }

private:
  blocking_answer<std::string> answer_;
};

} // namespace

std::string credentials_state(const cluster_settings& settings, bool host_keys, const std::string& home) {
  std::string state;
  for (const auto& path : host_keys ? known_hosts_files(settings, home) : key_file_paths(settings, home))
    for (const char* beside : {"", ".pub", "-cert.pub"})
      if (!host_keys || *beside == '\0')
        state += state_of(path + beside) + " ";
  return state;
}

std::unique_ptr<credentials_look> look_at_credentials_of(const cluster_settings& settings, bool host_keys,
                                                         waker wake, const transport_world& world) {
  auto home = filled_in(world.around).home;
  auto look = [settings, host_keys, home = std::move(home)](const abandonment&) {
    return credentials_state(settings, host_keys, home);
  };
  return std::make_unique<file_look>(world.threads.ask(
      {settings.name, host_keys ? "a look at the known_hosts files" : "a look at the key files"},
      std::move(look), std::move(wake)));
}

} // namespace moorage
