// The variables that a cluster's settings give to its commands (`set_env`, `send_env`).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "messages/exec.hpp"

namespace moorage {

/// A process's environment, NAME=VALUE each, as it was at one moment, so that whoever reads it needs no lock.
/// None: it is another process's.
using process_environment = std::shared_ptr<const std::vector<std::string>>;

/// As ssh(1) has it: `set_env` before `send_env`, the first value of a name, and none whose name is there
/// already. `own`: the asker's environment, of which at most 250 variables and 128 KiB are sent. Returns how
/// many that leaves out.
std::size_t add_variables(std::vector<environment_variable>& to, const std::string& set_env,
                          const std::string& send_env, const process_environment& own);
/// That, in words for people, of requests without variables of their own; empty: none is left out.
std::string left_out_in_words(const std::string& set_env, const std::string& send_env,
                              const process_environment& own);

} // namespace moorage
