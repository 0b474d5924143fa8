// A node in the background, which a command starts that finds none: `[node] start = "auto"`.
#pragma once

#include <string>

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/signals.hpp"
#include "messages/errors.hpp"
#include "runtime/config.hpp"

namespace moorage::cli {

/// Whether the command that the options describe is to start a node where there is none. Not once that has
/// failed.
bool may_start_node(const options& from, const configuration& config);

/// Starts `moorage serve` on the socket, with the same configuration, apart from this command's terminal,
/// session, folder and descriptors, and waits until it listens: for as long as --wait says, at least 1 s and
/// at most 10 s. Of commands that do so at once one starts it, and the others wait for that. Afterwards a
/// node listens, whoever started it; or the failure says why none does, in the words of the one that ended,
/// and no other is started in this process.
failure start_node(const options& from, const configuration& config, const std::string& socket,
                   const signal_watch& signals);

/// This process, and the program that it may become, start none from now on.
void start_no_more();

/// For the node that was started so, once it listens: lets go of the stderr on which its starter waits.
void tell_starter();

} // namespace moorage::cli
