#include "tests/support/trial_authority.hpp"

#include <cstdlib>
#include <functional>
#include <stdexcept>

namespace moorage::support {

void trial_authority::run(const std::string& words) const {
  auto line = std::string{MOORAGE_SOURCE_DIR} + "/deploy/certificates " + words + " >" + folder_.path() +
              "/certificates.log 2>&1";
  if (std::system(line.c_str()) != 0) // NOLINT(cert-env33-c): words of the tests' own
    throw std::runtime_error{"deploy/certificates " + words + " failed; see certificates.log"};
}

node_files trial_authority::files(const std::string& name) const {
  auto at = folder_.path() + "/tls/";
  return {at + name + ".pem", at + name + ".key", at + "authority.pem", at + "revoked.pem"};
}

node_files trial_authority::node(const std::string& host, const std::string& options) const {
  auto name = "node-" + std::to_string(std::hash<std::string>{}(host + options) % 1'000'000);
  run("node " + folder_.path() + "/tls " + host + " --name " + name + " " + options);
  return files(name);
}

node_files trial_authority::client(const std::string& name, const std::string& options) const {
  run("client " + folder_.path() + "/tls " + name + " " + options);
  return files(name);
}

void trial_authority::revoke(const std::string& name) const {
  run("revoke " + folder_.path() + "/tls " + name);
}

} // namespace moorage::support
