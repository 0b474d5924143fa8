// What whoever runs commands is told the first time, and not with each command.
#pragma once

#include <string>
#include <vector>

namespace moorage::cli {

/// Complains of these lines unless this user was told them before, which a file in the folder of moorage's
/// state remembers. Nobody waits for that folder: a thread of its own looks, and tells. Where nothing can be
/// remembered nothing is told, as it would be each time.
void tell_once(std::vector<std::string> lines);

/// For whoever is about to end the process: what is remembered as told is told. Waits for no disk.
void finish_telling();

} // namespace moorage::cli
