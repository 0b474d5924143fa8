// What a request to run a command may be, and the command line for variables that a server does not accept by
// themselves.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "messages/exec.hpp"

namespace moorage {

/// The longest command, and the longest variable (its name and value together), that a server with this
/// banner takes in one request. OpenSSH and libssh end the connection, with all that runs on it, over a
/// packet of more than 256 KiB; of others no more is known than what each must take: 32,768 bytes (RFC 4253,
/// section 6.1).
std::size_t request_max(const std::string& banner);

/// What is wrong with the request, in words; empty: it can be sent to a server that takes `longest` bytes.
std::string check_request(const exec_request& request, std::size_t longest);
/// The same for its command alone. `rewritten`: it sets variables that the server has refused.
std::string check_command(const std::string& command, std::size_t longest, bool rewritten);

/// Can be sent as the name of a variable. What cannot is no name of an environment's either.
bool is_environment_name(const std::string& name);
/// Can be set by a shell: letters, digits and _, not beginning with a digit. `BASH_FUNC_x%%` cannot.
bool is_shell_name(const std::string& name);

/// A command line that sets the variables (of names that a shell takes) and then runs `command` as the server
/// would have: by the user's login shell. Every byte of values and command survives whatever shell that is
/// (sh, csh, fish): all stand between single quotes, and what one of them treats specially even there (a
/// quote, a backslash, an exclamation mark, a newline), and control characters, are escaped for `printf %b`,
/// which sh takes apart. The rest stays as it is: a script grows by what it has of these, not to four times
/// its length.
std::string with_environment(const std::vector<environment_variable>& variables, const std::string& command);

} // namespace moorage
