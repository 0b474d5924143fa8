// Certificates that deploy/certificates does not make: of authorities below others, and in date for seconds
// only. By OpenSSL's functions, in a few ms each.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <openssl/x509.h>

#include "runtime/node_files.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

class made_authority {
public:
  /// One that nobody vouches for but itself.
  explicit made_authority(const std::string& name) : made_authority(name, nullptr) {}
  made_authority(const std::string& name, const made_authority& above) : made_authority(name, &above) {}

  /// Its own certificate, alone.
  std::string file() const { return folder_ / "authority.pem"; }
  /// The files of one whom it vouches for, for so long from now on; `authority` is its own. No list of the
  /// revoked.
  node_files client(const std::string& name, std::chrono::seconds life = std::chrono::hours{1}) const {
    return leaf(name, life, "clientAuth", "URI:moorage:" + name);
  }
  /// A node's on 127.0.0.1.
  node_files node(std::chrono::seconds life = std::chrono::hours{1}) const {
    return leaf("node", life, "serverAuth", "IP:127.0.0.1");
  }
  /// Its list of the revoked, in date for so long, with these certificates' files on it.
  std::string list(std::chrono::seconds life, const std::vector<std::string>& revoked = {}) const;

private:
  made_authority(const std::string& name, const made_authority* above);
  node_files leaf(const std::string& name, std::chrono::seconds life, const std::string& usage,
                  const std::string& alternative) const;
  std::string fresh(const std::string& name, const std::string& suffix) const;

  scratch_folder folder_;
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
  mutable int made_ = 0;
};

/// Appends one PEM file to another: what a peer presents with its certificate, or a list of several.
void append(const std::string& file, const std::string& more);

} // namespace moorage::support
