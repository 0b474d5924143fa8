// A command in place of the TCP connection (ssh_config(5): ProxyCommand): its text, and its start.
#pragma once

#include <memory>
#include <string>

#include "messages/settings.hpp"
#include "runtime/ssh/opening/proxy_process.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// A setting's command as the shell is given it.
struct proxy_line {
  std::string text;
  std::string problem; ///< set when there is none: what is wrong, for people
};

/// %h and %n are the host as it is set, %p the port, %r the user, %% a percent sign; nothing else may follow
/// a percent sign. A host or a user that a shell would take for more than a word is refused.
proxy_line proxy_line_of(const cluster_settings& settings, const std::string& user);

/// The shell that runs it: $SHELL as it was given. /bin/sh where that is empty or a program that lets nobody
/// in (nologin, false), which is what accounts of services have.
std::string proxy_shell(const std::string& shell);

struct proxy_start {
  std::unique_ptr<proxy_process> process;
  unique_fd socket;    ///< our end of its standard input and output: close-on-exec and non-blocking
  std::string problem; ///< set when it could not be started: the system's words
  int code = 0;        ///< and its errno
};

/// Blocks while the system starts the shell, whose file may be on a server that does not answer. The process
/// has a session of its own, no terminal, no descriptor of ours but three, and every signal as by default.
proxy_start start_proxy(const std::string& shell, const std::string& line);

} // namespace moorage
