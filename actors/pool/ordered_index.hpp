// An order in which the pool looks for things: by rank, by age, by time.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "messages/ensure.hpp"

namespace moorage {

/// A set of keys, one for each thing that is listed. The thing keeps its `place`, which remembers under which
/// key it stands and which nobody writes but its index: whatever became of the thing meanwhile, its old key
/// is found again. An index and its places are copied together, or not at all.
template <class Key>
class ordered_index {
public:
  class place {
  public:
    bool listed() const { return key_.has_value(); }
    friend bool operator==(const place&, const place&) = default;

  private:
    friend class ordered_index<Key>;
    std::optional<Key> key_;
  };

  /// Stands under this key from now on; none: is not listed.
  void list(place& at, std::optional<Key> key) {
    if (at.key_ == key)
      return;
    if (at.key_) {
      auto node = keys_.extract(*at.key_);
      ensure(!node.empty(), "what is listed is found under its key");
      if (key) {
        node.value() = *key;
        ensure(keys_.insert(std::move(node)).inserted, "a key lists one thing");
      }
    } else {
      ensure(keys_.insert(*key).second, "a key lists one thing");
    }
    at.key_ = std::move(key);
  }

  bool empty() const { return keys_.empty(); }
  std::size_t size() const { return keys_.size(); }
  /// There must be one.
  const Key& first() const { return *keys_.begin(); }
  const Key& last() const { return *keys_.rbegin(); }
  auto begin() const { return keys_.begin(); }
  auto end() const { return keys_.end(); }
  auto rbegin() const { return keys_.rbegin(); }
  auto rend() const { return keys_.rend(); }

  /// Whether what ought to stand under this key does, and nowhere else. For tests.
  bool agrees(const place& at, const std::optional<Key>& key) const {
    return at.key_ == key && (!key || keys_.count(*key) > 0);
  }

  friend bool operator==(const ordered_index&, const ordered_index&) = default;

private:
  std::set<Key> keys_;
};

} // namespace moorage
