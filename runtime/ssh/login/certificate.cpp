#include "runtime/ssh/login/certificate.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "messages/printable.hpp"
#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::string_view certificate_suffix = "-cert-v01@openssh.com";
/// As OpenSSH: no certificate names more.
constexpr std::size_t principals_max = 256;
/// In a text for people.
constexpr std::size_t principals_told = 5;
/// Seconds, by which ours may be behind an authority's.
constexpr std::uint64_t clocks_differ = 300;
/// What a count of nanoseconds can hold.
constexpr std::uint64_t longest = nanoseconds::max().count() / 1'000'000'000;

/// How many fields a public key has, and its type without the certificate's; 0: of a kind that is not known
/// here.
std::size_t fields_of(std::string& plain) {
  if (plain == "ssh-ed25519")
    return 1;
  if (plain == "ssh-rsa" || plain.starts_with("ecdsa-sha2-"))
    return 2;
  std::size_t fields = plain == "sk-ssh-ed25519" ? 2 : plain == "sk-ecdsa-sha2-nistp256" ? 3 : 0;
  if (fields > 0)
    plain += "@openssh.com";
  return fields;
}

nanoseconds up_to_longest(std::uint64_t count) {
  return count >= longest ? nanoseconds::max() : nanoseconds{seconds{count}};
}

/// Since 1970.
nanoseconds wall(system_clock::time_point now) {
  return std::chrono::duration_cast<nanoseconds>(now.time_since_epoch());
}

std::string in_words(std::uint64_t time) {
  const auto when = static_cast<std::time_t>(time);
  std::tm broken{};
  std::array<char, 32> text{};
  if (::gmtime_r(&when, &broken) == nullptr ||
      std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &broken) == 0)
    return "a day that no calendar has";
  return text.data();
}

std::string in_words(const std::vector<std::string>& principals) {
  std::string text;
  for (std::size_t i = 0; i < principals.size() && i < principals_told; ++i)
    text += (i == 0 ? "" : ", ") + printable(principals[i], 60);
  if (principals.size() > principals_told)
    text += " and " + std::to_string(principals.size() - principals_told) + " more";
  return text;
}

std::string id_in_words(const certificate_parts& parts) {
  return parts.key_id.empty() ? std::string{} : " (key id '" + printable(parts.key_id, 60) + "')";
}

nanoseconds life_of(const certificate_parts& parts) {
  return up_to_longest(parts.valid_before - std::min(parts.valid_after, parts.valid_before));
}

} // namespace

std::optional<certificate_parts> parse_certificate(std::string_view blob) {
  wire_reader reader{blob};
  auto type = reader.string();
  if (!type || !type->ends_with(certificate_suffix) || !reader.string()) // the nonce
    return std::nullopt;
  std::string plain{type->substr(0, type->size() - certificate_suffix.size())};
  auto fields = fields_of(plain);
  if (fields == 0)
    return std::nullopt;
  certificate_parts parts;
  append_string(parts.key_blob, plain);
  for (; fields > 0; --fields) {
    auto field = reader.string();
    if (!field)
      return std::nullopt;
    append_string(parts.key_blob, *field);
  }
  constexpr std::uint32_t user_certificate = 1;
  if (!reader.long_number() || reader.number() != user_certificate) // serial, type
    return std::nullopt;
  auto key_id = reader.string();
  if (!key_id)
    return std::nullopt;
  parts.key_id = *key_id;
  auto names = reader.string();
  if (!names)
    return std::nullopt;
  wire_reader each{*names};
  while (parts.principals.size() < principals_max) {
    auto name = each.string();
    if (!name)
      break;
    parts.principals.emplace_back(*name);
  }
  auto after = reader.long_number();
  auto before = reader.long_number();
  if (!after || !before)
    return std::nullopt;
  parts.valid_after = *after;
  parts.valid_before = *before;
  return parts;
}

std::string expired_in_words(const certificate_parts& parts) {
  return "has expired, on " + in_words(parts.valid_before) + id_in_words(parts);
}

std::string early_in_words(const certificate_parts& parts) {
  return "is not valid yet, but from " + in_words(parts.valid_after) + " on" + id_in_words(parts);
}

validity validity_of(std::string_view blob) {
  const auto parts = parse_certificate(blob);
  const auto now = static_cast<std::uint64_t>(std::time(nullptr));
  if (!parts || (now + clocks_differ >= parts->valid_after && now < parts->valid_before))
    return validity::now;
  return now < parts->valid_before && now < parts->valid_after ? validity::later : validity::over;
}

std::string why_not_valid(std::string_view blob, validity when) {
  if (when == validity::now)
    return {};
  const auto parts = *parse_certificate(blob);
  return when == validity::later ? early_in_words(parts) : expired_in_words(parts);
}

bool near_its_end(const certificate_parts& parts, nanoseconds lead, system_clock::time_point now) {
  const auto end = up_to_longest(parts.valid_before);
  return end != nanoseconds::max() && end - wall(now) <= std::min(lead, life_of(parts) / 2);
}

certificate_used offered_certificate::used() const {
  certificate_used result;
  if (name.empty())
    return result;
  result.name = printable(name, printable_whole);
  result.principals = in_words(parts.principals);
  result.life = life_of(parts);
  if (const auto end = up_to_longest(parts.valid_before); end != nanoseconds::max()) {
    result.until = in_words(parts.valid_before);
    result.left = std::max(end - wall(system_clock::now()), nanoseconds{0});
  }
  return result;
}

std::string offered_certificate::doubt(const std::string& user) const {
  const auto& names = parts.principals;
  if (!name.empty() && up_to_longest(parts.valid_before) <= wall(system_clock::now()))
    return " (its certificate has ended, on " + in_words(parts.valid_before) + ")";
  if (name.empty() || names.empty() || std::find(names.begin(), names.end(), user) != names.end())
    return {};
  return " (its certificate is for " + in_words(names) + ", not for " + printable(user, 60) +
         ": unless the server maps names, it is the wrong one)";
}

offered_certificate offered_from(std::string_view blob, std::string name) {
  auto parts = parse_certificate(blob);
  if (!parts)
    return {};
  return {std::move(name), std::move(*parts)};
}

} // namespace moorage
