#include "tests/support/scratch_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/file.h>

namespace moorage::support {

scratch_folder::scratch_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "moorage-test-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw std::runtime_error("cannot make a folder like " + pattern);
  path_ = pattern;
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

held_lock::held_lock(const std::string& file)
    : fd_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (::flock(fd_.get(), LOCK_EX) != 0)
    throw std::runtime_error("cannot lock " + file);
}

std::string contents_of(const std::string& file) {
  std::ostringstream all;
  all << std::ifstream{file, std::ios::binary}.rdbuf();
  return all.str();
}

} // namespace moorage::support
