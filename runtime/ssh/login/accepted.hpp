// Which keys may be offered: `pubkey_accepted_algorithms` of the settings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/ssh/login/credentials.hpp"

namespace moorage {

/// Why a key, or certificate, of this SSH wire form is not offered where these algorithms are accepted; "":
/// it may be.
std::string why_not_accepted(const std::vector<std::string>& accepted, std::string_view blob);

/// Takes away the keys of files that are not accepted, and says so as their problem.
void leave_out_unaccepted(credentials& of);

/// For SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES while this key or certificate is tried: the library asks by the
/// plain key's names how it may sign for a certificate of RSA.
std::string signatures_for(const std::vector<std::string>& accepted, std::string_view blob);

} // namespace moorage
