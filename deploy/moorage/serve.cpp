// `moorage serve`: a node that keeps the pools for everybody else of this user.
#include <cstdlib>
#include <cstring>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "deploy/moorage/background.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/pools.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage::cli {

namespace {

// sd_notify(3), which is one datagram.
void tell_systemd(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || (*path != '/' && *path != '@') || std::strlen(path) >= sizeof address.sun_path)
    return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (*path == '@')
    address.sun_path[0] = '\0';
  auto descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    return;
  auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(descriptor, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
         length);
  close(descriptor);
}

// The variables stay, for the program that this one may become; the process that they name is nobody else.
// sd_listen_fds(3): the socket that was handed over; -1: none. More than one is refused.
int handed_over(failure& wrong) {
  const char* whose = std::getenv("LISTEN_PID");
  const char* number = std::getenv("LISTEN_FDS");
  constexpr int first = 3;
  auto result = -1;
  if (whose != nullptr && number != nullptr && whose == std::to_string(getpid())) {
    result = first;
    if (std::string_view{number} != "1")
      wrong = {errc::invalid_request, "a node serves one socket, and " + std::string{number} +
                                          " were handed over: leave one ListenStream= in the .socket unit"};
  }
  return result;
}

// Each client takes some, and the soft limit is a shell's.
void use_all_descriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
    return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// Who serves by hand does not expect an end; what was started because somebody needed it has one.
serving way_to_serve(const options& from, const configuration& config, failure& wrong) {
  serving result;
  result.socket = node_socket(from, config);
  result.listening = handed_over(wrong);
  result.listen = config.node_listen;
  result.files = config.node_tls;
  result.access = config.access;
  if (from.serve.idle_end.count() >= 0)
    result.idle_end = from.serve.idle_end;
  else if (result.listening >= 0)
    result.idle_end = config.node_idle_end;
  return result;
}

// What other threads leave for the main one to do.
class errands {
public:
  enum class kind { reload, stop };
  using reading = std::promise<result<std::string>>;
  ~errands() { close(); }

  // An admin's order to read the configuration again; returns when that is done.
  result<std::string> reload() {
    std::future<result<std::string>> answer;
    {
      std::lock_guard guard{mutex_};
      if (closed_)
        return failure{errc::stopping, "the node ends"};
      answer = readings_.emplace_back().get_future();
      reload_ = true;
      changed_.notify_one();
    }
    return answer.get();
  }
  // Whoever had ordered it when it began is told what became of it.
  void answer(const result<std::string>& what) {
    for (auto& each : std::exchange(begun_, {}))
      each.set_value(what);
  }
  // Nothing is read any more.
  void close() {
    answer(failure{errc::stopping, "the node ends"});
    std::lock_guard guard{mutex_};
    closed_ = true;
    for (auto& each : std::exchange(readings_, {}))
      each.set_value(failure{errc::stopping, "the node ends"});
  }
  void leave(kind what) {
    std::lock_guard guard{mutex_};
    (what == kind::stop ? stop_ : reload_) = true;
    changed_.notify_one();
  }
  // A stop, since nobody can reach the node any more.
  void leave(failure why) {
    std::lock_guard guard{mutex_};
    lost_ = std::move(why);
    stop_ = true;
    changed_.notify_one();
  }
  // Why the node has to stop, if not because somebody said so.
  failure lost() {
    std::lock_guard guard{mutex_};
    return lost_;
  }
  kind wait() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [&] { return stop_ || reload_; });
    reload_ = false;
    if (stop_)
      return kind::stop;
    begun_ = std::exchange(readings_, {});
    return kind::reload;
  }

private:
  // edge: the signals' thread, the one that watches the socket's file, and the main one.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool reload_ = false;
  bool closed_ = false;
  std::vector<reading> readings_;
  std::vector<reading> begun_; ///< the main thread's alone
  failure lost_;
};

