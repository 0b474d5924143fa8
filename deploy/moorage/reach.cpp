#include "deploy/moorage/reach.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include <unistd.h>

#include "deploy/moorage/advice.hpp"
#include "deploy/moorage/background.hpp"
#include "deploy/moorage/exit_codes.hpp"
#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/output.hpp"
#include "deploy/moorage/pools.hpp"
#include "messages/settings_words.hpp"
#include "runtime/node/socket.hpp"
#include "runtime/system/account.hpp"

namespace moorage::cli {

namespace {

// -v and -q move the level up and down from the configuration's.
std::string log_level(const options& from, const std::string& configured) {
  if (!from.log_level.empty())
    return from.log_level;
  const auto& levels = log_levels();
  auto place = std::find(levels.begin(), levels.end(), configured) - levels.begin();
  if (from.verbose > 0)
    place = std::min<std::ptrdiff_t>(place, 3) - from.verbose;
  if (from.quiet > 0)
    place = from.quiet > 1 ? std::ssize(levels) - 1 : std::max<std::ptrdiff_t>(place, 4);
  return levels[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(place, 0, std::ssize(levels) - 1))];
}

bool apply_settings(const options& from, configuration& config,
                    const std::function<void(const std::string&)>& say) {
  std::vector<std::pair<config_problem, std::size_t>> told; // with the number of further clusters
  auto apply = [&](cluster_config& target) {
    for (auto& each : override_settings(target, from.settings)) {
      auto same = [&each](const auto& one) {
        const bool of_a_cluster = each.key.starts_with('\'');
        return one.first.text == each.text && (of_a_cluster || one.first.key == each.key);
      };
      if (auto before = std::find_if(told.begin(), told.end(), same); before == told.end())
        told.emplace_back(std::move(each), 0);
      else
        before->second += before->first.key != each.key;
    }
  };
  apply(config.defaults);
  for (auto& each : config.clusters)
    apply(each);
  for (const auto& [problem, further] : told)
    say(to_string(problem) +
        (further == 0 ? "" : " (and so of " + std::to_string(further) + " more of the clusters)"));
  return told.empty();
}

// The settings of a cluster that is about to be used. Only its own files are looked at: a key that is gone,
// or on a disk that hangs, is no other cluster's trouble.
failure usable_cluster(const options& how, const configuration& from, const signal_watch& signals,
                       cluster_config& result) {
  auto wrong = find_cluster(from, how.cluster, result, signals.token());
  if (wrong.code != errc::none)
    return wrong;
  if (!how.exec.as_ssh) { // who tells of them besides
    tell_not_followed(how, not_followed_for(how, result));
    for (const auto& each : how.quiet < 2 ? told_of_ssh(result) : std::vector<std::string>{})
      complain("warning: " + each);
  }
  auto problems = check_files(from, result);
  if (problems.empty())
    return {};
  return {errc::invalid_settings, config_error{std::move(problems)}.what()};
}

// A node that hangs is told of soon. One that systemd has only begun to start may take longer on a busy
// machine, and whoever says how long they wait means that as well: as long as for a node that we start.
std::chrono::milliseconds node_patience(const options& from) {
  constexpr std::chrono::milliseconds least = std::chrono::seconds{3}, most = std::chrono::seconds{10};
  return std::clamp(from.patience, least, most);
}

// What it is called where its orders are told of. The account's own name could need a directory service.
std::string own_name(const options& from) {
  auto user = environment("USER");
  auto action = from.which == command::admin ? " admin " + from.admin.action : std::string{};
  return "moorage" + action + ", " + (user.empty() ? "uid " + std::to_string(getuid()) : user);
}

// What works is nobody's concern, save theirs who want to know more.
void tell_version(const options& from, const runtime& node) {
  if (auto version = node.node_version(); from.verbose > 0 && !version.empty())
    complain("the node is " + version);
}

// One command rather tells of a node's loss than waits for its return.
result<runtime> connected(const options& from, const configuration& config, const std::string& path) {
  auto node = runtime::try_connect(
      path, node_patience(from),
      {.reconnect = false, .threads = 1, .name = own_name(from), .socket_user = config.client_socket_user});
  if (node)
    tell_version(from, *node);
  return node;
}

// The node there, or any of the site's.
node_address site_of(const configuration& config, const std::string& address) {
  node_address site{address, config.client_tls};
  if (address != any_node)
    return site;
  for (const auto& [name, place] : config.nodes)
    site.others.push_back(place);
  site.address = site.others.front();
  return site;
}

pools_at_hand over_tls(const options& from, const configuration& config, const std::string& address,
                       signal_watch* signals) {
  pools_at_hand result;
  result.of_node = result.distant = true;
  if (address != any_node && address.find(':') == std::string::npos) {
    std::string names;
    for (const auto& [name, place] : config.nodes)
      names += (names.empty() ? "" : ", ") + name;
    result.reason = {errc::invalid_settings, "there is no node '" + address +
                                                 "' in [nodes] of the configuration; write HOST:PORT" +
                                                 (names.empty() ? "" : ", or one of: " + names)};
  } else if (config.client_tls.certificate.empty()) {
    result.reason = {errc::invalid_settings,
                     (address == any_node ? std::string{"a node"} : "the node " + address) +
                         " is reached over TLS: name certificate, key and authority in "
                         "[client] of the configuration"};
  } else if (auto node = connect_over_tls(site_of(config, address), node_patience(from),
                                          {.reconnect = false, .name = own_name(from)}, signals)) {
    tell_version(from, *node);
    result.pools = std::move(*node);
  } else {
    result.reason = node.error();
  }
  result.reason.text = printable(result.reason.text, printable_whole); // it may name a path
  return result;
}

// A node is in another folder than we are.
void name_files_from_root(cluster_settings& of) {
  auto name_from_root = [](std::string& file) {
    if (std::error_code unknown; !file.empty() && !file.starts_with('/') && !file.starts_with('~'))
      file = std::filesystem::absolute(file, unknown).string();
  };
  for (auto& each : of.key_files)
    if (each != no_key_file)
      name_from_root(each);
  for (auto& each : of.known_hosts_files)
    name_from_root(each);
  name_from_root(of.agent_socket);
  if (of.ssh_config != "none")
    name_from_root(of.ssh_config);
}

// A node that ends at this very moment is none: its file goes first.
result<runtime> find_node(const options& from, const configuration& config, const std::string& path) {
  auto node = connected(from, config, path);
  if (node.error().code == errc::node_lost && access(path.c_str(), F_OK) != 0)
    return connected(from, config, path);
  return node;
}

// The node that listens there, or one that is started there where the configuration wants that.
result<runtime> find_or_start_node(const options& from, const configuration& config, const std::string& path,
                                   const signal_watch& signals) {
  auto node = find_node(from, config, path);
  if (node.error().code != errc::no_node || !may_start_node(from, config))
    return node;
  auto wrong = start_node(from, config, path, signals);
  if (wrong.code == errc::none) {
    node = find_node(from, config, path);
    if (node.error().code != errc::node_lost || node_process(path))
      return node;
    // Somebody had it end as it came up, or it dies of whoever comes.
    start_no_more();
    wrong.text = "the node that was started ended at once";
    node = failure{errc::no_node, wrong.text};
  }
  if (from.quiet < 2 && !signals.token().stop_requested())
    complain(wrong.text + "; going on with connections of this command's own");
  return node;
}

// Pools that end with the command tell by its last error, with the lease, and while it is waited for, what
// their log would tell as well: on stderr it is for whoever asked for it.
std::string own_log_level(const options& from, const configuration& config) {
  auto usual = config.log_level == "warning" || config.log_level == "error";
  return config.log_file.empty() && from.log_level.empty() && usual ? "critical" : config.log_level;
}

} // namespace

