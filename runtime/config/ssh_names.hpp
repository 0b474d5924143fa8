// ssh's lists of algorithms and of log-in methods in our names: which of them are known here.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "messages/algorithms.hpp"

namespace moorage {

struct ssh_list {
  const char* option;
  const char* field; ///< of our settings
  algorithm_kind kind;
};

inline constexpr std::array ssh_lists{
    ssh_list{"ciphers", "ciphers", algorithm_kind::cipher}, ssh_list{"macs", "macs", algorithm_kind::mac},
    ssh_list{"kexalgorithms", "kex_algorithms", algorithm_kind::key_exchange},
    ssh_list{"hostkeyalgorithms", "host_key_algorithms", algorithm_kind::host_key},
    ssh_list{"pubkeyacceptedalgorithms", "pubkey_accepted_algorithms", algorithm_kind::public_key}};

struct names_taken {
  std::string names = {};                 ///< for the setting
  std::vector<std::string> left_out = {}; ///< worth telling
};

/// Of ssh's list. Where it has all that ssh has by itself, its writer named only what it has beside, which
/// alone is worth telling of. When nothing is left the list is as ssh has it, for the setting's check to
/// refuse.
names_taken known_names(algorithm_kind kind, const std::string& list, const std::string& usual);

/// The same of a list as ssh_config(5) has it, with +, - or ^ before it and patterns in it, against our usual
/// ones. "": it changes nothing.
names_taken written_names(algorithm_kind kind, const std::string& written);

/// What ssh is told of methods. Those not known here, hostbased and gssapi-with-mic, have switches, which are
/// told of by themselves.
struct ssh_log_in {
  std::string preferred = {}; ///< empty: nothing was said
  bool public_key = true;
  bool password = true;
  bool questions = true; ///< keyboard-interactive
};

/// "": as it is without a word. When nothing is left, what the setting's check refuses.
names_taken known_methods(const ssh_log_in& how);

} // namespace moorage
