#pragma once

#include <string>
#include <vector>

#include "tests/support/process_tree.hpp"

namespace moorage::bench {

/// This program once more, in another role: it speaks lines on its stdout, and its stdin ends with this
/// object.
class own_process {
public:
  own_process(const std::string& role, const std::vector<std::string>& arguments);
  ~own_process();
  own_process(const own_process&) = delete;
  own_process& operator=(const own_process&) = delete;

  /// Throws when it ends without one.
  std::string read_line();
  pid_t pid() const { return process_.main_pid(); }

private:
  struct pipes {
    int input_read = -1, input_write = -1, output_read = -1, output_write = -1;
    pipes();
    ~pipes();
  };
  pipes pipes_;
  support::process_tree process_;
};

} // namespace moorage::bench
