// What must be on the disk, and the settings that no cluster has.
#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/stat.h>
#include <unistd.h>

#include "messages/settings_words.hpp"
#include "runtime/config/fields.hpp"
#include "runtime/system/account.hpp"

namespace moorage {

namespace {

using enum setting_type;

} // namespace

setting_rules node_start_rules() {
  static constexpr std::array<std::string_view, 2> choices{"no", "auto"}; // in the order of `node_start`
  setting_rules rules{.name = "start", .type = choice};
  rules.choices = choices;
  rules.meaning =
      "Whether a command that finds no node starts one in the background, which then serves all that follow.";
  return rules;
}

setting_rules node_idle_end_rules() {
  setting_rules rules{.name = "idle_end", .type = duration};
  constexpr std::uint64_t second = 1'000, year = 365 * 24 * 3'600 * second;
  rules.least = second;
  rules.most = year;
  rules.zero = true;
  rules.meaning = "How long a node that was started so, or by systemd's socket, stays while no command or "
                  "program uses it; "
                  "0: until it is ended.";
  rules.ssh_name = "ControlPersist";
  return rules;
}

std::string check_file(const setting_rules& rules, const std::string& name) {
  auto wrong = rules.must_exist && name != no_key_file ? unusable_key_file(name) : std::string{};
  return wrong.empty() ? wrong : wrong + "; allowed: a file that can be read";
}

std::string unusable_key_file(const std::string& name) {
  auto path = expand_home(name);
  struct stat status {};
  // A key whose public part alone is on disk is one that the agent holds.
  if (stat(path.c_str(), &status) != 0 && stat((path + ".pub").c_str(), &status) == 0)
    path += ".pub";
  else if (stat(path.c_str(), &status) != 0)
    return path + " is not there (" + std::generic_category().message(errno) + ")";
  if (!S_ISREG(status.st_mode))
    return path + " is not a regular file";
  if (access(path.c_str(), R_OK) != 0)
    return path + " cannot be read (" + std::generic_category().message(errno) + ")";
  return {};
}

} // namespace moorage
