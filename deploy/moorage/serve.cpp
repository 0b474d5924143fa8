// `moorage serve`: a node that keeps the pools for everybody else of this user.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <sys/resource.h>

#include "deploy/moorage/background.hpp"
#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/errands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/life_signs.hpp"
#include "deploy/moorage/pools.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "deploy/moorage/systemd.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage::cli {

namespace {

// Each client takes some, and the soft limit is a shell's.
void use_all_descriptors() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
    return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// What was handed over. A unit that has a TCP socket is of a node that is to take links over TLS.
result<handed_sockets> sockets_for(const configuration& config) {
  auto handed = sockets_handed_over();
  if (!handed || handed->tcp.empty())
    return handed;
  std::string missing;
  auto look = [&missing](const std::string& file, const char* key) {
    if (file.empty())
      missing += (missing.empty() ? "" : ", ") + std::string{key};
  };
  look(config.node_tls.certificate, "certificate");
  look(config.node_tls.key, "key");
  look(config.node_tls.authority, "authority");
  if (missing.empty())
    return handed;
  return failure{
      errc::invalid_settings,
      "descriptor " + std::to_string(handed->tcp.front().get()) +
          ", which was handed over, is a TCP socket, on which a node speaks TLS: give " + missing +
          " in [node] of the configuration, or leave ListenStream= with a path alone in the .socket unit"};
}

// Who serves by hand does not expect an end; what was started because somebody needed it has one.
serving way_to_serve(const options& from, const configuration& config, handed_sockets handed) {
  serving result;
  result.socket = node_socket(from, config);
  if (from.serve.idle_end.count() >= 0)
    result.idle_end = from.serve.idle_end;
  else if (handed.any())
    result.idle_end = config.node_idle_end;
  // In place of `listen`, and not besides: who moves a node under a .socket unit writes the same address
  // there, which two cannot have; and nobody looks for a port that the unit does not name.
  if (handed.tcp.empty())
    result.listen = config.node_listen;
  else if (!config.node_listen.empty())
    complain("listens on the TCP sockets that were handed over, in place of listen in [node]");
  result.listening = handed.local.release();
  for (auto& each : handed.tcp)
    result.tcp_listening.push_back(each.release());
  result.files = config.node_tls;
  result.access = config.access;
  return result;
}

std::string counted(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string all_places(std::string path, const runtime& pools) {
  for (const auto& each : pools.listens_on())
    path += ", and over TLS on " + each;
  return path;
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
  look(before.node_name == now.node_name, "name of [node]");
  look(before.nodes == now.nodes, "[nodes]");
  look(before.node_idle_end == now.node_idle_end, "idle_end of [node]");
  look(before.log_level == now.log_level, "level of [log]");
  look(before.log_file == now.log_file, "file of [log]");
  return names.empty() ? "" : "; not before the node is started anew: " + names;
}

// Jump hosts before what is behind them: taken one by one, two that change places would look like a circle.
std::vector<const cluster_config*> jumps_first(const configuration& of) {
  std::vector<std::pair<std::size_t, const cluster_config*>> by_depth;
  for (const auto& each : of.clusters) {
    std::size_t depth = 0;
    for (const auto* at = &each; at != nullptr && !at->settings.jump.empty() && depth < of.clusters.size();
         ++depth)
      at = of.find(at->settings.jump);
    by_depth.emplace_back(depth, &each);
  }
  std::stable_sort(by_depth.begin(), by_depth.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const cluster_config*> result;
  for (const auto& each : by_depth)
    result.push_back(each.second);
  return result;
}

// Whether a cluster that this configuration does not have, since a client told of it, goes by that jump host.
bool others_go_by(const std::vector<cluster_settings>& known, const configuration& before,
                  const std::string& jump) {
  return std::any_of(known.begin(), known.end(), [&](const cluster_settings& each) {
    return each.jump == jump && before.find(each.name) == nullptr;
  });
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
  for (const auto* next : jumps_first(now)) {
    const auto& each = *next;
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
  auto known = pools.clusters();
  for (const auto& each : before.clusters) {
    auto is_it = [&each](const auto& other) { return other.settings.name == each.settings.name; };
    if (std::any_of(now.clusters.begin(), now.clusters.end(), is_it))
      continue;
    // It stays for those, and the next reading looks again.
    if ((known && others_go_by(*known, before, each.settings.name)) ||
        refused(pools.remove_cluster(each.settings.name), each.settings.name))
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

// Reads it again, and says what came of it. MONOTONIC_USEC= would be for Type=notify-reload, of systemd 253.
result<std::string> read_again(const options& from, runtime& pools, const configuration& at_start,
                               std::optional<configuration>& config, const signal_watch& signals,
                               const service_manager& manager) {
  manager.tell("RELOADING=1");
  std::string wrong;
  auto now = read_configuration(from, &wrong);
  result<std::string> told{
      failure{errc::invalid_settings, "the configuration in force stays as it is: " + wrong}};
  if (now) {
    auto answered = ask_openssh_of_all(from, *now, signals, &wrong);
    for (const auto& [name, why] : now->unusable)
      if (const auto* old = config->find(name))
        now->clusters.push_back(*old);
    add_jumps(*now); // theirs, too
    told = take_over(pools, *config, *now);
    if (!answered)
      told = failure{errc::invalid_settings, (told ? *told : told.error().text) + "; " + wrong};
    renew_tls(pools, *config, *now, told);
    config = std::move(now);
    if (told)
      *told += not_before_next_start(at_start, *config);
    complain("read the configuration again: " + (told ? *told : told.error().text));
  } else {
    complain("the configuration in force stays as it is");
  }
  manager.tell("READY=1");
  return told;
}

// A question as any client's. Which clusters there are goes by the threads that all actors share and by the
// one that knows all pools, and costs nothing however many they are; one pool that hangs is no reason to end
// all others' leases. It has its answer while the configuration is read from a disk that hangs, which keeps
// this process's main thread alone, and during a drain; who ends is `stopping`, and lives until it has ended.
// The answer is taken where it is given: callbacks' own threads may wait for a reader of stderr.
void ask_for_life(const async_runtime& pools, const std::function<void(bool)>& answered) {
  pools.clusters().then(
      [answered](const result<std::vector<cluster_settings>>& told) {
        answered(told || told.error().code == errc::stopping);
      },
      [](const std::function<void()>& call) { call(); });
}

// None: nobody waits for them.
std::unique_ptr<life_signs> begin_life_signs(runtime& pools, const service_manager& manager) {
  auto interval = watchdog_interval();
  if (!interval)
    complain(interval.error().text);
  if (!interval || interval->count() == 0 || !manager.there())
    return nullptr;
  return std::make_unique<life_signs>(
      *interval, [to = pools.async()](std::function<void(bool)> answered) { ask_for_life(to, answered); },
      [manager] { manager.tell("WATCHDOG=1"); });
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

// What it says of the configuration, it says once: not before the process has begun anew.
void complete(const options& from, configuration& config, const signal_watch& signals) {
  ask_openssh_of_all(from, config, signals);
  if (!config.nodes.empty() && config.node_name.empty())
    complain("warning: name in [node] is missing, which of [nodes] this one is: it has every cluster");
}

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
  if (makes_pools_here())
    complete(from, *config, signals);
  auto handed = sockets_for(*config);
  if (!handed) {
    complain(handed.error().text);
    return {wrong_config, 0}; // it is the unit's, and does not mend itself either
  }
  failure reason;
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
  handed->keep_from_children(); // not before: `make_pools` may have begun the process anew
  auto path = pools->serve(way_to_serve(from, *config, std::move(*handed)),
                           [&left](const failure& what, bool listening) {
                             if (listening || what.code == errc::none)
                               complain(what.text);
                             if (!listening)
                               left.leave(what);
                           });
  if (!path)
    return refuse(path.error());
  open_reserves(*pools, *config);
  auto places = all_places(*path, *pools);
  complain("serving " + counted(config->clusters.size(), "cluster") + " on " + places);
  service_manager manager;
  manager.tell("READY=1\nSTATUS=serving on " + places, std::chrono::seconds{5});
  auto signs = begin_life_signs(*pools, manager);
  if (from.serve.started)
    tell_starter();
  file_warnings of_files;
  of_files.begin(from, *config);
  const auto at_start = *config;
  while (left.wait() == errands::kind::reload) {
    auto told = read_again(from, *pools, at_start, config, signals, manager);
    left.answer(told);
    if (told)
      of_files.begin(from, *config);
  }
  left.close();
  manager.tell("STOPPING=1");
  pools->stop();
  if (auto lost = left.lost(); lost.code != errc::none)
    return refuse(lost);
  complain("stopped");
  return {success, 0};
}

} // namespace moorage::cli
