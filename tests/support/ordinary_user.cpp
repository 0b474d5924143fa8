#include "tests/support/ordinary_user.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <pwd.h>
#include <ranges>
#include <stdexcept>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "tests/support/account.hpp"
#include "tests/support/process_tree.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

namespace {

constexpr const char* made_home = "MOORAGE_HOME_MADE_FOR_TESTS";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What the sanitizer is not to report, from where everybody may read it; what it finds is in the output.
std::string options_for_others(std::string_view ours, const std::string& place) {
  std::string result;
  for (const auto each : std::views::split(ours, ':')) {
    std::string option{each.begin(), each.end()};
    if (option.starts_with("log_path="))
      continue;
    if (constexpr std::string_view suppressions = "suppressions="; option.starts_with(suppressions)) {
      const std::filesystem::path file = option.substr(suppressions.size());
      const auto copy = place + "/" + file.filename().string();
      std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
      option = std::string{suppressions} + copy;
    }
    result += (result.empty() ? "" : ":") + option;
  }
  return result;
}

} // namespace

ordinary_run run_as_ordinary_user(const std::string& tag) {
  scratch_folder home;
  ordinary_account user{home.path()};
  const auto* account = ::getpwnam(user.name().c_str());
  if (account == nullptr)
    throw std::runtime_error("an account that was made is not there: " + user.name());
  // Not in this one's folder for what is temporary, where only root may write perhaps.
  std::filesystem::create_directory(home / "tmp");
  for (const auto& each : {home.path(), home / "tmp"})
    if (::chown(each.c_str(), account->pw_uid, account->pw_gid) != 0)
      throw std::runtime_error("cannot give away " + each);
  std::vector<std::string> words{"setpriv", "--reuid=" + user.name(),
                                 "--regid=" + std::to_string(account->pw_gid), "--init-groups"};
  for (const auto& each : {std::string{"env"}, std::string{"-i"}, std::string{"PATH="} + std::getenv("PATH"),
                           "HOME=" + home.path(), "XDG_RUNTIME_DIR=" + home.path(), "TMPDIR=" + home / "tmp",
                           "USER=" + user.name(), "LOGNAME=" + user.name(), made_home + ("=" + home.path())})
    words.push_back(each);
  if (auto libraries = libraries_for_others(home.path()); !libraries.empty())
    words.push_back("LD_LIBRARY_PATH=" + libraries);
  for (const char* name : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"})
    if (const char* ours = std::getenv(name); ours != nullptr)
      words.push_back(std::string{name} + "=" + options_for_others(ours, home.path()));
  words.push_back(std::filesystem::read_symlink("/proc/self/exe").string());
  words.push_back(tag);

  process_spec list{words};
  list.argv.emplace_back("--list-test-names-only");
  list.output = home / "names";
  run_to_end(list);
  const auto names = contents_of(list.output);
  ordinary_run result;
  result.cases = static_cast<int>(std::count(names.begin(), names.end(), '\n'));
  process_spec spec{words};
  spec.output = home / "said";
  const auto code = run_to_end(spec);
  result.output = contents_of(spec.output);
  result.passed = code == 0 && has(result.output, "All tests passed") &&
                  has(result.output, "in " + std::to_string(result.cases) + " test case");
  return result;
}

std::string home_made_for_tests() {
  const auto* home = std::getenv(made_home);
  return home == nullptr ? "" : home;
}

std::string libraries_for_others(const std::string& place) {
  const std::filesystem::path instrumented = MOORAGE_INSTRUMENTED;
  if (instrumented.empty())
    return {};
  const auto folder = place + "/lib";
  std::filesystem::create_directory(folder);
  for (const auto& each : std::filesystem::directory_iterator{instrumented / "lib"})
    if (auto name = each.path().filename().string(); name.find(".so") != std::string::npos)
      std::filesystem::copy(each.path(), folder + "/" + name, std::filesystem::copy_options::copy_symlinks);
  return folder;
}

} // namespace moorage::support
