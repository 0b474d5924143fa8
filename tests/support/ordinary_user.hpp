// Tests that are run anew as a user who is made for them: sshd, agents and the modes of files treat root as
// nobody else.
#pragma once

#include <string>

namespace moorage::support {

/// What came of it.
struct ordinary_run {
  int cases = 0;       ///< that have the tag
  bool passed = false; ///< all of them, none left out
  std::string output;
};

/// Runs this program's tests of a tag, such as "[ordinary]", as a user of its own with a home of its own. For
/// tests that run as root; throws std::runtime_error when no user can be made.
ordinary_run run_as_ordinary_user(const std::string& tag);

/// The home of the user whom `run_as_ordinary_user` has made for this process: nobody's, to write into as one
/// likes. Empty: it did not.
std::string home_made_for_tests();

/// Where other users find the libraries that a sanitizer needs, which may lie where they may not look; copied
/// to the folder `place`. Empty: the system's will do.
std::string libraries_for_others(const std::string& place);

} // namespace moorage::support
