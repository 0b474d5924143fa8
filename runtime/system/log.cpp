#include "runtime/system/log.hpp"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <memory>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "messages/printable.hpp"
#include "runtime/result.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

namespace {

/// Lines that may wait for the disk; older ones are then dropped, and the pools never wait.
constexpr std::size_t lines_waiting_max = 4096;

spdlog::level::level_enum level_of(event_kind what) {
  using namespace spdlog::level;
  auto index = static_cast<std::size_t>(what);
  switch (index < event_rows.size() ? event_rows[index].matters : severity::debug) {
  case severity::debug:
    break;
  case severity::info:
    return info;
  case severity::warning:
    return warn;
  case severity::error:
    return err;
  case severity::critical:
    return critical;
  }
  return debug;
}

/// Of a failure its kind, of a refusal nothing: who was refused is told why.
std::string without_cause(const event_record& record) {
  if (record.error)
    return to_string(ssh_error{record.error.stage, record.error.kind, {}});
  auto told = record.what == event_kind::refused || record.what == event_kind::latched ||
              record.what == event_kind::backing_off;
  return told ? std::string{} : record.text;
}

/// It has names of users and hosts in it, and whatever servers say. A file that is there keeps the mode it
/// was given.
void create_for_owner(const std::string& file) {
  std::error_code ignored; // what cannot be done here is told by whoever opens the file
  if (auto folder = std::filesystem::path{file}.parent_path(); !folder.empty())
    std::filesystem::create_directories(folder, ignored);
  unique_fd{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)}.reset();
}

} // namespace

struct event_log::inside {
  // Its own thread pool: spdlog's global one belongs to the host.
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(lines_waiting_max, 1);
  std::shared_ptr<spdlog::async_logger> logger;
};

event_log::event_log(const std::string& level, const std::string& file, bool causes,
                     std::vector<std::pair<std::string, std::string>> names)
    : causes_(causes), names_(std::move(names)) {
  auto threshold = spdlog::level::from_str(level == "warning" ? "warn" : level);
  if (threshold == spdlog::level::off)
    return;
  spdlog::sink_ptr sink;
  try {
    if (file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      create_for_owner(file);
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file);
    }
  } catch (const spdlog::spdlog_ex& problem) {
    throw error{{errc::local_failure, "cannot open the log file: " + std::string{problem.what()}}};
  }
  inside_ = std::make_unique<inside>();
  inside_->logger = std::make_shared<spdlog::async_logger>("moorage", std::move(sink), inside_->pool,
                                                           spdlog::async_overflow_policy::overrun_oldest);
  // Once, and in our own words: a full disk would have as many complaints as the log has lines.
  // edge: spdlog calls this on its writer and on whoever logs.
  auto told = std::make_shared<std::atomic<bool>>(false);
  inside_->logger->set_error_handler([told, file](const std::string& what) {
    if (told->exchange(true))
      return;
    auto why = what.substr(what.rfind(": ") == std::string::npos ? 0 : what.rfind(": ") + 2);
    std::cerr << printable("moorage: the log" + (file.empty() ? "" : " file '" + file + "'") +
                               " cannot be written: " + why + "; lines of it are lost",
                           printable_whole) +
                     "\n";
  });
  inside_->logger->set_level(threshold);
  inside_->logger->flush_on(spdlog::level::info);
  inside_->logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z moorage %l: %v");
}

event_log::~event_log() = default;

/// "CLUSTER: LINE", where texts name clusters in quotes.
std::string event_log::named(std::string line, const std::string& cluster) const {
  const std::string* called = &cluster;
  for (const auto& [name, shown] : names_) {
    called = cluster == name ? &shown : called;
    const auto from = "'" + name + "'", to = "'" + shown + "'";
    for (auto at = line.find(from); at != std::string::npos; at = line.find(from, at + to.size()))
      line.replace(at, from.size(), to);
  }
  return printable(called->empty() ? line : *called + ": " + line, printable_whole);
}

void event_log::write(const event_record& record) {
  if (!inside_)
    return;
  auto level = level_of(record.what);
  if (!inside_->logger->should_log(level))
    return;
  auto line = to_string(record.what);
  if (record.connection)
    line += " " + to_string(record.connection);
  if (record.lease)
    line += " " + to_string(record.lease);
  if (auto text = causes_ ? record.text : without_cause(record); !text.empty())
    line += ": " + text;
  if (!record.by.empty())
    line += ", by " + record.by;
  if (record.missed > 0)
    line += " (" + std::to_string(record.missed) + " events before this one were missed)";
  inside_->logger->log(level, named(std::move(line), record.cluster));
}

void event_log::callback_failed(const std::string& cluster, const std::string& text) {
  if (inside_)
    inside_->logger->error(printable(cluster.empty() ? text : cluster + ": " + text, printable_whole));
}

void event_log::turned_away(const std::string& who_and_why) {
  constexpr int a_minute = 10;
  auto minute =
      std::chrono::duration_cast<std::chrono::minutes>(std::chrono::steady_clock::now().time_since_epoch())
          .count();
  if (turned_away_minute_.exchange(minute) != minute)
    turned_away_ = 0;
  auto count = ++turned_away_;
  if (!inside_ || count > a_minute)
    return;
  auto text = "turned away " + who_and_why;
  if (count == a_minute)
    text += " (no more are told in this minute)";
  inside_->logger->warn(printable(text, printable_whole));
}

void event_log::misconfigured(const std::string& text) {
  if (inside_)
    inside_->logger->error(printable(text, printable_whole));
}

void event_log::bug(const std::string& cluster, const std::string& text) {
  if (inside_)
    inside_->logger->critical(printable(cluster.empty() ? text : cluster + ": " + text, printable_whole));
}

} // namespace moorage
