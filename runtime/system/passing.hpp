// Failures of the system that may be over the next time: nothing that they hide may be taken for absent, and
// nothing that lasts may be concluded from them.
#pragma once

#include <string>

namespace moorage {

/// Short of descriptors or memory, or a disk or a network file system that does not answer as it should.
bool is_passing(int error);

/// What to tell people beside the error's own text: that it is tried again, and what to do where it lasts.
std::string advice_on_passing(int error);

} // namespace moorage
