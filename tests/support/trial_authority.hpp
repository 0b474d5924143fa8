// Certificates for tests, by deploy/certificates: an authority's folder, made anew for each.
#pragma once

#include <string>

#include "runtime/node_files.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

class trial_authority {
public:
  /// A node's with this host: "localhost", "127.0.0.1".
  node_files node(const std::string& host = "127.0.0.1", const std::string& options = {}) const;
  /// A client's, whose URI is "moorage:NAME".
  node_files client(const std::string& name, const std::string& options = {}) const;
  void revoke(const std::string& name) const;

private:
  void run(const std::string& words) const;
  node_files files(const std::string& name) const;

  scratch_folder folder_;
};

} // namespace moorage::support
