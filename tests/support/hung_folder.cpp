#include "tests/support/hung_folder.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mount.h>

namespace moorage::support {

hung_folder::hung_folder() : server_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
  const auto options =
      "fd=" + std::to_string(server_.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
  if (!server_ || ::mount("hung", folder_.path().c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0)
    why_not_ = std::string{"no file system of the test's own: "} + std::strerror(errno);
}

/// With its server's end the kernel answers in its place.
hung_folder::~hung_folder() {
  server_.reset();
  if (why_not_.empty())
    ::umount2(folder_.path().c_str(), MNT_DETACH);
}

} // namespace moorage::support
