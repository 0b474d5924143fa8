// Threads of another process that stand still, while the others run: as if what they were doing hung.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace moorage::cli_tests {

/// By ptrace(2), of a child of ours; they go on when this ends, or we do. The thread that made it ends it.
class frozen_threads {
public:
  /// Those whose name pleases. `allowed` is false where the system does not let us.
  frozen_threads(pid_t process, const std::function<bool(pid_t thread, const std::string& name)>& which);
  ~frozen_threads();
  frozen_threads(const frozen_threads&) = delete;
  frozen_threads& operator=(const frozen_threads&) = delete;

  std::size_t count() const { return held_.size(); }
  bool allowed() const { return allowed_; }

private:
  std::vector<pid_t> held_;
  bool allowed_ = true;
};

} // namespace moorage::cli_tests
