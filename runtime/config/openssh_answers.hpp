// What ssh(1) has said of its configuration, so that it is asked once about each name: its files' Match exec
// runs as often as it is asked.
#pragma once

#include <future>
#include <map>
#include <mutex>
#include <optional>
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
  using question = std::vector<std::string>;         ///< ssh's command line
  using told_answer = std::optional<openssh_answer>; ///< none: whoever asked was stopped

  openssh_answer ask(const openssh_question& about, const std::string& file, const std::stop_token& stop,
                     const question& as, std::promise<told_answer> tell);

  std::mutex mutex_; // edge: several names are asked about at once, on a thread each
  std::map<question, std::shared_future<told_answer>> known_;
};

/// Whether ssh's files may say more of the name than of every one, as far as it is known by this question.
bool may_be_host(const configuration& from, const openssh_question& about, const std::stop_token& stop);

} // namespace moorage
