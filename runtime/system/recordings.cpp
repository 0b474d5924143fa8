// Writing recordings of pools.
#include "runtime/system/recordings.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <moorage/version.hpp>
#include <unistd.h>

#include "runtime/system/account.hpp"
#include "runtime/system/descriptors.hpp"
#include "runtime/system/own_folder.hpp"

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

failure open_folder(const std::string& folder, unique_fd& held) {
  if (auto wrong = open_own_folder(folder, held); !wrong.empty())
    return {errc::local_failure, "cannot write the recording: " + wrong};
  std::size_t recordings = 0;
  for (const auto& each : names_in(held))
    recordings += each.ends_with(ending);
  if (recordings >= recordings_max)
    return {errc::local_failure, "cannot write the recording: there are " + std::to_string(recordings) +
                                     " in " + folder + " already; remove those that nobody needs"};
  return {};
}

failure write_file(const std::string& folder, const std::string& name, const recording& what) {
  unique_fd held;
  if (auto wrong = open_folder(folder, held); wrong.code != errc::none)
    return wrong;
  unique_fd file{
      ::openat(held.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file)
    return cannot(folder + "/" + name, errno);
  auto bytes = to_bytes(what);
  for (std::string_view left = bytes; !left.empty();) {
    auto written = ::write(file.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      auto why = written == 0 ? ENOSPC : errno;
      ::unlinkat(held.get(), name.c_str(), 0);
      return cannot(folder + "/" + name, why);
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
  auto name = file_name(what.header);
  auto path = folder + "/" + name;
  // Threads apart from those of the cluster's log-ins, which may be what hangs.
  blocking_call call{"recordings of " + what.header.cluster, "writing " + path};
  auto answered = std::make_shared<answer>();
  // Whoever asked may have gone, as a pool has that a bug ended: the answer is kept until it is there.
  auto told = [answered, wake = std::move(wake)] { wake(); };
  *answered = threads.ask(
      std::move(call),
      [folder, name, what = std::move(what)](const abandonment&) { return write_file(folder, name, what); },
      std::move(told));
  return std::make_unique<file_on_its_way>(path, std::move(answered));
}

} // namespace moorage
