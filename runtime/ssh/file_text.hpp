// Whole small files, read at once. Blocks: only for threads that may block.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/secrets.hpp"

namespace moorage {

struct file_text {
  secret bytes;        ///< as a secret: it may be a private key
  int error = 0;       ///< errno of the failure; 0: none, or none of the system's
  std::string problem; ///< names the file; empty: it was read
  mode_t mode = 0;
  uid_t owner = 0;

  std::string_view view() const { return {bytes.reveal(), bytes.size()}; }
};

/// Ordinary files (and what links lead to) of `size_max` bytes at most: a FIFO or a device would never end.
/// The null device is an empty one. All of the file, or a problem: never a part of it.
file_text read_file(const std::string& path, std::size_t size_max);

} // namespace moorage
