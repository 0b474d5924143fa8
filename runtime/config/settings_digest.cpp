#include "runtime/config/settings_digest.hpp"

#include <cstdint>
#include <string_view>

#include "messages/settings_table.hpp"
#include "messages/settings_text.hpp"

namespace moorage {

// FNV-1a of 64 bits (draft-eastlake-fnv), of which it shows 48: nobody gains by two that are the same.
std::string settings_digest(const cluster_settings& of) {
  std::uint64_t hash = 0xcbf29ce484222325;
  auto take = [&hash](std::string_view text) {
    for (auto c : text)
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash *= 0x100000001b3; // where it ends
  };
  for (const auto& field : cluster_fields()) {
    take(field.name);
    take(format_value(field, field.get(of)));
  }
  std::string result;
  for (auto i = 0; i < 12; ++i, hash >>= 4)
    result += "0123456789abcdef"[hash & 15];
  return result;
}

} // namespace moorage
