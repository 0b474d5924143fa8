// What a refusal means to whoever ran the program. The library's texts say what happened and what to mend,
// and fit a host application's developer as well; how to go on from there depends on where the pools are.
#pragma once

#include <optional>
#include <string>

#include "deploy/moorage/hops.hpp"
#include "deploy/moorage/options.hpp"
#include "deploy/moorage/reach.hpp"
#include "messages/errors.hpp"

namespace moorage::cli {

/// What a refusal by the cluster's pool means to whoever asked it.
struct refusal_told {
  failure reason;            ///< with clusters as pools call them, which scripts go by
  failure shown = {};        ///< for people: with clusters as they were written
  errc to_mend = errc::none; ///< of what keeps the cluster from being used: itself, or a jump host
  /// How to go on: by a node's pool, else by one of the command's own, which ends with it. Empty: the reason
  /// is all there is to say.
  std::string advice = {};
};

/// Asks the pools what they know besides, each thing once; a node that is gone or frozen, nothing. `names`:
/// for these they were asked already.
refusal_told tell_refusal(const options& from, const failure& reason, pools_at_hand& reached,
                          std::optional<names_shown> names = {});

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
