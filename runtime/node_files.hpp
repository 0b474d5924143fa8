// The files by which two sides of a link between machines know each other.
#pragma once

#include <string>

#pragma GCC visibility push(default)

namespace moorage {

/// Each in PEM. All but `revoked` are needed.
struct node_files {
  std::string certificate = {}; ///< one's own, with those between it and the authority behind it
  std::string key = {};         ///< its private key
  std::string authority = {};   ///< whose certificates are believed: one or more
  std::string revoked = {};     ///< a revocation list (CRL) of the authority's; empty: nothing is revoked

  friend bool operator==(const node_files&, const node_files&) = default;
};

} // namespace moorage

#pragma GCC visibility pop
