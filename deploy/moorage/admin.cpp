// `moorage admin …`: looking into the node's pools, and steering them.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <set>
#include <system_error>

#include <nlohmann/json.hpp>
#include <poll.h>

#include "deploy/moorage/commands.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/orders.hpp"
#include "deploy/moorage/present.hpp"
#include "deploy/moorage/reach.hpp"
#include "deploy/moorage/signals.hpp"
#include "messages/printable.hpp"
#include "messages/type_ids.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/descriptors.hpp"

extern "C" { // glibc 2.36 leaves that out
#include <sys/pidfd.h>
}

namespace moorage::cli {

namespace {

/// A node closes its connections within a second.
constexpr std::chrono::milliseconds stop_patience{10'000};

template <class T, class Text>
ending show(const options& from, const names_shown& names, const char* name, result<std::vector<T>> items,
            Text text) {
  if (!items)
    return refuse(items.error());
  if (from.json)
    return say(json_text({{name, list_to_json(*items)}}));
  for (auto& each : *items)
    name_as_written(each, names);
  return say(text(*items, has_colours(1)));
}

ending confirm(const options& from, const result<std::string>& said) {
  if (!said && said.error().code == errc::invalid_settings) {
    complain(said.error().text); // a value on the command line, not a configuration
    return {wrong_usage, 0};
  }
  if (!said)
    return refuse(said.error());
  auto text = printable(*said, printable_whole);
  return say(from.json ? json_line({{"done", from.admin.action}, {"cluster", from.cluster}, {"text", text}})
                       : text + "\n");
}

ending show_settings(const options& from, runtime& node) {
  auto clusters = node.clusters();
  if (!clusters)
    return refuse(clusters.error());
  auto found = std::find_if(clusters->begin(), clusters->end(),
                            [&from](const auto& each) { return each.name == from.cluster; });
  if (found == clusters->end())
    return refuse({errc::unknown_cluster, "the node has no cluster '" + from.cluster + "'"});
  return say(from.json ? json_text({{"cluster", found->name}, {"settings", settings_json(*found)}})
                       : settings_text(*found, has_colours(1)));
}

ending show_pools(const options& from, const names_shown& names, runtime& node) {
  auto text = [&from](const std::vector<pool_status>& pools, bool colours) {
    return pools_text(pools, colours, from);
  };
  if (from.cluster.empty()) {
    auto all = node.pools();
    tell_unreachable(node);
    return show(from, names, "pools", std::move(all), text);
  }
  auto one = node.pool(from.cluster);
  if (!one)
    return refuse(one.error());
  return show(from, names, "pools", result<std::vector<pool_status>>{std::vector{std::move(*one)}}, text);
}

ending show_explanation(const options& from, const names_shown& names, runtime& node) {
  auto why = node.explain(from.cluster);
  if (!why)
    return refuse(why.error());
  if (from.json)
    return say(json_text(to_json(*why)));
  name_as_written(*why, names);
  return say(explanation_text(*why, has_colours(1)));
}

ending show_errors(const options& from, const names_shown& names, runtime& node) {
  auto errors = node.errors(from.cluster);
  if (!errors)
    return refuse(errors.error());
  if (from.json)
    return say(json_text({{"errors", list_to_json(*errors)}}));
  auto colours = has_colours(1);
  std::string text;
  for (auto& each : *errors) {
    name_as_written(each, names);
    text += event_text(each, colours);
  }
  return say(text.empty() ? "no errors\n" : text);
}

// Events on their way from the actor system's threads to this one, which may wait for a slow terminal.
class event_queue {
public:
  void add(const event_record& event) {
    std::lock_guard guard{mutex_};
    if (events_.size() < depth_max)
      events_.push_back(event);
    else
      ++missed_;
    changed_.notify_one();
  }
  std::deque<event_record> take(std::chrono::milliseconds patience) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, patience, [&] { return !events_.empty() || ended_; });
    if (!events_.empty())
      events_.front().missed += std::exchange(missed_, 0);
    return std::exchange(events_, {});
  }
  void end() {
    std::lock_guard guard{mutex_};
    ended_ = true;
    changed_.notify_one();
  }

private:
  static constexpr std::size_t depth_max = 10'000;
  // edge: the runtime's threads put events in, this one takes them out.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<event_record> events_;
  std::uint64_t missed_ = 0;
  bool ended_ = false;
};

/// The command line has let pass nothing else.
event_filter wanted_events(const admin_options& from) {
  event_filter wanted;
  for (int least = 0; !from.severity.empty() && to_string(wanted.least) != from.severity; ++least)
    wanted.least = static_cast<severity>(least);
  for (std::size_t i = 0; i < event_rows.size(); ++i)
    if (std::find(from.kinds.begin(), from.kinds.end(), event_rows[i].name) != from.kinds.end())
      wanted.only(static_cast<event_kind>(i));
  return wanted;
}

/// Clusters that are registered while events are followed have names, too.
void name_event(event_record& event, names_shown& names, std::set<std::string>& unknown, runtime& node) {
  if (!event.cluster.empty() && names.find(event.cluster) == nullptr && unknown.insert(event.cluster).second)
    if (auto now = ask_for_names(node); !now.known().empty()) // else it did not answer
      names = std::move(now);
  name_as_written(event, names);
}

ending follow_events(const options& from, names_shown names, runtime& node, signal_watch& signals) {
  auto queue = std::make_shared<event_queue>();
  auto clusters = from.admin.clusters;
  if (clusters.empty())
    clusters.emplace_back(); // all
  std::vector<subscription> subscribed;
  for (const auto& cluster : clusters) {
    auto one = node.subscribe(
        names.meant_by(cluster), [queue](const event_record& event) { queue->add(event); },
        wanted_events(from.admin));
    if (!one)
      return refuse(one.error());
    subscribed.push_back(std::move(*one));
  }
  std::stop_callback wake{signals.token(), [queue] { queue->end(); }};
  auto colours = has_colours(1);
  std::set<std::string> unknown;
  while (!signals.token().stop_requested()) {
    std::string text;
    for (auto& event : queue->take(std::chrono::milliseconds{500})) {
      if (!from.json)
        name_event(event, names, unknown, node);
      text += from.json ? json_line(to_json(event)) : event_text(event, colours);
    }
    if (auto end = say(text); end.signal != 0 || end.code != 0)
      return end;
    if (text.empty() && node.wait_for_loss(std::chrono::milliseconds{0}))
      return refuse({errc::node_lost, "the node went away"});
  }
  return {success, signals.caught()};
}

// By its process, so that a node that is frozen, or of another version, can be ended too. Who made a socket
// and handed it over may be named in the node's place, so what is no node is left alone.
struct serving_process {
  pid_t number = 0;
  unique_fd held;      ///< its number may be another's soon
  bool others = false; ///< another user's, to whom we send no signals
};

std::optional<serving_process> process_of(const std::string& socket, const options& from, ending& wrong) {
  auto process = node_process(socket);
  if (!process) {
    auto reason = to_failure(process.error());
    wrong = refuse(reason.code == errc::no_node ? no_node_on(socket, from) : reason);
    return std::nullopt;
  }
  unique_fd held{*process > 0 ? pidfd_open(*process, 0) : -1};
  std::error_code unknown;
  auto program =
      std::filesystem::read_symlink("/proc/" + std::to_string(*process) + "/exe", unknown).filename();
  auto others = unknown == std::errc::permission_denied;
  if (!held || (!others && program != "moorage" && program != "moorage (deleted)")) {
    complain("cannot tell which process serves " + socket +
             ": end the program that does, or, if it is systemd's, run: systemctl --user stop moorage");
    wrong = {failed, 0};
    return std::nullopt;
  }
  return serving_process{*process, std::move(held), others};
}

ending await_end(const serving_process& process, const options& from, const std::string& socket,
                 const char* what_it_got) {
  pollfd ended{process.held.get(), POLLIN, 0};
  auto number = std::to_string(process.number);
  if (poll(&ended, 1, static_cast<int>(stop_patience.count())) != 1) {
    complain("process " + number + " " + what_it_got + ", and serves " + socket + " still");
    return {failed, 0};
  }
  return say(from.json ? json_line({{"done", from.admin.action}, {"process", process.number}})
                       : "process " + number + " serves no more\n");
}

// Nothing: it is another user's.
std::optional<ending> stop_node(const options& from, const std::string& socket) {
  ending wrong;
  auto process = process_of(socket, from, wrong);
  if (!process)
    return wrong;
  if (process->others)
    return std::nullopt;
  if (pidfd_send_signal(process->held.get(), SIGTERM, nullptr, 0) != 0) {
    complain("cannot end process " + std::to_string(process->number) + ", which serves " + socket + ": " +
             std::strerror(errno));
    return ending{failed, 0};
  }
  return await_end(*process, from, socket, "was sent SIGTERM");
}

// Nobody listens there any more, or soon.
bool has_ended(const options& from, const configuration& config) {
  constexpr std::chrono::seconds patience{3};
  for (auto deadline = std::chrono::steady_clock::now() + patience;
       std::chrono::steady_clock::now() < deadline; poll(nullptr, 0, 50))
    if (auto again = reach_node(from, config, nullptr); !again.pools && again.reason.code == errc::no_node)
      return true;
  return false;
}

// Its process is on another machine, or another user's. The end of the link may overtake the answer.
ending shut_down_distant(const options& from, const configuration& config, runtime& node,
                         const std::string& address) {
  auto told = node.shut_down(std::max(from.admin.within, std::chrono::milliseconds{0}));
  const bool lost = !told && told.error().code == errc::node_lost;
  if (lost && has_ended(from, config))
    return confirm(from, result<std::string>{"the link to it has ended, and nobody listens there any more"});
  if (lost)
    complain("whether the node on " + printable(address) + " ends is not known: the link to it was lost");
  return confirm(from, told);
}

// By message, since leases may end by themselves first. A node that has ended before its answer came has done
// what it was told.
ending shut_down(const options& from, const configuration& config, runtime& node, const std::string& socket) {
  ending wrong;
  auto process = process_of(socket, from, wrong);
  if (!process)
    return wrong;
  if (process->others)
    return shut_down_distant(from, config, node, socket);
  auto told = node.shut_down(std::max(from.admin.within, std::chrono::milliseconds{0}));
  if (!told && told.error().code != errc::node_lost)
    return refuse(told.error());
  return await_end(*process, from, socket,
                   told ? "has closed all connections"
                        : "does not answer any more (moorage admin stop ends it)");
}

ending steer(const options& from, const names_shown& names, runtime& node) {
  const auto written = names.of(from.cluster);
  for (const auto& order : orders())
    if (from.admin.action == order.name) {
      auto said = order.call(node, from);
      if (said && !from.json && written != from.cluster && order.name != std::string_view{"record"})
        replace_all(*said, from.cluster, written);
      return confirm(from, said ? said : failure{said.error().code, names.in(said.error().text)});
    }
  complain("there is no order '" + from.admin.action + "'"); // the command line takes no other
  return {wrong_usage, 0};
}

} // namespace

