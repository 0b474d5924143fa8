// An ordinary account of this machine: sshd signals nobody's commands but those of other users than root.
#pragma once

#include <string>

namespace moorage::support {

/// Made in the constructor, gone with the object. For tests that run as root; throws std::runtime_error when
/// it cannot be made.
class ordinary_account {
public:
  /// `home` is the caller's: neither made nor removed.
  explicit ordinary_account(const std::string& home);
  ~ordinary_account();
  ordinary_account(const ordinary_account&) = delete;
  ordinary_account& operator=(const ordinary_account&) = delete;

  const std::string& name() const { return name_; }

private:
  std::string name_;
};

} // namespace moorage::support
