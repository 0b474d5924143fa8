// Folders that are this user's alone, for what programs leave there for later.
#pragma once

#include <string>
#include <vector>

#include <fcntl.h>

#include "runtime/system/descriptors.hpp"

namespace moorage {

/// Opens a folder that nobody else writes to, so that what is done in it by `openat` and its like is done
/// there. It is made if need be (0700, and so are those above it), but not in a $HOME that is another's, as
/// root's may be. `above`: where a relative name begins. Returns what is wrong; empty: it is open. Blocks.
std::string open_own_folder(const std::string& folder, unique_fd& held, int above = AT_FDCWD);

/// The names of what is in an open folder; those that can be read.
std::vector<std::string> names_in(const unique_fd& folder);

} // namespace moorage
