#include "deploy/moorage/told_once.hpp"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "deploy/moorage/output.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/recordings.hpp"

namespace moorage::cli {

namespace {

/// As many things are remembered at once; with one more all are forgotten, and told anew.
constexpr std::size_t remembered_max = 200;

enum class phase : int { looking, remembered, told };

// edge: the thread that looks and tells, which may be left behind, and the one that ends the process.
using progress = std::atomic<phase>;
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
bool is_name(const std::string& file) {
  return !file.empty() && file.size() <= 16 &&
         file.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// For this user alone, with the folders above it, as recordings have theirs.
void make_folder(const std::string& folder) {
  for (auto end = folder.find('/', 1); end != std::string::npos; end = folder.find('/', end + 1))
    mkdir(folder.substr(0, end).c_str(), 0700);
  mkdir(folder.c_str(), 0700);
}

/// False: it was there, or cannot be made.
bool make_file(const std::string& folder, const std::string& name) {
  auto make = [path = folder + "/" + name] {
    return unique_fd{open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  };
  auto made = make();
  if (!made && errno == ENOENT) {
    make_folder(folder);
    made = make();
  }
  return static_cast<bool>(made);
}

void forget_if_full(const std::string& folder, const std::string& but) {
  std::vector<std::filesystem::path> others;
  std::error_code wrong;
  for (std::filesystem::directory_iterator each{folder, wrong}, end; !wrong && each != end;
       each.increment(wrong))
    if (auto name = each->path().filename().string(); name != but && is_name(name))
      others.push_back(each->path());
  if (others.size() >= remembered_max)
    for (const auto& each : others)
      std::filesystem::remove(each, wrong);
}

} // namespace

void tell_once(std::vector<std::string> lines) {
  auto state = recordings_folder();
  if (lines.empty() || state.empty())
    return;
  auto now = std::make_shared<progress>(phase::looking);
  auto look = [folder = state + "/told", lines = std::move(lines), now] {
    const auto name = name_of(lines);
    if (!make_file(folder, name))
      return;
    now->store(phase::remembered);
    for (const auto& each : lines)
      complain(each);
    now->store(phase::told);
    now->notify_all();
    forget_if_full(folder, name);
  };
  try {
    std::thread{std::move(look)}.detach();
    latest = std::move(now);
  } catch (const std::system_error&) {
    // No thread is left: another command tells it.
  }
}

void finish_telling() {
  if (latest)
    latest->wait(phase::remembered);
}

} // namespace moorage::cli
