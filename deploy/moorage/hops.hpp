// The jump hosts on the way to a cluster, as its refusals are told: which of them is to be mended, and what
// they were called.
#pragma once

#include <string>
#include <vector>

#include "deploy/moorage/options.hpp"
#include "messages/errors.hpp"
#include "runtime/config.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// The one that is reached first in front.
std::vector<std::string> way_to(runtime& pools, const std::string& cluster);

/// Who has to be mended before the cluster can be reached: itself, or a jump host on the way, whose trouble
/// passes as little as if it were the cluster's own.
struct trouble_spot {
  std::string cluster;
  errc code = errc::none;
};
trouble_spot trouble_spot_of(const std::string& cluster, const failure& reason, runtime& pools);

/// A hop of a ProxyJump may have a name that nobody wrote, "me@gate:2222-25a719b1b89b": here it is what was
/// written. `config`: the names that somebody wrote.
std::string name_as_written(const std::string& hop, const configuration& config);

/// What the command's cluster was called on its line, which may not be the pool's name.
std::string name_as_called(const options& from);

/// The text with each of the names in quotes as it was written.
std::string in_written_names(std::string text, const std::vector<std::string>& names,
                             const configuration& config);

/// Each occurrence.
void replace_all(std::string& text, const std::string& from, const std::string& to);

} // namespace moorage::cli
