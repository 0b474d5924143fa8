// The way to the pools: the configuration, then a node's pools or pools of our own.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/signals.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// The configuration that the options ask for, with their settings in it. Nothing: it is wrong, and was
/// complained of; what of the file, is added to `wrong` as well.
std::optional<configuration> read_configuration(const options& from, std::string* wrong = nullptr);

/// Has ssh say what each cluster's `ssh_host` stands for; complains of those that it has no answer for (which
/// are then `unusable`), and tells what of ssh's options is not followed. False: it complained of some.
bool ask_openssh_of_all(const options& from, configuration& config, const signal_watch& signals,
                        std::string* wrong = nullptr);

/// Tells of the files that these clusters lack, each once. Whoever uses such a cluster is refused; nobody
/// else is. Waits for the disks, and for whoever reads stderr; says no more once `unwanted` says so.
void warn_of_files(const options& from, const configuration& config,
                   const std::vector<cluster_config>& clusters, const std::function<bool()>& unwanted = {});

/// What is to be told of ssh's configuration of a cluster and of its jumps: key files that are left out, and
/// what ssh complains of.
std::vector<std::string> told_of_ssh(const cluster_config& of);

/// Which options of ssh's configuration a cluster and its jumps have that are not followed: a line for each
/// of them. `of_distributions`: also where that is nothing but what distributions say of every host.
std::vector<std::string> not_followed_of(const cluster_config& of, bool of_distributions);
/// The same for whoever gave these options: who asks for more, or checks, is told of all.
std::vector<std::string> not_followed_for(const options& from, const cluster_config& of);
/// Tells of those; who runs commands, the first time.
void tell_not_followed(const options& from, const std::vector<std::string>& lines);

/// The socket that the options, the configuration or habit name.
std::string node_socket(const options& from, const configuration& config);

/// In place of an address: whichever of the site's nodes can be reached, and all of them in lists.
inline constexpr const char* any_node = "any of [nodes]";

/// The node that is reached over TLS, which the options, $MOORAGE_NODE or the configuration name, or
/// `any_node`; empty: none. A socket, settings or pools of the command's own that the options ask for come
/// first.
std::string distant_node(const options& from, const configuration& config);

struct pools_at_hand {
  std::optional<runtime> pools; ///< nothing: `reason`
  bool of_node = false;
  std::string socket;   ///< the node's, on this machine
  bool distant = false; ///< the node's, and it knows the clusters of its own configuration only
  failure reason;
  std::chrono::milliseconds took{0}; ///< to reach them
};

/// Pools that know the cluster that the options name: the node's if there is one, or can be started where the
/// configuration wants that, else our own. Our own know only that cluster and keep no idle connection for
/// later: there is no later. As `make_pools`, this may begin the process anew.
pools_at_hand reach_cluster(const options& from, const configuration& config, signal_watch& signals);

/// The same, but that a node may not know the cluster: a round trip less, for whoever sees that from its
/// answer.
pools_at_hand reach_pools(const options& from, const configuration& config, signal_watch& signals);
/// What there is to say where no node listens, to who can start one.
failure no_node_on(const std::string& path, const options& from);
/// Tells a node that does not know the options' cluster of it, with our settings; `unknown` is how the node
/// said so, which stands where it takes settings from others.
failure make_known(runtime& node, const options& from, const configuration& config,
                   const signal_watch& signals, const failure& unknown);

/// Says which of the site's nodes a list lacks, since they could not be reached.
void tell_unreachable(const runtime& nodes);

/// The node's pools. Without a node the reason says how to start one. As `make_pools` where the node is
/// distant; `signals`: none are watched.
pools_at_hand reach_node(const options& from, const configuration& config, signal_watch* signals = nullptr);

} // namespace moorage::cli