ending run_admin(const options& written) {
  auto from = written;
  if (from.embedded) {
    complain("admin steers a node; pools of our own end with the command");
    return {wrong_usage, 0};
  }
  if (!from.settings.empty()) {
    complain("a node has its own settings; -o is for commands that can work embedded");
    return {wrong_usage, 0};
  }
  std::optional<signal_watch> signals;
  const auto& action = from.admin.action;
  if (action == "events")
    signals.emplace();
  auto config = read_configuration(from);
  if (!config)
    return {wrong_config, 0};
  auto distant = distant_node(from, *config);
  auto socket = distant.empty() ? node_socket(from, *config) : distant;
  // To stop one that hangs takes its process, which is here.
  if (action == "stop" && from.admin.within.count() < 0 && distant.empty())
    if (auto stopped = stop_node(from, socket))
      return *stopped;
  auto reached = reach_node(from, *config, signals ? &*signals : nullptr);
  if (!reached.pools)
    return refuse(reached.reason);
  auto& node = *reached.pools;
  if (action == "stop")
    return distant.empty() ? shut_down(from, *config, node, socket)
                           : shut_down_distant(from, *config, node, distant);
  if (action == "reload") {
    auto told = node.reload();
    if (told || told.error().code != errc::invalid_settings)
      return confirm(from, told);
    complain(told.error().text, lines::many);
    return {wrong_config, 0};
  }
  const auto names = ask_for_names(node);
  from.cluster = names.meant_by(from.cluster);
  if (action == "pools")
    return show_pools(from, names, node);
  if (action == "connections")
    return show(from, names, "connections", node.connections(from.cluster), connections_text);
  if (action == "leases")
    return show(from, names, "leases", node.leases(from.cluster), leases_text);
  if (action == "waiters")
    return show(from, names, "waiters", node.waiters(from.cluster), waiters_text);
  if (action == "explain")
    return show_explanation(from, names, node);
  if (action == "errors")
    return show_errors(from, names, node);
  if (action == "settings")
    return show_settings(from, node);
  return action == "events" ? follow_events(from, names, node, *signals) : steer(from, names, node);
}

} // namespace moorage::cli
