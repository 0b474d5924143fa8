// What a refusal means to whoever ran the program. The library's texts say what happened and what to mend,
// and fit a host application's developer as well; how to go on from there depends on where the pools are.
#pragma once

#include <string>

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/reach.hpp"
#include "messages/errors.hpp"

namespace moorage::cli {

/// How to go on after a refusal by the cluster's pool: by a node's, else by one of the command's own, which
/// ends with it. Empty: the refusal's own text is all there is to say.
std::string advice_for(const options& from, const failure& reason, pools_at_hand& reached);

/// "moorage WORDS", fit for a shell, with what made this command find its node: whoever copies it finds the
/// same one, also where $MOORAGE_CONFIG was set for this command alone.
std::string same_node(const options& from, const std::string& words);

/// "moorage admin ACTION CLUSTER" for the same node.
std::string admin_command(const options& from, const std::string& action, const std::string& cluster);

/// Running a command that was refused so once more helps only when something else was done before.
bool needs_mending(errc reason);

/// The refusals that a pool gives from then on without another try, until it is reset.
bool is_latched(errc reason);

} // namespace moorage::cli
