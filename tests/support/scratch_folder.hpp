// Files of a test's own.
#pragma once

#include <string>

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

/// All that a file holds; "" where there is none.
std::string contents_of(const std::string& file);

} // namespace moorage::support
