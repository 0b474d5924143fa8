// Who is linked to a node without being its own user, and what each may do: those who have shown a
// certificate, and other users of its machine.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <variant>

#include <caf/actor_control_block.hpp>

#include "runtime/config/access.hpp"

namespace moorage {

class outsiders {
public:
  using identity = std::variant<certificate_names, machine_user>;
  /// How many links one of them may have: a site's hundred processes under one name.
  static constexpr std::size_t links_of_one_max = 256;

  explicit outsiders(access_rules rules) : rules_(std::move(rules)) {}

  /// The session of one who has come, made by `make` for what they may do; none: they have too many links, or
  /// are a user of this machine who may do nothing. (Whoever has shown a certificate that we believe is told
  /// so by its session.)
  template <class Make>
  caf::strong_actor_ptr open(identity who, const Make& make) {
    std::lock_guard guard{mutex_};
    auto rights = rights_now(who);
    if (links_of(who) >= links_of_one_max ||
        (std::holds_alternative<machine_user>(who) && rights == access_rights{}))
      return nullptr;
    caf::strong_actor_ptr session = make(rights);
    all_.emplace(session, entry{std::move(who), std::move(rights), {}});
    return session;
  }
  /// `cut` ends the link; it is called at once where the rules have changed since `open`.
  void begun(const caf::strong_actor_ptr& session, std::function<void()> cut);
  void ended(const caf::strong_actor_ptr& session);
  /// Cuts the links of those whose rights are others now.
  void renew(access_rules rules);
  /// Some users of this machine may do something.
  bool admits_users() const;

private:
  struct entry {
    identity who;
    access_rights rights;
    std::function<void()> cut;
  };
  access_rights rights_now(const identity& who) const;
  std::size_t links_of(const identity& who) const;

  mutable std::mutex mutex_; // edge: the network's thread, and host threads that renew
  access_rules rules_;
  std::map<caf::strong_actor_ptr, entry> all_;
};

} // namespace moorage
