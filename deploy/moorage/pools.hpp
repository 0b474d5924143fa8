// Pools of our own, made by the program that can: see pools_here.cpp and pools_elsewhere.cpp.
//
// The loader takes longer over libssh, OpenSSL, Kerberos and the log than a command through a node does
// altogether. So `moorage` is linked without them. When it turns out that there is no node, or that it is to
// be one, it becomes, by execve(2), the program of the same name in the libexec folder, which is the same
// with them and begins again.
#pragma once

#include <optional>

#include "deploy/moorage/signals.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// A runtime with pools for the configuration; nothing: `reason`. May begin the process anew instead, with
/// the same arguments: before it is called nothing must have been read from standard input, nor written to
/// standard output. Signals that were caught meanwhile are not lost.
std::optional<runtime> make_pools(configuration config, signal_watch& signals, failure& reason,
                                  runtime_options how = {});

/// False: `make_pools` begins the process anew, so that what is told before it would be told twice.
bool makes_pools_here();

/// Begins the process anew in such a case, with the same arguments; comes back if it cannot.
failure have_pools(signal_watch& signals);

/// A link over TLS, which is the other program's as well: the same may happen. `signals`: none are watched.
result<runtime> connect_over_tls(const node_address& node, std::chrono::milliseconds timeout,
                                 runtime_options how, signal_watch* signals);

} // namespace moorage::cli
