// Who may do what: by the certificate that a client has shown, or the user that the kernel says it is.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "runtime/config.hpp"
#include "runtime/result.hpp"

namespace moorage {

/// What begins an entry's `certificate`, and says which of a certificate's names is meant.
inline constexpr std::array<std::string_view, 3> certificate_kinds{"uri:", "dns:", "subject:"};

/// What a certificate says of its owner: its subject (RFC 2253) and its alternative names. A name with a NUL
/// in it, which some take for its end, is left out.
struct certificate_names {
  std::string subject;
  std::vector<std::string> uris, dns;

  friend bool operator==(const certificate_names&, const certificate_names&) = default;
};

/// Another user of this machine, with the groups of the process that has come.
struct machine_user {
  uid_t user = static_cast<uid_t>(-1);
  std::vector<gid_t> groups;

  friend bool operator==(const machine_user&, const machine_user&) = default;
};

/// The entries with the numbers of their users and groups.
class access_rules {
public:
  access_rules() = default;
  /// Blocks, where an entry has a user's or group's name. Errors: `invalid_settings`, naming the entry, for
  /// one that this machine does not know.
  static result<access_rules> of(std::vector<access_entry> entries);

  /// What all entries together allow that name the certificate: by its subject, or one of its URIs or DNS
  /// names; none of these as a pattern. DNS names are the same in capitals. A certificate that no entry names
  /// has no rights.
  access_rights rights_of(const certificate_names& who) const;
  /// The same of a user's process, whom entries name by the user or any of the groups.
  access_rights rights_of(const machine_user& who) const;
  /// Some user or group of this machine has rights.
  bool admits_users() const;

private:
  struct rule {
    access_entry entry;
    std::optional<uid_t> user;
    std::optional<gid_t> group;
  };
  template <class Names>
  access_rights rights_where(const Names& names) const;

  std::vector<rule> rules_;
};

} // namespace moorage
