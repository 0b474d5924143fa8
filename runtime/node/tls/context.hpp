// What TLS needs before anybody connects: our certificate and key, and whom we believe. TLS 1.3 only, with a
// certificate on each side, and nothing resumed: each link is proved anew.
//
// Every error names the file, what is wrong with it, and what to do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "runtime/config/access.hpp"
#include "runtime/node_files.hpp"
#include "runtime/result.hpp"

namespace moorage {

using tls_context = std::shared_ptr<SSL_CTX>;

struct free_ssl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using ssl_ptr = std::unique_ptr<SSL, free_ssl>;

enum class tls_side { node, client };

/// Errors: `local_failure`.
result<tls_context> make_tls_context(const node_files& files, tls_side side);

/// Of the peer's certificate, which it has proved. Empty: it has none.
certificate_names names_of_peer(const SSL* ssl);

/// Whether the peer's certificate, proved when its link began, would be believed today.
bool is_still_believed(const SSL* ssl, const tls_context& by);

/// The peer's certificate was valid, and is not any more.
bool has_run_out(const SSL* ssl);

/// Why OpenSSL's last call on this thread failed, in words; empties its queue of errors.
std::string tls_error(const SSL* ssl = nullptr);

} // namespace moorage
