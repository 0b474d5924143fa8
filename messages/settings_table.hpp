// Every setting once: its name, type, range, and what it does. This table drives `check_settings`, the
// reading of the file, `-o` on the command line, `moorage config`, the commented sample, the manual page, and
// what a change does to a living pool; nothing else lists the settings. One more is a field, its place in
// `inspect` (messages/settings.hpp), and a row in settings_table.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "messages/settings.hpp"

namespace moorage {

enum class setting_type : std::uint8_t {
  text,
  file,
  file_list,
  text_list,
  boolean,
  count,
  size,
  duration,
  choice
};

/// What a change does to a pool that is alive. No setting but the name needs a new pool.
enum class setting_change : std::uint8_t {
  at_once,         ///< holds from then on
  new_connections, ///< holds for what is opened from then on; open connections go on as they were opened
  reopens          ///< open connections are closed, each once its leases have ended
};

/// A setting's value, whatever its type: text, file and choice are strings, count and size are numbers.
using setting_value =
    std::variant<bool, std::uint64_t, std::chrono::milliseconds, std::string, std::vector<std::string>>;

/// What is known of a setting apart from where it is kept.
struct setting_rules {
  std::string_view name = {};    ///< as in the file: "pool_size"
  std::string_view section = {}; ///< settings that belong together, as a heading
  setting_type type = setting_type::text;
  /// What is wrong with a text, or with one file of a list; "" for nothing. Null: any will do.
  std::string (*wrong_text)(const std::string&) = nullptr;
  setting_change on_change = setting_change::at_once;
  /// Counts as they are, sizes in bytes, durations in milliseconds; both limits are allowed.
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  bool zero = false; ///< zero is allowed too, and has the meaning that `meaning` gives it
  std::span<const std::string_view> choices = {}; ///< in the order of the enumeration's values
  std::string_view meaning = {};                  ///< one or more sentences
  std::string_view example = {};                  ///< in TOML, where the default shows nothing
  std::string_view ssh_name = {};                 ///< the option of ssh_config(5) that does the same, if any
  bool own = false;                               ///< belongs to one cluster: not allowed in [defaults]
  bool texts = false;                             ///< a list's members are no files' names
  bool must_exist = false;                        ///< a cluster whose files are not there cannot be used
  /// Names a file, a command or a secret, or says which server is trusted: taken over a link from the node's
  /// own user alone. Not written in a row, but seen by how its text is checked.
  bool owners = false;
};

template <class Settings>
struct setting : setting_rules {
  setting_value (*get)(const Settings&) = nullptr;
  /// The value has passed `check_value`.
  void (*set)(Settings&, const setting_value&) = nullptr;
  bool (*same)(const Settings&, const Settings&) = nullptr;
};

/// The settings of a cluster, in the order of `cluster_settings`; all but its name.
std::span<const setting<cluster_settings>> cluster_fields();
const setting<cluster_settings>* find_cluster_field(std::string_view name);
std::vector<std::string> cluster_field_names();

/// What may be written, in words: "1 to 10000", "yes, accept-new or no".
std::string allowed_values(const setting_rules& rules);
/// The range of a number alone: "0, or 1s to 1d"; "" for what is no number.
std::string allowed_range(const setting_rules& rules);
/// What a change does to open connections, in a sentence; "" for `at_once`.
std::string_view change_in_words(const setting_rules& rules);
/// What is wrong with the value by itself, or "". Looks at no disk: whether files exist is asked elsewhere.
std::string check_value(const setting_rules& rules, const setting_value& value);
/// Whether connections opened under one may serve under the other.
bool same_connections(const cluster_settings& a, const cluster_settings& b);

/// What is wrong if a cluster's jumps, one by another, lead back to one that came before; "" for nothing.
/// `find`: the settings of a cluster as they are known by now; null: there is none, and so no circle.
std::string jump_circle(const cluster_settings& of,
                        const std::function<const cluster_settings*(const std::string&)>& find);

/// "16MiB" where that is exact, else "1000000B".
std::string format_size(std::uint64_t bytes);

} // namespace moorage
