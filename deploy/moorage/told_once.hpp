// What whoever runs commands is told the first time, and not with each command.
#pragma once

#include <string>
#include <vector>

namespace moorage::cli {

/// Complains of these lines unless this user was told them before, which a file in the folder of moorage's
/// state remembers. Nobody waits for that folder: a thread of its own looks, and tells; what is not told yet
/// when the process ends another command tells, and two at once may both. Where nothing can be remembered
/// nothing is told, as it would be each time.
void tell_once(std::vector<std::string> lines);

/// For whoever is about to end the process: lines that are just being told are told to their end, and
/// remembered. Waits a second for that at most, and not at all for what is still being looked for.
void finish_telling();

} // namespace moorage::cli