std::string counted(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

// A node that cannot listen is to log in nowhere: so the reserves are opened once it listens.
configuration without_reserves(configuration config) {
  for (auto& each : config.clusters)
    each.settings.min_idle = 0;
  return config;
}

void open_reserves(runtime& pools, const configuration& config) {
  for (const auto& each : config.clusters)
    if (each.settings.min_idle > 0)
      if (auto told = pools.register_cluster(each.settings); !told)
        complain(each.settings.name + ": " + told.error().text);
}

// What a reload cannot change.
std::string not_before_next_start(const configuration& before, const configuration& now) {
  std::string names;
  auto look = [&names](bool same, const char* name) {
    if (!same)
      names += (names.empty() ? "" : ", ") + std::string{name};
  };
  look(before.connects_at_once == now.connects_at_once, "connects_at_once of [limits]");
  look(before.probes_at_once == now.probes_at_once, "probes_at_once of [limits]");
  look(before.node_socket == now.node_socket, "socket of [node]");
  look(before.node_listen == now.node_listen, "listen of [node]");
  look(before.node_idle_end == now.node_idle_end, "idle_end of [node]");
  look(before.log_level == now.log_level, "level of [log]");
  look(before.log_file == now.log_file, "file of [log]");
  return names.empty() ? "" : "; not before the node is started anew: " + names;
}

// Takes over what changed between the two files, and says what that was. What is refused stays in `now` as it
// was before, so that the next reading tries it again. Clusters that clients registered themselves stay.
result<std::string> take_over(runtime& pools, const configuration& before, configuration& now) {
  std::size_t changed = 0, gone = 0;
  failure wrong;
  auto refused = [&wrong](const result<void>& answer, const std::string& name) {
    if (answer)
      return false;
    wrong.code = answer.error().code;
    wrong.text += "; " + name + ": " + answer.error().text;
    return true;
  };
  std::vector<cluster_config> taken;
  for (const auto& each : now.clusters) {
    const auto* old = before.find(each.settings.name);
    if (old != nullptr && old->settings == each.settings) {
      taken.push_back(each);
    } else if (!refused(pools.register_cluster(each.settings), each.settings.name)) {
      ++changed;
      taken.push_back(each);
    } else if (old != nullptr) {
      taken.push_back(*old);
    }
  }
  for (const auto& each : before.clusters) {
    auto is_it = [&each](const auto& other) { return other.settings.name == each.settings.name; };
    if (std::any_of(now.clusters.begin(), now.clusters.end(), is_it))
      continue;
    if (refused(pools.remove_cluster(each.settings.name), each.settings.name))
      taken.push_back(each);
    else
      ++gone;
  }
  now.clusters = std::move(taken);
  wrong.text =
      counted(changed, "cluster") + " new or changed, " + counted(gone, "cluster") + " removed" + wrong.text;
  if (wrong.code != errc::none)
    return wrong;
  return wrong.text;
}

// Its files may have others in them, whether or not the configuration has changed. What is refused stays in
// `now` as it was before.
void renew_tls(runtime& pools, const configuration& before, configuration& now, result<std::string>& told) {
  auto renewed = pools.renew(now.node_tls, now.access);
  if (renewed)
    return;
  now.node_tls = before.node_tls;
  now.access = before.access;
  auto text =
      (told ? *told : told.error().text) + "; TLS and [[access]] stay as they are: " + renewed.error().text;
  told = failure{told ? renewed.error().code : told.error().code, text};
}

// Reads it again, and says what came of it.
result<std::string> read_again(const options& from, runtime& pools, const configuration& at_start,
                               std::optional<configuration>& config) {
  tell_systemd("RELOADING=1");
  std::string wrong;
  auto now = read_configuration(from, &wrong);
  result<std::string> told{
      failure{errc::invalid_settings, "the configuration in force stays as it is: " + wrong}};
  if (now) {
    told = take_over(pools, *config, *now);
    renew_tls(pools, *config, *now, told);
    config = std::move(now);
    if (told)
      *told += not_before_next_start(at_start, *config);
    complain("read the configuration again: " + (told ? *told : told.error().text));
  } else {
    complain("the configuration in force stays as it is");
  }
  tell_systemd("READY=1");
  return told;
}

// Nobody looks into a log file at the time; what people should know soon is for whoever sits in front of the
// node.
result<subscription> tell_warnings(runtime& pools, const options& from, const configuration& config) {
  static constexpr std::array levels_that_show{"trace", "debug", "info", "warning"};
  auto shown = std::find(levels_that_show.begin(), levels_that_show.end(), config.log_level);
  auto by_log = config.log_file.empty() && shown != levels_that_show.end();
  return pools.subscribe({}, [silent = by_log || from.quiet > 1](const event_record& event) {
    if (!silent && event.what == event_kind::warned)
      complain(event.cluster + ": " + event.text);
  });
}

// Warns of files on a thread that may be left behind: a disk that hangs, or a stderr that nobody reads, must
// not keep the main thread from its errands.
class file_warnings {
public:
  file_warnings() { blocking_threads::settle_at_exit(); }
  /// What an earlier call has not said by now is of a configuration that is out of force, and stays unsaid.
  void begin(const options& from, const configuration& config) {
    looked_ = threads_.ask(
        {{}, "the look for the key files"},
        [from, config](const abandonment& sign) {
          warn_of_files(from, config, config.clusters, [&sign] { return sign.abandoned(); });
          return true;
        },
        [] {});
  }

private:
  blocking_threads threads_;
  blocking_answer<bool> looked_;
};

} // namespace

