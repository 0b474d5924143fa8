// Files of a test's own.
#pragma once

#include <string>

#include "runtime/system/descriptors.hpp"

namespace moorage::support {

/// A folder of our own under the system's temporary one, removed with all that is in it.
class scratch_folder {
public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

/// The lock of a file, which is made where there is none: held from another open file, as another process
/// holds it.
class held_lock {
public:
  explicit held_lock(const std::string& file);

private:
  unique_fd fd_;
};

/// All that a file holds; "" where there is none.
std::string contents_of(const std::string& file);

} // namespace moorage::support
