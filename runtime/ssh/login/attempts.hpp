// What was tried to log in, and the account of it for the one who must mend it. Never holds a secret.
#pragma once

#include <string>
#include <vector>

#include "messages/ssh_error.hpp"
#include "runtime/ssh/login/credentials.hpp"

namespace moorage {

/// SSH_AUTH_METHOD_… bits as the names that servers use.
std::string method_names(int methods);

/// What stands in the way of credentials that could not be used: each key file's problem, what the agent
/// lacks.
std::string hindrances(const credentials& with, const std::string& agent_problem);

/// Nothing: there is something to log in with. Else what is missing, before a server is asked: each log-in
/// that ends unfinished is counted by those that ban addresses.
ssh_error nothing_to_offer(const credentials& with);

class attempts {
public:
  void denied(const std::string& attempt);
  /// That was once too often: the server has hung up.
  void denied_for_good() { cut_off_ = true; }
  /// The server takes it and wants more (AuthenticationMethods).
  void partly_accepted(const std::string& attempt);
  /// Nothing was sent that the server counts.
  void not_completed(const std::string& attempt, const std::string& why);

  bool any_accepted() const { return !accepted_.empty(); }
  /// For the opening's steps: all that was accepted, in order.
  std::string success(const std::string& attempt) const { return accepted_ + attempt; }
  /// `denied` when the server has turned something down, or wants more than we have; else `no_credentials`.
  /// `nothing_else`: what to say where there are not even hindrances (`credentials::nothing_else`).
  ssh_error failure(int methods_offered, const std::string& hindrances,
                    const std::string& nothing_else) const;

private:
  std::vector<std::string> tried_;
  std::string accepted_; ///< "publickey …, then "
  bool denied_ = false;
  bool cut_off_ = false;
};

} // namespace moorage
