// What an exploration has reached: sequences, distinct states, kinds of events one after another, and the
// signs that each of the pool's policies was at work.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tests/core/watched_pool.hpp"

namespace moorage::test {

/// A set of digests, flat, since there are millions.
class digest_set {
public:
  /// Whether it is new.
  bool insert(std::uint64_t digest);
  void merge(const digest_set& other);
  std::size_t size() const { return size_; }

private:
  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(1024); ///< 0: free
  std::size_t size_ = 0;
};

inline constexpr std::size_t kinds_of_events = std::variant_size_v<pool_event>;
/// Such as "acquire_requested", and an order's own name.
const std::array<std::string, kinds_of_events>& event_kind_names();

/// Each of actors/pool/policies, by its file's name, and what is to be seen only where it was at work.
struct policy_sign {
  std::string_view policy, sign;
  bool (*seen)(const watched_pool& pool, const pool_event& event);
};
const std::vector<policy_sign>& policy_signs();

struct exploration_tally {
  std::uint64_t sequences = 0, steps = 0, played_out = 0;
  digest_set states, endings; ///< endings: those that were played out
  /// How often an event of one kind followed one of another, and how often both changed something.
  using table = std::array<std::array<std::uint64_t, kinds_of_events>, kinds_of_events>;
  table told{}, changing{};
  std::array<std::uint64_t, event_rows.size()> announced{};
  std::array<std::uint64_t, removal_rows.size()> closed{};
  std::vector<std::uint64_t> signs = std::vector<std::uint64_t>(policy_signs().size());

  /// The pool after the event.
  struct last {
    std::size_t kind = kinds_of_events; ///< none yet
    bool changed = false;
    std::uint64_t state = 0;
  };
  last look(const last& before, const watched_pool& pool, const pool_event& event);
  void merge(const exploration_tally& other);
};

/// Of what an outsider can know of the pool that bears on what it does next, times counted from now; ids and
/// histories do not count.
std::uint64_t digest(const watched_pool& pool);

} // namespace moorage::test
