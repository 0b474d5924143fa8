// The keys and certificates that the words of `moorage ssh` name, beside those that a cluster has.
#pragma once

#include <string>

#include "deploy/moorage/ssh_words.hpp"
#include "runtime/config.hpp"

namespace moorage::cli {

/// A node is in another folder than we are, and so is whoever else has the same files.
std::string from_root(const std::string& file);

/// The known hosts and the agent that the words name, with their tokens and variables.
failure set_files(const ssh_call& call, cluster_config& meant);

/// Keys of the words come before a Host's and stand in the place of a table's; certificates are added to what
/// there is, since one is no identity by itself. Tokens are expanded in an option's file, and not in that of
/// -i. What cannot be read is left out, as ssh does, and told in `passed_over`. Refused when no key is left
/// and no other may be tried. Looks at the files.
failure set_keys(const ssh_call& call, cluster_config& meant);

} // namespace moorage::cli
