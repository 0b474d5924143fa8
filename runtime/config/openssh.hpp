// Asks ssh(1) what its configuration says of a host. ssh alone knows that: Match, Include, negation and what
// wins over what are its own, and whoever reads the files in its place comes to other ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "messages/errors.hpp"
#include "runtime/config.hpp"
#include "runtime/config/ssh_config.hpp"

namespace moorage {

class openssh_answers;

/// A Host, and the user and port that are given beside it ("", 0: none), by which Match and tokens may go.
struct openssh_question {
  std::string host;
  std::string user = {};
  std::uint16_t port = 0;
};
/// What `ssh -G` says of a name that was checked (messages/settings_words.hpp: `wrong_ssh_host`). Blocks for
/// the timeout at most.
struct openssh_answer {
  ssh_options options;
  std::string digest;     ///< %C of ssh_config(5), TOKENS: which others it is of goes by ssh's version
  std::string complaints; ///< on its standard error: what it made of lines that it did not understand
  std::string debugging;  ///< likewise: what it read, and which of it applied (runtime/config/ssh_lines.hpp)
  failure problem;        ///< code `none`: it has answered
};
openssh_answer ask_openssh_about(const openssh_question& about, const std::string& file,
                                 std::chrono::milliseconds timeout, const std::stop_token& stop);

/// The file of ssh's that the cluster goes by; "": its own two, "none": none.
std::string file_of(const cluster_settings& settings);

/// The command line that asks it.
std::vector<std::string> words_for_openssh(const openssh_question& about, const std::string& file);

/// %C of who goes there, whatever files say of it; "": ssh does not tell. Blocks.
std::string digest_by_openssh(const openssh_question& about);

/// `ask_openssh` of a cluster without its jumps. `hops`: what ProxyJump says, where that is its way.
failure ask_openssh_alone(cluster_config& cluster, openssh_answers& answers, std::string& hops,
                          const std::stop_token& stop);

} // namespace moorage
