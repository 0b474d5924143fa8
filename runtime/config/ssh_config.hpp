// OpenSSH's client configuration as ssh(1) itself tells it, `ssh -G HOST`, and what of it is a cluster's
// settings. Values only; who asks is runtime/config/openssh.hpp.
//
// What a Host says is what differs from what ssh says of the same name without any file (`ssh -F none`).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/settings_table.hpp"
#include "runtime/config/ssh_tokens.hpp"

namespace moorage {

/// In the order of ssh's answer; names in lower case, as it writes them.
using ssh_options = std::vector<std::pair<std::string, std::string>>;
ssh_options parse_ssh_options(std::string_view answer);

/// Whether an answer is of a name that its files say something of: it differs from the answer for another
/// name in more than that name.
bool says_more(const ssh_options& of_host, const std::string& host, const ssh_options& of_other);

/// Who asks: for the tokens and the ~ that ssh leaves in file names.
struct ssh_config_reader {
  ssh_tokens tokens = {};  ///< of this process, and the alias as it was asked about
  bool other_home = false; ///< $HOME is another than the tokens', which is no home of ssh's
  /// What is wrong with a key file or certificate; empty: nothing, or its public part is there.
  std::string (*wrong_with)(const std::string& file) = nullptr;
  /// Whether a file, or its public part, is there.
  bool (*there)(const std::string& file) = nullptr;
};

struct ssh_config_reading {
  std::vector<std::pair<std::string, setting_value>> settings = {}; ///< by our names
  /// The hosts that it goes by, ProxyJump with its tokens expanded: "a,me@b:22", the last the nearest to it.
  std::string hops = {};
  /// Options that say something and are not followed, as ssh_config(5) writes them.
  std::vector<std::string> not_followed = {};
  std::vector<std::pair<std::string, std::string>> named_by = {}; ///< as a cluster's (runtime/config.hpp)
  std::vector<std::string> passed_over = {};                      ///< likewise
  bool agent_off_for_keys =
      false;                     ///< `agent` is, since no key is named that it may show, and for nothing else
  std::string wrong = {};        ///< why the host cannot be a cluster; empty: it can
  std::string wrong_option = {}; ///< what of the files it is about, in lower case; empty: nothing there
};

/// What is said of the alias by its files, in our settings.
ssh_config_reading read_ssh_options(const ssh_options& of_host, const ssh_options& without_files,
                                    const ssh_config_reader& who);

} // namespace moorage
