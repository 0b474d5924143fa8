// Tells clusters of one name apart by what their settings say.
#pragma once

#include <string>

#include "messages/settings.hpp"

namespace moorage {

/// Twelve hexadecimal digits, the same in every process for the same settings, their name among them.
std::string settings_digest(const cluster_settings& of);

} // namespace moorage
