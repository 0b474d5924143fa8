// Bytes as text (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace moorage {

/// Nothing: not base64. Padding may be missing, as some tools write keys.
std::optional<std::string> from_base64(std::string_view text);
/// With padding, in one line.
std::string to_base64(std::string_view bytes);

} // namespace moorage
