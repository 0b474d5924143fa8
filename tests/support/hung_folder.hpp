#pragma once

#include <string>

#include "runtime/system/descriptors.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

/// A file system that has stopped answering, as a dead file server's: whoever opens what is in it, or asks
/// whether it is there, waits until this object goes, and is then told that it cannot be had. It takes the
/// rights to mount one, as root has them; where there can be none, `why_not` says so.
class hung_folder {
public:
  hung_folder();
  ~hung_folder();
  hung_folder(const hung_folder&) = delete;
  hung_folder& operator=(const hung_folder&) = delete;

  explicit operator bool() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }
  /// Of a file in it. To be named only: this program would wait as well.
  std::string operator/(const std::string& name) const { return folder_ / name; }

private:
  scratch_folder folder_;
  unique_fd server_; ///< of the kernel's questions (fuse(4)), which nobody reads
  std::string why_not_;
};

} // namespace moorage::support
