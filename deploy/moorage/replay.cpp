// `moorage replay`: steps through a recording of a pool, and proves that the core does the same again.
#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>

#include <fcntl.h>
#include <moorage/version.hpp>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/durations.hpp"
#include "actors/pool/recording/recording.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/present.hpp"
#include "messages/printable.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage::cli {

using json = nlohmann::ordered_json;

namespace {

/// No pool keeps so much.
constexpr off_t file_max = 256 << 20;

failure unreadable(const std::string& path, const std::string& why) {
  return {errc::local_failure, "cannot read " + path + ": " + why};
}

failure read_file(const std::string& path, std::string& bytes) {
  unique_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)}; // a FIFO would be waited for
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0)
    return unreadable(path, std::strerror(errno));
  if (!S_ISREG(facts.st_mode))
    return unreadable(path, "it is no file");
  if (facts.st_size > file_max)
    return unreadable(path, "it is larger than a recording can be");
  char buffer[64 << 10];
  for (;;) {
    auto size = ::read(file.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return unreadable(path, std::strerror(errno));
    if (size == 0)
      return {};
    if (bytes.append(buffer, static_cast<std::size_t>(size)).size() > static_cast<std::size_t>(file_max))
      return unreadable(path, "it is larger than a recording can be");
  }
}

/// In UTC, since a recording may come from elsewhere.
std::string date_of(std::chrono::microseconds since_1970) {
  auto seconds = static_cast<std::time_t>(since_1970.count() / 1'000'000);
  std::tm utc{};
  char text[64];
  if (gmtime_r(&seconds, &utc) == nullptr)
    return "at no time";
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc)};
}

std::string times(std::uint64_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

/// One line of what `moorage status` has a table for.
std::string state_text(const pool_status& pool) {
  auto text = times(pool.total, "connection") + " (" + std::to_string(pool.opening) + " opening, " +
              std::to_string(pool.idle) + " idle, " + std::to_string(pool.leased) + " leased, " +
              std::to_string(pool.closing) + " closing), " + times(pool.leases, "lease") + ", " +
              times(pool.waiters, "waiter") + ", " + times(pool.probing, "probe") + ", " +
              to_string(pool.state);
  if (pool.latched.code != errc::none)
    text += ", latched: " + to_string(pool.latched.code);
  else if (pool.backing_off.code != errc::none)
    text += ", backing off: " + to_string(pool.backing_off.code);
  return text;
}

/// Shows steps as they are played, each in text or as a line of JSON.
class show {
public:
  explicit show(const options& from) : from_(from) {}

  bool wanted(std::uint64_t step) const {
    const auto& asked = from_.replay;
    if (from_.quiet > 0)
      return false;
    return asked.step != 0 ? step == asked.step : step >= asked.from && step <= asked.to;
  }

  ending step(const replayed_step& now, std::chrono::nanoseconds since, const pool_core* core) const {
    std::optional<pool_status> status;
    if (from_.replay.state && core != nullptr)
      status = core->status(now.at);
    return say(from_.json ? as_json(now, since, status) : as_text(now, since, status));
  }

private:
  static std::string line(const char* indent, const std::string& text) {
    return indent + printable(text, printable_whole) + "\n";
  }

  static std::string as_text(const replayed_step& now, std::chrono::nanoseconds since,
                             const std::optional<pool_status>& status) {
    char head[64];
    std::snprintf(head, sizeof head, "%6llu  +%.6f s  ", static_cast<unsigned long long>(now.number),
                  seconds_of(since));
    auto text = line(head, to_string(now.event));
    for (const auto& effect : now.effects)
      text += line("          -> ", to_string(effect));
    if (!now.broke.empty())
      text += line("          !! broken invariant: ", now.broke);
    if (status)
      text += line("          == ", state_text(*status));
    return text;
  }

  static std::string as_json(const replayed_step& now, std::chrono::nanoseconds since,
                             const std::optional<pool_status>& status) {
    json step{{"step", now.number}, {"at_seconds", seconds_of(since)}};
    put_bytes(step, "event", to_string(now.event));
    step["effects"] = json::array();
    for (const auto& effect : now.effects)
      step["effects"].push_back(printable(to_string(effect), printable_whole));
    if (!now.broke.empty())
      step["broken_invariant"] = printable(now.broke, printable_whole);
    if (status)
      step["state"] = to_json(*status);
    return json_line(step);
  }

  const options& from_;
};

std::string head_of(const recording& what) {
  const auto& header = what.header;
  return printable("a recording of '" + header.cluster + "', written " + date_of(header.written_at) +
                       " by moorage " + header.version + ": " + header.why,
                   printable_whole) +
         "\n";
}

ending conclude(const options& from, const replay& player, const replayed_step& last) {
  auto different = !last.difference.empty() ? "step " + std::to_string(last.number) + ": " + last.difference
                                            : player.fault();
  auto code = different.empty() ? success : failed;
  if (from.json) {
    json whole{{"steps", player.steps()}, {"same", different.empty()}};
    if (!different.empty())
      whole["difference"] = printable(different, printable_whole);
    return say(json_line(whole), code);
  }
  if (!different.empty()) {
    complain(different);
    return {code, 0};
  }
  if (player.steps() == 0)
    return say("no event was kept: the recording has only the pool's state\n");
  return say(times(player.steps(), "event") + " replayed: the core gave the same effects\n");
}

} // namespace

ending run_replay(const options& from) {
  std::string bytes;
  if (auto wrong = read_file(from.replay.file, bytes); wrong.code != errc::none)
    return refuse(wrong);
  recording what;
  if (auto wrong = read_recording(bytes, MOORAGE_VERSION, what); wrong.code != errc::none)
    return refuse({wrong.code, from.replay.file + ": " + wrong.text});
  bytes = {};
  const show shown{from};
  if (!from.json && from.quiet == 0)
    if (auto end = say(head_of(what)); end.code != success || end.signal != 0)
      return end;
  replay player{what};
  replayed_step step;
  std::optional<time_point> began;
  while (player.next(step)) {
    if (!began)
      began = step.at;
    if (shown.wanted(step.number) || !step.difference.empty())
      if (auto end = shown.step(step, between(*began, step.at), player.core());
          end.code != success || end.signal != 0)
        return end;
    if (!step.difference.empty())
      break;
  }
  return conclude(from, player, step);
}

} // namespace moorage::cli
