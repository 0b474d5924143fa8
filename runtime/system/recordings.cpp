// Writing recordings of pools.
#include "runtime/system/recordings.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <moorage/version.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/system/account.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

namespace {

constexpr std::string_view ending = ".flight";

failure cannot(const std::string& what, int why) {
  return {errc::local_failure, "cannot write the recording: " + what + ": " + std::strerror(why)};
}

/// CLUSTER-TIME.flight, in UTC to the microsecond; whatever a cluster is called, no path.
std::string file_name(const recording_header& header) {
  auto name = header.cluster.substr(0, 100);
  for (auto& c : name)
    if (std::strchr("/\\", c) != nullptr || static_cast<unsigned char>(c) <= ' ')
      c = '_';
  auto seconds = static_cast<std::time_t>(header.written_at.count() / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  auto size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &utc);
  auto fraction = std::to_string(1'000'000 + header.written_at.count() % 1'000'000).substr(1);
  return name + "-" + std::string{text, size} + "." + fraction + "Z" + std::string{ending};
}

failure make_folder(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(std::filesystem::path{folder}.parent_path(), failed);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return cannot(folder, errno);
  struct stat facts {};
  if (::stat(folder.c_str(), &facts) != 0)
    return cannot(folder, errno);
  if (!S_ISDIR(facts.st_mode) || facts.st_uid != ::geteuid() || (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return {errc::local_failure, "cannot write the recording: " + folder + " is no folder of ours alone"};
  std::size_t recordings = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder, failed})
    recordings += entry.path().native().ends_with(ending);
  if (recordings >= recordings_max)
    return {errc::local_failure, "cannot write the recording: there are " + std::to_string(recordings) +
                                     " in " + folder + " already; remove those that nobody needs"};
  return {};
}

failure write_file(const std::string& folder, const std::string& path, const recording& what) {
  if (auto wrong = make_folder(folder); wrong.code != errc::none)
    return wrong;
  unique_fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file)
    return cannot(path, errno);
  auto bytes = to_bytes(what);
  for (std::string_view left = bytes; !left.empty();) {
    auto written = ::write(file.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      auto why = written == 0 ? ENOSPC : errno;
      ::unlink(path.c_str());
      return cannot(path, why);
    }
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

using answer = blocking_answer<failure>;

class file_on_its_way final : public recording_file {
public:
  file_on_its_way(std::string path, std::shared_ptr<answer> answered)
      : path_(std::move(path)), answer_(std::move(answered)) {}

  const std::string& path() const override { return path_; }
  std::optional<failure> result() override {
    if (answer_->refused())
      return failure{errc::local_failure, "cannot write the recording: " + answer_->refusal().text};
    return answer_->take();
  }

private:
  std::string path_;
  std::shared_ptr<answer> answer_;
};

/// There is nowhere to write to.
class nowhere final : public recording_file {
public:
  const std::string& path() const override { return path_; }
  std::optional<failure> result() override {
    return failure{errc::local_failure,
                   "cannot write the recording: neither $XDG_STATE_HOME nor $HOME names a folder"};
  }

private:
  std::string path_;
};

} // namespace

std::string recordings_folder() {
  if (auto state = environment("XDG_STATE_HOME"); state.starts_with('/'))
    return state + "/moorage";
  auto home = home_of_environment();
  return home.empty() ? "" : home + "/.local/state/moorage";
}

std::unique_ptr<recording_file> begin_recording_file(const std::string& folder, recording what,
                                                     std::function<void()> wake, blocking_threads& threads) {
  if (folder.empty()) {
    wake();
    return std::make_unique<nowhere>();
  }
  what.header.version = MOORAGE_VERSION;
  auto path = folder + "/" + file_name(what.header);
  // Threads apart from those of the cluster's log-ins, which may be what hangs.
  blocking_call call{"recordings of " + what.header.cluster, "writing " + path};
  auto answered = std::make_shared<answer>();
  // Whoever asked may have gone, as a pool has that a bug ended: the answer is kept until it is there.
  auto told = [answered, wake = std::move(wake)] { wake(); };
  *answered = threads.ask(
      std::move(call),
      [folder, path, what = std::move(what)](const abandonment&) { return write_file(folder, path, what); },
      std::move(told));
  return std::make_unique<file_on_its_way>(path, std::move(answered));
}

} // namespace moorage
