// What is shown to a server of the keys that there are: from files, and from the agent.
#pragma once

#include <string>
#include <vector>

#include "runtime/ssh/login/credentials.hpp"

namespace moorage {

/// A key file's private key, with or without its certificate.
struct file_key {
  ssh_key key = nullptr;
  std::string name;
  bool listed = false;
  offered_certificate certificate = {};
  std::string from = {}; ///< for the account
};

/// In the order to try; certificates with a file of their own before all keys, others before their key. They
/// point into `with`.
std::vector<file_key> offers_of_files(const credentials& with);
/// Whether a certificate is named whose key only an agent may have.
bool names_certificate_of_agent(const credentials& with);

/// What one of the agent's keys may be shown to the server as.
struct agent_offer {
  std::string shown; ///< the key, or a certificate of it
  bool listed = false;
  std::string from; ///< where a certificate comes from that the agent does not hold
  offered_certificate certificate = {};
};

/// Of the agent's key with this blob: one for each listed file that names it, or itself, unlisted.
std::vector<agent_offer> offers_of_agent(const std::string& blob, const credentials& with);

/// The agent's keys in the order to try, which matters since servers take few: a certificate that is in date
/// and names the user, then a key that is known from one of the usual files, then the others as the agent has
/// them, and last a certificate that is not in date. Of one key's certificates the newest.
std::vector<agent_key> most_likely_first(std::vector<agent_key> keys, const credentials& with,
                                         const std::string& user);

/// A FIDO key, which signs when somebody touches it (PROTOCOL.u2f).
bool wants_touch(const std::string& blob);

} // namespace moorage
