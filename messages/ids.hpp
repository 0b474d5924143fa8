// The identities that messages carry. Each is a type of its own, so that a lease's id cannot be passed where
// a connection's is expected. An id is never used again within a node's life; 0 stands for "none".
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#pragma GCC visibility push(default)

namespace moorage {

/// In the place of a cluster's name in an order: every pool there is. Such an order is answered once all have
/// answered, with what each has said; one that some refused has the first refusal's code. What is about one
/// connection or one lease is refused `invalid_request`. Pools that are registered later are not concerned.
inline constexpr const char* every_pool = "@all";

template <class Tag>
struct id {
  std::uint64_t value = 0;

  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const id&, const id&) = default;
};

template <class Inspector, class Tag>
typename Inspector::result_type inspect(Inspector& f, id<Tag>& x) {
  return f(x.value);
}

template <class Tag>
std::string to_string(const id<Tag>& x) {
  return Tag::prefix + std::to_string(x.value);
}

struct request_tag {
  static constexpr char prefix = 'r';
};
struct holder_tag {
  static constexpr char prefix = 'h';
};
struct lease_tag {
  static constexpr char prefix = 'l';
};
struct connection_tag {
  static constexpr char prefix = 'c';
};
struct probe_tag {
  static constexpr char prefix = 'p';
};
struct permit_tag {
  static constexpr char prefix = 'q';
};
struct stream_tag {
  static constexpr char prefix = 's';
};

/// One request to a pool that wants an answer.
using request_id = id<request_tag>;
/// One holder, as a pool numbers it.
using holder_id = id<holder_tag>;
using lease_id = id<lease_tag>;
using connection_id = id<connection_tag>;
using probe_id = id<probe_tag>;
/// One log-in's leave, as its pool numbers it.
using permit_id = id<permit_tag>;
/// A command, as its connection and the transport number it; no message carries it.
using stream_id = id<stream_tag>;

} // namespace moorage

template <class Tag>
struct std::hash<moorage::id<Tag>> {
  std::size_t operator()(const moorage::id<Tag>& x) const noexcept {
    return std::hash<std::uint64_t>{}(x.value);
  }
};

#pragma GCC visibility pop