// The library's own text is for developers, too.
failure no_node_on(const std::string& path, const options& from) {
  return {errc::no_node, "no node listens on " + path + "; start one with: " + same_node(from, "serve &")};
}

int code_for(errc reason) {
#define MOORAGE_ERROR(name, exit, words, meaning)                                                            \
  case errc::name:                                                                                           \
    return exit;
  switch (reason) {
    MOORAGE_ERRORS(MOORAGE_ERROR)
  case errc::none:
    return success;
  case errc::count_:
    break;
  }
#undef MOORAGE_ERROR
  return refused;
}

std::optional<configuration> read_configuration(const options& from, std::string* wrong) {
  configuration config;
  auto say = [wrong](const std::string& text) {
    complain(text);
    if (wrong != nullptr)
      *wrong += (wrong->empty() ? "" : "\n") + text;
  };
  // A shell leaves the ~ of --config=~/… as it is.
  if (auto file = from.config_file.empty() ? find_config_file() : expand_home(from.config_file);
      !file.empty()) {
    auto read = try_load_config(file);
    for (const auto& each : read.problems)
      say(to_string(each));
    if (!read)
      return std::nullopt;
    config = std::move(read.value);
  }
  config.log_level = log_level(from, config.log_level);
  remember_openssh(config);
  if (!apply_settings(from, config, say))
    return std::nullopt;
  return config;
}

std::string node_socket(const options& from, const configuration& config) {
  const auto& said = from.socket.empty() ? config.node_socket : from.socket;
  return said.empty() ? usual_node_socket() : said;
}

// What it is called in [nodes], or itself.
static std::string address_of(const configuration& config, const std::string& node) {
  for (const auto& [name, address] : config.nodes)
    if (name == node)
      return address;
  return node;
}

std::string distant_node(const options& from, const configuration& config) {
  if (!from.node.empty())
    return address_of(config, from.node);
  if (!from.socket.empty() || from.embedded || !from.settings.empty())
    return {};
  if (auto named = environment("MOORAGE_NODE"); !named.empty())
    return address_of(config, named);
  if (!config.client_node.empty())
    return address_of(config, config.client_node);
  return config.nodes.empty() || config.client_tls.certificate.empty() ? "" : any_node;
}