ending run_serve(const options& from) {
  if (from.embedded || !from.node.empty()) {
    complain(from.embedded ? "serve is what --embedded does without"
                           : "serve is a node; --node is for who goes to one");
    return {wrong_usage, 0};
  }
  use_all_descriptors();
  auto errand = std::make_shared<errands>(); // the runtime's end does not wait for a reload
  auto& left = *errand;
  signal_watch signals{{[&left] { left.leave(errands::kind::reload); }, std::chrono::milliseconds{0}}};
  std::stop_callback stop{signals.token(), [&left] { left.leave(errands::kind::stop); }};
  auto config = read_configuration(from);
  if (!config)
    return {wrong_config, 0};
  failure reason;
  auto way = way_to_serve(from, *config, reason);
  if (reason.code != errc::none)
    return refuse(reason);
  auto pools = make_pools(without_reserves(*config), signals, reason,
                          {.reload = [errand](const std::string&) { return errand->reload(); },
                           .shut_down =
                               [&left](const std::string& by) {
                                 complain("ends, as " + by + " ordered");
                                 left.leave(errands::kind::stop);
                               }});
  if (!pools)
    return refuse(reason);
  auto warnings = tell_warnings(*pools, from, *config);
  if (signals.token().stop_requested())
    return {success, signals.caught()};
  auto path = pools->serve(way, [&left](const failure& what, bool listening) {
    if (listening || what.code == errc::none)
      complain(what.text);
    if (!listening)
      left.leave(what);
  });
  if (!path)
    return refuse(path.error());
  open_reserves(*pools, *config);
  auto places = *path;
  for (const auto& each : pools->listens_on())
    places += ", and over TLS on " + each;
  complain("serving " + counted(config->clusters.size(), "cluster") + " on " + places);
  tell_systemd("READY=1\nSTATUS=serving on " + places);
  if (from.serve.started)
    tell_starter();
  file_warnings of_files;
  of_files.begin(from, *config);
  const auto at_start = *config;
  while (left.wait() == errands::kind::reload) {
    auto told = read_again(from, *pools, at_start, config);
    left.answer(told);
    if (told)
      of_files.begin(from, *config);
  }
  left.close();
  tell_systemd("STOPPING=1");
  pools->stop();
  if (auto lost = left.lost(); lost.code != errc::none)
    return refuse(lost);
  complain("stopped");
  return {success, 0};
}

} // namespace moorage::cli
