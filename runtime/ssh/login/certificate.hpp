// A user's certificate as far as a log-in needs to know it (PROTOCOL.certkeys): what it certifies, for whom,
// and for how long. Whether a server honours it, only the server knows.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/connection_life.hpp"

namespace moorage {

/// A certificate and what it certifies.
struct certificate_parts {
  std::string key_blob;                ///< wire form of the plain public key
  std::string key_id;                  ///< as its authority calls it
  std::vector<std::string> principals; ///< whom it names; none: everybody, where the server takes that
  std::uint64_t valid_after = 0;
  std::uint64_t valid_before = 0; ///< seconds since 1970, exclusive
};
/// Nothing: no certificate for a user's key of a kind that we know.
std::optional<certificate_parts> parse_certificate(std::string_view blob);

/// "has expired, on … (key id '…')": of one that has.
std::string expired_in_words(const certificate_parts& parts);
/// "is not valid yet, but from … on (key id '…')": of one that is not.
std::string early_in_words(const certificate_parts& parts);

/// One that begins within some minutes is valid now: clocks differ, and the server's counts.
enum class validity : std::uint8_t { now, later, over };
/// Now, if it is no certificate.
validity validity_of(std::string_view blob);
/// The words of such a validity, one of the two above; empty: it is valid.
std::string why_not_valid(std::string_view blob, validity when);

/// Whether it has ended at this time, or ends within `lead`; not before half of its life is over.
bool near_its_end(const certificate_parts& parts, std::chrono::nanoseconds lead,
                  std::chrono::system_clock::time_point now);

/// One that is shown to a server, or none.
struct offered_certificate {
  std::string name; ///< its file, or where else it is from; empty: none
  certificate_parts parts;

  /// As of now; it is told in words that fit to be printed.
  certificate_used used() const;
  /// When a server has denied it: that it has ended; or that it does not name this user, which may be a
  /// mistake. Whom it lets in the server's AuthorizedPrincipalsFile may say, which nobody sees from here: so
  /// it is shown all the same.
  std::string doubt(const std::string& user) const;
};
/// None, if the blob is no certificate.
offered_certificate offered_from(std::string_view blob, std::string name);

} // namespace moorage
