// Settings, as whoever uses `moorage ssh` in the place of ssh knows them.
#pragma once

#include <string>

namespace moorage::cli {

/// A text with the names of ssh's options before those of the settings that do the same.
/// Names of one word are left: they may be words. So is what stands in a path, in quotes or in another name,
/// what the server says, and a setting whose option stands in the text already.
std::string in_ssh_words(const std::string& text);

} // namespace moorage::cli
