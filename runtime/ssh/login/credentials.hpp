// What we may log in with: keys from files, the agent's socket, the password. Loaded off the workers.
#pragma once

#include <libssh/libssh.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "messages/algorithms.hpp"
#include "messages/settings.hpp"
#include "messages/ssh_error.hpp"
#include "runtime/secrets.hpp"
#include "runtime/ssh/login/agent_talk.hpp"
#include "runtime/ssh/login/certificate.hpp"
#include "runtime/system/blocking.hpp"

namespace moorage {

struct ssh_key_deleter {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
/// Owns one libssh key.
using owned_key = std::unique_ptr<std::remove_pointer_t<ssh_key>, ssh_key_deleter>;

/// Why a key file has no private key for us.
enum class key_trouble : std::uint8_t {
  none,
  unreadable,
  readable_by_others,
  locked,
  wrong_passphrase,
  unknown_kind,
  only_public,
  not_accepted
};
/// Why a certificate that is there is not used.
enum class certificate_trouble : std::uint8_t {
  none,
  unreadable,
  unknown_kind,
  not_yet_valid,
  ended,
  another_key,
  not_accepted
};

/// One key file and what could be had of it.
struct key_file {
  std::string path;
  bool listed = true;    ///< in the settings; false: one of the usual ones
  owned_key private_key; ///< null when locked or unusable: see `problem`
  owned_key public_key;  ///< null when not even that is known
  owned_key certificate; ///< private key with the certificate of `path`-cert.pub, when there is one that fits
  std::string blob;      ///< the public key's SSH wire form; empty when unknown. Agents name keys by it
  /// Of a file that holds nothing but a certificate: its wire form, which is shown to the server in place of
  /// `blob`.
  std::string certificate_blob;
  /// Of such a file, where keys are listed beside it and it certifies none of them: their files, in words.
  std::string certifies_none_of;
  /// Of a key whose private part is not at hand: that of the certificate that lies beside it. The agent's key
  /// may be shown with it.
  std::string certificate_beside;
  std::string certificate_problem; ///< why a certificate that is there is not used
  certificate_trouble certificate_state = certificate_trouble::none; ///< the same
  std::optional<certificate_parts> certified; ///< by a certificate of it, whether that is used or not
  std::string certificate_path;               ///< the file that holds that
  std::string problem; ///< why there is no private key, naming the file: missing, locked, wrong passphrase …
  key_trouble trouble = key_trouble::none; ///< the same
  /// Why it, or what lies beside it, could not be read now, which may be over the next time; empty: else.
  std::string passing;
  bool secrets_kept = false; ///< somebody gives this process secrets, so that advice may name one

  /// The certificate that the agent's key may be shown with; empty: none.
  const std::string& offered() const {
    return certificate_blob.empty() ? certificate_beside : certificate_blob;
  }
};

/// Everything to log in with. Moves only.
struct credentials {
  std::vector<key_file> files; ///< in the order to try
  bool agent = false;          ///< there is one to ask: for keys of `files` only when any is listed
  blocking_answer<agent_connection> connect;  ///< the agent's socket being connected, when there is an agent
  std::chrono::milliseconds agent_timeout{0}; ///< of the settings
  agent_line line;                            ///< for the agent's turn
  std::string agent_socket;                   ///< for people
  std::string agent_left_out;                 ///< in words: why there is none to ask, or it is not asked
  std::optional<secret> password;
  /// Of the settings: methods in the order to try, and what keys may sign with.
  std::vector<std::string> methods = usual_algorithms(algorithm_kind::log_in);
  std::vector<std::string> accepted = usual_algorithms(algorithm_kind::public_key);
  std::vector<std::string>
      problems; ///< in words: a listed key file that cannot be used, a missing entry of the store
  /// In words, for when there is not even a hindrance: what else could have been used.
  std::string nothing_else = "no key file or key in an agent is there to be used";

  bool any_listed() const;
};

/// Reads and unlocks one key file; blocks, and may compute for a while (a passphrase is hashed many times
/// over). `passphrase` may be null: locked keys stay locked, but their public part is found where the file
/// tells it or beside it (`path`.pub). A file that holds a public key or a certificate stands for the agent's
/// key, as ssh_config(5) has it of IdentityFile; it is no secret, and anybody may read it. `secrets_kept`:
/// somebody gives this process secrets, so that advice may name one.
key_file load_key(const std::string& path, bool listed, const secret* passphrase, bool secrets_kept = false);

/// The listed key files, or the usual ones, whether they exist or not; none, where "none" alone is listed.
std::vector<std::string> key_file_paths(const cluster_settings& settings, const std::string& home);

/// The listed key files, or those of the usual ones that exist; a listed certificate is joined to the private
/// key of another listed file, when there is one. Blocks.
std::vector<key_file> load_keys(const cluster_settings& settings, const std::string& home,
                                const secret* passphrase, const abandonment& sign, bool secrets_kept = false);

/// Whether a certificate of one that is listed has ended, or does so within `lead` (see `near_its_end`); of
/// the usual ones, all: an old one may lie beside that which is used.
bool any_near_its_end(const std::vector<key_file>& files, std::chrono::nanoseconds lead);
/// The same of an agent's certificates: of those of the keys that it is asked to sign with, where any is
/// listed; else of all that it holds and the usual files have, since old ones may be left there.
bool any_near_its_end(const std::vector<agent_key>& held, const credentials& of,
                      std::chrono::nanoseconds lead);
/// Whether there is nothing to log in with but keys whose certificates have ended. One of these, with when it
/// has; empty: else.
std::string only_ended(const credentials& of);

/// The SSH wire form of the public part, or of the certificate when the key has one; empty on failure.
std::string public_blob(ssh_key key);
/// "SHA256:…"
std::string fingerprint_of(ssh_key key);
/// "ssh-ed25519 SHA256:…"
std::string describe(ssh_key key);
/// The key of an SSH wire form; null when libssh does not know its kind.
owned_key import_blob(std::string_view blob);

} // namespace moorage
