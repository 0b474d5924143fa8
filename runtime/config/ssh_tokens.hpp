// TOKENS of ssh_config(5) in the names of key and certificate files, which `ssh -G` leaves as they are.
#pragma once

#include <string>

namespace moorage {

/// What each token stands for.
struct ssh_tokens {
  std::string digest = {};         ///< %C: of the others, as ssh makes it (openssh.hpp); empty: not asked for
  std::string home = {};           ///< %d, and `~`
  std::string host = {};           ///< %h
  std::string host_key_alias = {}; ///< %k; empty: as the alias
  std::string machine = {};        ///< %l, and up to its first dot %L: where this process is
  std::string alias = {};          ///< %n: the host as it was given
  std::string port = {};           ///< %p
  std::string remote_user = {};    ///< %r
  std::string user = {};           ///< %u: who runs this process
};

/// Those of this process: its home folder by the password database, which is what ssh asks, and not $HOME;
/// its machine and its user. Blocks.
ssh_tokens tokens_of_this_process();

struct ssh_text {
  std::string text = {};
  std::string wrong = {}; ///< a token that is not known, or a variable that is not set; empty: nothing
};

/// The tokens alone, those of ProxyJump and ProxyCommand: %h, %n, %p, %r and %%.
ssh_text expand_way(const std::string& text, const ssh_tokens& tokens);
/// All of them, a leading `~` and ${VARIABLES} of this process's environment.
ssh_text expand_file_name(const std::string& file, const ssh_tokens& tokens);

} // namespace moorage
