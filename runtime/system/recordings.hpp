// Where recordings of pools go, and writing them (actors/pool/recording): files of this user's own, which
// threads of their own write.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/pool/recording/recording_file.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage {

/// Recordings in the folder at most; more are refused, so that nobody fills a disk by ordering them.
inline constexpr std::size_t recordings_max = 100;

/// moorage in $XDG_STATE_HOME, else in ~/.local/state. Empty: neither that nor $HOME names a folder.
std::string recordings_folder();

/// Begins to write it into the folder as CLUSTER-TIME.flight, for its owner alone (0600), in a file that was
/// not there. The folder is made if need be (0700), and must be ours alone. The file is there whole, or not
/// at all, save where the process ends amid it.
std::unique_ptr<recording_file> begin_recording_file(const std::string& folder, recording what,
                                                     std::function<void()> wake, blocking_threads& threads);

} // namespace moorage
