// Where an option stands in the files that ssh reads, for who has to change it there. ssh itself tells what
// it made of them, and not from where; but it names the files that it reads.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "runtime/config/openssh.hpp"

namespace moorage {

/// Of what `ssh -G -vvv` says on its standard error: the files that it read, each once, the Hosts of theirs
/// that it applied, as "FILE line N", and the files of which nothing holds, since each Include of theirs
/// stands under a Host or Match that was not applied.
struct ssh_files_read {
  std::vector<std::string> files;
  std::vector<std::string> applied;
  std::vector<std::string> idle;
};
ssh_files_read files_ssh_read(const std::string& said);

/// The lines of a file's text that have the option (in lower case), but those of a Host that was not applied:
/// "FILE line N" each. Whether a Match was is not known.
std::vector<std::string> lines_with(const std::string& option, const std::string& file,
                                    const std::string& text, const std::vector<std::string>& applied);

/// "/home/me/.ssh/config line 3", or several; where no line is found, which files it must be in. Asks ssh
/// once more, and reads those files: blocks for as long as that takes, about `openssh_patience` at most.
std::string where_it_stands(const openssh_question& about, const std::string& file, const std::string& option,
                            const std::stop_token& stop);

} // namespace moorage
