// Who may do what, by the certificate that a client has shown.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/config.hpp"

namespace moorage {

/// What begins an entry's `certificate`, and says which of a certificate's names is meant.
inline constexpr std::array<std::string_view, 3> certificate_kinds{"uri:", "dns:", "subject:"};

/// What all entries together allow that name the certificate: by its subject (as RFC 2253 writes it), or one
/// of its URIs or DNS names; none of these as a pattern. DNS names are the same in capitals. A certificate
/// that no entry names has no rights.
access_rights rights_of(const std::vector<access_entry>& entries, const std::string& subject,
                        const std::vector<std::string>& uris, const std::vector<std::string>& dns);

} // namespace moorage
