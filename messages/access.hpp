// What an outsider may do: rights on clusters, by patterns of their names. Its session asks before anything
// else sees a message (actors/session/access.hpp says what each message needs).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)

namespace moorage {

/// No right includes another but where it says so. Each lets see that a cluster exists and how its pool does
/// (`get_pool`, and what lists them).
enum class access_right : std::uint8_t {
  use,     ///< leases, and commands under them
  observe, ///< connections, leases, waiters, errors and events, whoever's they are
  admin    ///< every order, and the clusters' settings but those that `may_name_files` is about; observe too
};
/// As a configuration names them, in their order.
inline constexpr std::array<std::string_view, 3> access_right_words{"use", "observe", "admin"};
std::string to_string(access_right right);

/// In a pattern `*` stands for any text, also none, and `?` for one character.
bool fits_pattern(std::string_view name, std::string_view pattern);
/// Whether a pattern can fit a name: letters, digits, `-`, `_` and `.`, as clusters of a configuration have
/// them. Other names (user@host:port) are destinations of whoever wrote them, and no pattern fits those.
bool has_patterns(std::string_view name);

/// By itself nothing. What is for every cluster (an order to `every_pool`, the end of all pools, every
/// cluster's events) needs the right by the pattern `*` itself, and concerns destinations as well.
class access_rights {
public:
  /// Of who owns the process: a host's own actors, and on its socket the node's own user.
  static access_rights everything();

  void allow(access_right right, std::string pattern);
  /// `cluster`: `every_pool` and the empty name stand for all of them.
  bool may(access_right right, std::string_view cluster) const;
  /// Any of the rights.
  bool may_see(std::string_view cluster) const;
  /// Settings that name files, commands or secrets, or say which server is trusted: no rule gives it.
  bool may_name_files() const { return everything_; }
  bool is_everything() const { return everything_; }

  friend bool operator==(const access_rights&, const access_rights&) = default;

private:
  struct rule {
    access_right right = access_right::use;
    std::string pattern;
    friend bool operator==(const rule&, const rule&) = default;
  };
  bool everything_ = false;
  std::vector<rule> rules_;
};

} // namespace moorage

#pragma GCC visibility pop
