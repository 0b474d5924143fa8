#include "deploy/moorage/told_once.hpp"

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deploy/moorage/output.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/own_folder.hpp"
#include "runtime/system/recordings.hpp"

namespace moorage::cli {

namespace {

/// As many things are remembered at once; with one more all are forgotten, and told anew.
constexpr std::size_t remembered_max = 200;

/// The end of a file's name before its text is told.
constexpr std::string_view unfinished = ".new";

/// For whoever ends the process meanwhile: to write the lines and to rename a file. A disk that takes longer
/// has them told once more.
constexpr std::chrono::milliseconds telling_max{1'000};

class progress {
public:
  void set_telling(bool now) {
    std::lock_guard guard{mutex_};
    telling_ = now;
    changed_.notify_all();
  }
  void await() {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, telling_max, [this] { return !telling_; });
  }

private:
  // edge: the thread that looks and tells, which may be left behind, and the one that ends the process.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool telling_ = false;
};
std::shared_ptr<progress> latest;

/// One for each text; nobody gains by two that are the same.
std::string name_of(const std::vector<std::string>& lines) {
  std::string all;
  for (const auto& each : lines)
    all += each + "\n";
  char digits[17] = {};
  std::to_chars(digits, digits + 16, std::hash<std::string>{}(all), 16);
  return digits;
}

/// What is no name of ours is not ours to remove.
bool is_name(std::string_view file) {
  if (file.ends_with(unfinished))
    file.remove_suffix(unfinished.size());
  return !file.empty() && file.size() <= 16 &&
         file.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void forget_if_full(const unique_fd& folder, const std::string& but) {
  auto others = names_in(folder);
  std::erase_if(others, [&but](const auto& each) { return each == but || !is_name(each); });
  if (others.size() >= remembered_max)
    for (const auto& each : others)
      ::unlinkat(folder.get(), each.c_str(), 0);
}

/// Remembered only when it is told: a process that ends between the two leaves it to another command.
void look_and_tell(const std::string& state, const std::vector<std::string>& lines, progress& now) {
  unique_fd above, folder;
  if (!open_own_folder(state, above).empty() || !open_own_folder("told", folder, above.get()).empty())
    return;
  const auto name = name_of(lines);
  struct stat facts {};
  if (::fstatat(folder.get(), name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0)
    return;
  const auto at_first = name + std::string{unfinished};
  if (unique_fd made{::openat(folder.get(), at_first.c_str(),
                              O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
      !made)
    return;
  forget_if_full(folder, at_first);
  now.set_telling(true);
  for (const auto& each : lines)
    complain(each);
  static_cast<void>(::renameat(folder.get(), at_first.c_str(), folder.get(), name.c_str()));
  now.set_telling(false);
}

} // namespace

void tell_once(std::vector<std::string> lines) {
  auto state = recordings_folder();
  if (lines.empty() || state.empty())
    return;
  auto now = std::make_shared<progress>();
  try {
    std::thread{[state, lines = std::move(lines), now] { look_and_tell(state, lines, *now); }}.detach();
    latest = std::move(now);
  } catch (const std::system_error&) {
    // No thread is left: another command tells it.
  }
}

void finish_telling() {
  if (latest)
    latest->await();
}

} // namespace moorage::cli
