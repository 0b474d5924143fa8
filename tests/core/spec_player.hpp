// Plays a case on the pool's core, and compares what became of it with what the case expects.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/pool/protocol.hpp"
#include "tests/core/spec_case.hpp"

namespace moorage::test::spec {

/// What a pool did in a case.
struct record {
  std::vector<event> events; ///< all, those that the case ignores as well
  std::map<std::string, std::string> outcomes;
  values status;
  /// Steps that could not be taken, and what was seen in between that was not expected.
  std::vector<std::string> faults;
};

/// The core, or one that is wrong, to see which case notices.
struct played_pool {
  std::uint64_t seed = 1;   ///< of what it leaves to chance
  std::string deaf_to = {}; ///< a setting that it does not heed
  /// Stands between the core and the world, and falsifies what the core did.
  std::function<void(pool_effects&)> bug = {};
};

record play(const pool_case& played, const played_pool& pool = {});
/// In words; empty: the case holds.
std::vector<std::string> faults_of(const pool_case& expected, const record& found);
/// Of the expected keys alone.
std::vector<std::string> differences(const values& expected, const values& found, const std::string& where);

} // namespace moorage::test::spec
