// What a process of moorage can say and understand over a link: its version, and each message with a sum of
// what it is made of. A node announces its own where CAF's greeting has the interface of an actor, and the
// client compares: so two versions work with each other as far as they have the same messages, and what the
// older one lacks is refused when it is asked for, by the client, which never sends what the node would not
// understand. A value type.
//
// It stands on three things. Protocols of another number do not greet each other at all (`node_application`).
// Lists of which a place travels as a number (events, errors) only grow at their ends. And a node says
// nothing unasked: whoever asks with messages that both have hears none that only the node has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "messages/errors.hpp"

namespace moorage {

class vocabulary {
public:
  /// Of this build.
  static const vocabulary& ours();
  /// As a node announced it. None: it announced no such thing.
  static std::optional<vocabulary> read(const std::set<std::string>& greeting);

  /// `schema`: as `outsiders_schema` writes it. `version`: three numbers with dots between them.
  vocabulary(std::string version, std::string_view schema);

  /// What `read` takes.
  std::set<std::string> greeting() const;
  const std::string& version() const { return version_; }

  friend bool operator==(const vocabulary&, const vocabulary&) = default;

private:
  friend failure no_understanding(const vocabulary& client, const vocabulary& node, const std::string& where);
  friend failure not_understood(const vocabulary& client, const vocabulary& node,
                                const std::vector<std::string_view>& messages);
  vocabulary() = default;
  bool shares(std::string_view message, const vocabulary& other) const;
  std::string first_list_unlike(const vocabulary& other) const;

  std::string version_;
  std::map<std::string, std::uint32_t, std::less<>> messages_;
  std::map<std::string, std::vector<std::string>, std::less<>> lists_;
};

/// Why a client cannot work with a node at all, `node_lost`; code `none`: it can. Both must have what leases
/// and commands take, and the same lists, of which the longer one begins as the shorter one.
failure no_understanding(const vocabulary& client, const vocabulary& node, const std::string& where);

/// "moorage 0.2.0, which is newer than this program's 0.1.0", as the end of "the node is …"; empty: of the
/// same version.
std::string version_in_words(const vocabulary& client, const vocabulary& node);

/// Why a client cannot ask with these messages, the answer's among them (`other_version`); code `none`: it
/// can. Names with or without their namespace.
failure not_understood(const vocabulary& client, const vocabulary& node,
                       const std::vector<std::string_view>& messages);

} // namespace moorage
