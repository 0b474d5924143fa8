// Every setting once: its name, type, range, and what it does. This table drives the reading of the file,
// `-o` on the command line, `moorage config`, the commented sample and the manual page; nothing else lists
// the settings.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "messages/settings.hpp"

namespace moorage {

enum class setting_type : std::uint8_t { text, file, file_list, boolean, count, size, duration, choice };

/// A setting's value, whatever its type: text, file and choice are strings, count and size are numbers.
using setting_value =
    std::variant<bool, std::uint64_t, std::chrono::milliseconds, std::string, std::vector<std::string>>;

/// What is known of a setting apart from where it is kept.
struct setting_rules {
  std::string_view name = {};    ///< as in the file: "pool_size"
  std::string_view section = {}; ///< settings that belong together, as a heading
  setting_type type = setting_type::text;
  /// Counts as they are, sizes in bytes, durations in milliseconds; both limits are allowed.
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  bool zero = false; ///< zero is allowed too, and has the meaning that `meaning` gives it
  std::span<const std::string_view> choices = {}; ///< in the order of the enumeration's values
  std::string_view meaning = {};                  ///< one or more sentences
  std::string_view example = {};                  ///< in TOML, where the default shows nothing
  std::string_view ssh_name = {};                 ///< the option of ssh_config(5) that does the same, if any
  bool own = false;                               ///< belongs to one cluster: not allowed in [defaults]
  bool must_exist = false;                        ///< a cluster whose files are not there cannot be used
};

template <class Settings>
struct setting : setting_rules {
  setting_value (*get)(const Settings&) = nullptr;
  /// The value has passed `check_value`.
  void (*set)(Settings&, const setting_value&) = nullptr;
};

/// The settings of a cluster, in the order of `cluster_settings`; all but its name.
std::span<const setting<cluster_settings>> cluster_fields();
const setting<cluster_settings>* find_cluster_field(std::string_view name);
std::vector<std::string> cluster_field_names();

/// What may be written, in words: "1 to 10000", "yes, accept-new or no".
std::string allowed_values(const setting_rules& rules);
/// The range of a number alone: "0, or 1s to 1d"; "" for what is no number.
std::string allowed_range(const setting_rules& rules);
/// What is wrong with the value, or "": only its range; whether files exist is asked elsewhere.
std::string check_value(const setting_rules& rules, const setting_value& value);
/// What is wrong with the name of a file, or "": only that it is empty. Looks at no disk.
std::string check_file_name(const setting_rules& rules, const std::string& name);
/// What is wrong with a file that must exist, or "": absent, no file, not readable.
std::string check_file(const setting_rules& rules, const std::string& name);
/// Reads a value as written on the command line. What is wrong with it, or "".
std::string parse_value(const setting_rules& rules, const std::string& written, setting_value& result);
/// The value in TOML, as it may stand in the file.
std::string format_value(const setting_rules& rules, const setting_value& value);

} // namespace moorage
