// New host keys that are not written down, or not yet: what was accepted once holds for the life of the
// process, so that a file which cannot be written never makes a changed key look new.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/ssh/opening/host_keys.hpp"

namespace moorage {

/// One for all transports of a runtime. A key belongs to the file that it should stand in: clusters with
/// files of their own do not trust each other's. edge: openings keep keys, threads for blocking calls look
/// them up.
class host_key_memory {
public:
  /// Adds what is kept for this host, unless the files have come to know the host: then that holds, and what
  /// was kept is forgotten.
  void add_to(known_hosts& known);
  /// The verdict. A key that is accepted as new is kept from now on, so that of connections which meet a host
  /// at the same time the first decides for all.
  host_key_verdict judge(const known_hosts& known, const host_key& shown, host_key_policy policy);
  /// It has been written down.
  void forget(const known_hosts& known);

private:
  using place = std::pair<std::string, std::string>; ///< the file, and the host as the file would name it
  static place place_of(const known_hosts& known);

  std::mutex mutex_;
  std::map<place, host_key> kept_;
};

} // namespace moorage
