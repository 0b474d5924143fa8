// What ssh(1) has said of its configuration, so that it is asked once about each name: its files' Match exec
// runs as often as it is asked.
#pragma once

#include <future>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "runtime/config/openssh.hpp"

namespace moorage {

class openssh_answers {
public:
  /// As `ask_openssh_about`, for `openssh_patience`. Whoever asks what somebody is asking waits for that.
  openssh_answer to(const openssh_question& about, const std::string& file, const std::stop_token& stop);

private:
  std::mutex mutex_; // edge: several names are asked about at once, on a thread each
  std::map<std::vector<std::string>, std::shared_future<openssh_answer>> known_; ///< by the command line
};

/// Whether ssh's files may say more of the name than of every one, as far as it is known by this question.
bool may_be_host(const configuration& from, const openssh_question& about, const std::stop_token& stop);

} // namespace moorage
