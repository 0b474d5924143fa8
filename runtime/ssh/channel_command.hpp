// The command line for variables that a server does not accept by themselves.
#pragma once

#include <string>
#include <vector>

#include "messages/exec.hpp"

namespace moorage {

/// What is wrong with the request, in words; empty: it can be sent.
std::string check_request(const exec_request& request);

/// A command line that sets the variables and then runs `command` as the server would have: by the user's
/// login shell. Every byte of names, values and command survives whatever shell that is (sh, csh, fish):
/// between single quotes stand only letters, digits and marks that none of them treats specially, everything
/// else is written as an octal escape for `printf %b`, which sh takes apart.
std::string with_environment(const std::vector<environment_variable>& variables, const std::string& command);

} // namespace moorage
