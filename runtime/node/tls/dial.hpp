// A client's way to a node over TLS.
#pragma once

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "runtime/node/tls/front.hpp"
#include "runtime/node_files.hpp"

namespace moorage {

/// What carries this process's links to nodes: one thread, as long as somebody has the result. Throws what
/// `tls_front` does.
std::shared_ptr<tls_front> front_of_process();

/// Connects, proves both sides, waits for the node's first word (a node that does not believe our certificate
/// says so only then), and hands the link to `front`. CAF's end of it comes back. Waits until `deadline` at
/// most, and ends within 50 ms of `called_off`. The files are read anew each time.
///
/// Errors: of `connect_tcp` and `make_tls_context`; `local_failure` if one side does not believe the other;
/// `node_lost` if what listens there does not answer, or is no node.
result<unique_fd> dial_tls(tls_front& front, const std::string& address, const node_files& files,
                           std::chrono::steady_clock::time_point deadline, const std::stop_token& called_off);

} // namespace moorage
