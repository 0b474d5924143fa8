// What a log-in tells of the keys that it considered.
#include <algorithm>
#include <utility>

#include "messages/printable.hpp"
#include "runtime/ssh/login/authenticator_machine.hpp"

namespace moorage {

namespace {

constexpr const char* name_it = "name the right one in key_files, or by IdentityFile in ~/.ssh/config";

} // namespace

void authenticator::machine::note_denied() {
  auto why = certificate_.doubt(user_);
  if (why.starts_with(" (") && why.ends_with(")"))
    why = why.substr(2, why.size() - 3);
  considered_.became(key_fate::denied, std::move(why), advice_when_denied(shown_, user_));
}

/// Why a key that could be shown was not.
reason_left authenticator::machine::why_left(bool listed) const {
  if (over_with_success())
    return {"it was not needed: what was shown before was taken"};
  if (!takes_keys_)
    return {"the server takes no keys, but " + method_names(ssh_userauth_list(session_, nullptr))};
  if (cut_off_)
    return {"the server had cut us off before, after too many tries", name_it};
  if (unlisted_spent(listed))
    return {"servers cut off whoever tries many, so " + std::to_string(unlisted_tries_) +
                " that nobody listed were tried and no more",
            name_it};
  return {"the log-in ended before its turn came"};
}

void authenticator::machine::note_agent(considered_keys& to) const {
  add_absent_agent(to, with_);
  if (!with_.agent)
    return;
  const auto socket = from_agent(with_.agent_socket);
  if (!agent_.problem().empty())
    return to.not_offered(socket, {}, "it " + agent_.fault(),
                          "`ssh-add -l` shows whether it answers, and what it holds");
  if (agent_.waiting() && agent_.keys().empty())
    return to.not_offered(socket, {}, "its list of keys was not waited for");
  if (agent_.keys().empty())
    return to.not_offered(socket, {}, "it holds no key",
                          "ssh-add FILE; if it is locked, and so shows none, ssh-add -X unlocks it");
  const bool listed_only = with_.any_listed();
  for (const auto& key : agent_.keys())
    for (const auto& offer : offers_of_agent(key.blob, with_)) {
      if (blobs_tried_.count(offer.shown) > 0)
        continue;
      auto known = import_blob(offer.shown);
      auto left =
          listed_only && !offer.listed
              ? reason_left{"it is not among those that key_files or IdentityFile name",
                            "if it is the right one, name it there: a file with its public part will do"}
              : why_left(offer.listed);
      to.not_offered(socket + offer.from, known ? describe(known.get()) : printable(key.comment, 80),
                     std::move(left.why), std::move(left.advice));
    }
}

void authenticator::machine::note_rest(considered_keys& to) const {
  to.became(key_fate::cut_short, "the log-in ended while it was tried");
  add_files(to, with_, blobs_tried_, why_left(with_.any_listed()));
  note_agent(to);
}

std::vector<key_considered> authenticator::machine::keys() const {
  if (over_)
    return considered_.told();
  auto so_far = considered_;
  note_rest(so_far);
  return so_far.told();
}

} // namespace moorage
