// What strace(1) tells of a process in which pumps stand between marks.
#pragma once

#include <map>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/traced_process.hpp"

namespace moorage::support {

/// What one thread did, line by line, and which of it might have blocked.
class trace_reader {
public:
  explicit trace_reader(std::string thread) : thread_(thread), process_(std::move(thread)) {}

  void read(const std::string& line) {
    static const std::regex begun{R"(^(\d+) +(\w+)\((.*)$)"};
    static const std::regex resumed{R"(^(\d+) +<\.\.\. (\w+) resumed>(.*)$)"};
    std::smatch part;
    std::string thread, name, rest;
    if (std::regex_match(line, part, resumed)) {
      thread = part[1], name = part[2];
      rest = std::exchange(unfinished_[thread], {}) + std::string{part[3]};
    } else if (std::regex_match(line, part, begun)) {
      thread = part[1], name = part[2], rest = part[3];
    } else {
      return;
    }
    if (auto cut = rest.find(" <unfinished ...>"); cut != std::string::npos) {
      unfinished_[thread] = rest.substr(0, cut); // its flags and its result are told when it resumes
      return;
    }
    if (!process_.is_ours(thread, name, rest))
      return;
    if (thread == thread_ && name == "write" && rest.starts_with("-1, \"pump ")) {
      inside_ = rest.find("begins") != std::string::npos;
      pumps += inside_;
      return;
    }
    if (inside_ && thread == thread_) {
      ++calls;
      if (process_.may_block(name, rest))
        blocking.push_back(name + "(" + rest);
    }
    process_.follow(thread, name, rest);
  }

  int pumps = 0;
  int calls = 0;
  auto processes() const { return process_.processes(); }
  std::vector<std::string> blocking;

private:
  std::string thread_;
  traced_process process_;
  bool inside_ = false;
  std::map<std::string, std::string> unfinished_; ///< by thread: a call that others' calls came in between
};

} // namespace moorage::support