// The node's cluster of a jump host's name leads there only if it is the same machine and user.
static failure another_jump(runtime& node, const cluster_settings& jump) {
  auto place = [](const cluster_settings& of) {
    return (of.user.empty() ? "" : of.user + "@") + of.host + ":" + std::to_string(of.port);
  };
  auto known = node.clusters();
  for (const auto& each : known ? *known : std::vector<cluster_settings>{})
    if (each.name == jump.name && place(each) != place(jump))
      return {errc::invalid_settings,
              "the jump host '" + jump.name + "' is " + place(jump) +
                  " by ssh's configuration here, and the node's cluster of that name is " + place(each) +
                  ": name it in a table of its own, and set jump to that"};
  return {};
}

failure make_known(runtime& node, const options& from, const configuration& config,
                   const signal_watch& signals, const failure& unknown) {
  cluster_config ours;
  auto wrong = usable_cluster(from, config, signals, ours);
  name_files_from_root(ours.settings);
  std::vector<cluster_config> jumps;
  if (wrong.code == errc::none)
    wrong = find_jumps(config, ours, jumps, signals.token());
  for (auto jump = jumps.rbegin(); jump != jumps.rend() && wrong.code == errc::none; ++jump) {
    name_files_from_root(jump->settings);
    if (node.pool(jump->settings.name).error().code == errc::unknown_cluster)
      wrong = node.register_cluster(jump->settings).error();
    else if (config.find(jump->settings.name) ==
             nullptr) // else a table says the name, and means the node's own
      wrong = another_jump(node, jump->settings);
  }
  if (wrong.code == errc::none)
    wrong = node.register_cluster(ours.settings).error();
  if (wrong.code == errc::not_permitted)
    wrong = unknown;
  // It may name paths, each on a line of its own.
  wrong.text = printable(wrong.text, printable_whole, lines::many);
  return wrong;
}

pools_at_hand reach_cluster(const options& from, const configuration& config, signal_watch& signals) {
  auto result = reach_pools(from, config, signals);
  if (!result.pools || !result.of_node || result.distant)
    return result;
  // A node of another version may have no such question: an acquire says it as well.
  if (auto known = result.pools->pool(from.cluster); !known && known.error().code != errc::other_version)
    result.reason = known.error().code == errc::unknown_cluster
                        ? make_known(*result.pools, from, config, signals, known.error())
                        : known.error();
  if (result.reason.code != errc::none)
    result.pools.reset();
  return result;
}

pools_at_hand reach_pools(const options& from, const configuration& config, signal_watch& signals) {
  pools_at_hand result;
  auto chosen_node = !from.socket.empty() ? "--socket" : !from.node.empty() ? "--node" : "";
  if (*chosen_node != 0 && !from.settings.empty()) {
    result.reason = {errc::invalid_request,
                     std::string{"a node has its own settings: leave out "} + chosen_node + ", or -o"};
    return result;
  }
  if (auto address = distant_node(from, config); !address.empty())
    return over_tls(from, config, address, &signals);
  if (auto path = node_socket(from, config); !from.embedded && from.settings.empty() && !path.empty()) {
    auto began = std::chrono::steady_clock::now();
    auto node = find_or_start_node(from, config, path, signals);
    result.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    auto chosen = !from.socket.empty() || !config.node_socket.empty();
    // Without a node we can do without, and with what is not ours at a place that nobody chose; with a node
    // that does not answer, somebody should look after it.
    auto not_ours = !chosen && node.error().code == errc::local_failure;
    if (node || (node.error().code != errc::no_node && !not_ours) || !from.socket.empty()) {
      result.reason = node.error().code == errc::no_node ? no_node_on(path, from) : node.error();
      result.reason.text = printable(result.reason.text, printable_whole); // it may name a path
      result.of_node = true;
      result.socket = path;
      if (node)
        result.pools = std::move(*node);
      return result;
    }
  }
  cluster_config cluster;
  auto ours = config;
  ours.clusters.clear();
  if (makes_pools_here())
    result.reason = usable_cluster(from, config, signals, cluster);
  if (result.reason.code == errc::none)
    result.reason = find_jumps(config, cluster, ours.clusters, signals.token());
  if (result.reason.code != errc::none)
    return result;
  ours.clusters.push_back(cluster);
  std::vector<cluster_settings> known;
  for (auto& each : ours.clusters) {
    known.push_back(each.settings);
    each.settings.min_idle = 0;
  }
  ours.log_names = names_shown{std::move(known)}.otherwise();
  ours.node_name.clear(); // this process is none
  ours.log_level = own_log_level(from, config);
  ours.log_causes = !config.log_file.empty();
  result.pools = make_pools(std::move(ours), signals, result.reason);
  return result;
}

pools_at_hand reach_node(const options& from, const configuration& config, signal_watch* signals) {
  if (auto address = distant_node(from, config); !address.empty())
    return over_tls(from, config, address, signals);
  pools_at_hand result;
  auto path = node_socket(from, config);
  auto node = connected(from, config, path);
  result.of_node = true;
  result.socket = path;
  if (node)
    result.pools = std::move(*node);
  else
    result.reason = node.error().code == errc::no_node ? no_node_on(path, from) : node.error();
  result.reason.text = printable(result.reason.text, printable_whole); // it names a path
  return result;
}

} // namespace moorage::cli
