// A case of the pool's specification, as tests/spec/README.md has the format.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "messages/settings_table.hpp"

namespace moorage::test::spec {

/// A text that is no case. `what()` names the file, the line, the key and what is wrong with it.
struct malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using value = std::variant<bool, std::int64_t, std::chrono::milliseconds, std::string>;
using values = std::map<std::string, value>;
using settings = std::map<std::string, setting_value>;

/// "forever", as a time.
constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();

struct step {
  std::string operation;
  values keys;
  settings changed;  ///< of the operation `set`
  std::string where; ///< "steps[2]"
};

/// Of an expected one the keys that matter; of one that happened all of them, and when.
struct event {
  std::string kind;
  values keys;
  std::chrono::nanoseconds at{0};
};

struct pool_case {
  std::string file;
  std::string description, reference, topic;
  spec::settings settings;
  values world;
  std::vector<step> steps;
  std::set<std::string> ignored;
  /// In this order; those of a group in any.
  std::vector<std::vector<event>> events;
  std::map<std::string, std::string> outcomes;
  values status;
};

/// Throws `malformed`.
pool_case read_case(std::string_view text, const std::string& file);
/// What each case's settings are changes of: the defaults.
cluster_settings any_cluster();
/// `to` with these; the setting `ignored` stays as it is.
cluster_settings apply(const settings& changed, cluster_settings to, const std::string& ignored = {});

std::string to_string(const value& x);
/// "granted b connection=1 at 5 s"
std::string to_string(const event& x);

} // namespace moorage::test::spec
