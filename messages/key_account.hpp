// Which keys a log-in considered, and what became of each: what `ssh -v` tells those who know SSH, with what
// to do for those who do not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)

namespace moorage {

enum class key_fate : std::uint8_t {
  accepted,   ///< the server took it, alone or among others that it wants
  denied,     ///< the server was shown it, and does not take it
  not_signed, ///< the server would have taken it, and whoever has the private key did not sign
  cut_short,  ///< it was being shown when the log-in ended
  not_offered ///< the server was not shown it
};
std::string to_string(key_fate fate);

/// A key, a certificate, or an agent that has none to give.
struct key_considered {
  std::string from; ///< "file /home/me/.ssh/id_ed25519", "certificate /…", "agent /run/…"
  std::string key;  ///< "ssh-ed25519 SHA256:…"; empty: nothing is known of it
  key_fate fate = key_fate::not_offered;
  std::string why;    ///< in words; empty: the fate says it all
  std::string advice; ///< what to do about it; empty: nothing

  friend bool operator==(const key_considered&, const key_considered&) = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, key_considered& x) {
  return f(x.from, x.key, x.fate, x.why, x.advice);
}

} // namespace moorage

#pragma GCC visibility pop
