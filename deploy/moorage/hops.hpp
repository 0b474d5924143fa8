// The jump hosts on the way to a cluster, as its refusals are told: which of them is to be mended, and what
// they were called.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "deploy/moorage/options.hpp"
#include "messages/errors.hpp"
#include "messages/settings.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// A hop of a ProxyJump may have a name that nobody wrote, "me@gate:2222-25a719b1b89b": here it is what was
/// written. Such a name is known by the digest of its cluster's settings, which nobody writes by chance.
std::string name_as_written(const cluster_settings& of);

/// The clusters that pools know, and what they are called where a person reads of them: as they were written,
/// save where that is another's name as well.
class names_shown {
public:
  names_shown() = default; ///< of nobody: each name as it is
  explicit names_shown(std::vector<cluster_settings> known);

  const std::vector<cluster_settings>& known() const { return known_; }
  /// Null: not known.
  const cluster_settings* find(const std::string& name) const;
  std::string of(const std::string& name) const;
  /// The text with each of the names in quotes so.
  std::string in(std::string text) const;
  /// Each name that is shown otherwise, and as what.
  const std::vector<std::pair<std::string, std::string>>& otherwise() const { return shown_; }
  /// Whose name a person means; what nobody is shown by is a name by itself.
  std::string meant_by(const std::string& shown) const;

private:
  std::vector<cluster_settings> known_;
  std::vector<std::pair<std::string, std::string>> shown_; ///< see `otherwise`
};
/// Asks the pools once. Of a node of another version, for instance, there are none.
names_shown ask_for_names(runtime& pools);

/// Whoever just did not answer is asked nothing more.
bool is_of_link(errc code);

/// A failure's text with the clusters as they were written. Nobody is asked where there is no text, or none
/// would answer.
std::string in_written_names(const failure& why, runtime& pools);

/// The jump hosts on the way, the one that is reached first in front.
std::vector<std::string> way_to(const std::string& cluster, const names_shown& names);

/// Who has to be mended before the cluster can be reached: itself, or a jump host on the way, whose trouble
/// passes as little as if it were the cluster's own.
struct trouble_spot {
  std::string cluster;
  errc code = errc::none;
};
/// Asks the pools of that way where the refusal may be a jump host's.
trouble_spot trouble_spot_of(const std::string& cluster, const failure& reason, runtime& pools,
                             const names_shown& names);

/// What the command's cluster was called on its line, which may not be the pool's name.
std::string name_as_called(const options& from);

/// Each occurrence.
void replace_all(std::string& text, const std::string& from, const std::string& to);

} // namespace moorage::cli
