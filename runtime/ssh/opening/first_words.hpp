// The first bytes a server sends, before libssh takes them: its banner (RFC 4253, section 4.2), lines before
// it, or what something says that is no SSH server at all. However they are cut into pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moorage {

/// A value: bytes in, words out.
class first_words {
public:
  /// Kept at most.
  static constexpr std::size_t length_max = 1'024;

  /// Bytes that begin at this place of all that the server has sent; seen before or not. What came and went
  /// unseen between two looks is "…".
  void saw(std::uint64_t offset, std::string_view bytes);

  bool any() const { return !bytes_.empty(); }
  /// A line has begun like SSH's banner.
  bool ssh() const { return banner_at() != std::string::npos; }
  /// Lines before the banner, or all there is without one: what is said to people. Without its last line's
  /// end.
  std::string_view for_people() const;
  /// What OpenSSH says to one whom it lets go no further, for now: too many log-ins at once (MaxStartups), or
  /// a ban (PerSourcePenalties).
  bool turns_away() const;
  /// The banner as far as it has come, when its line has not ended.
  std::string_view half_banner() const;

private:
  std::size_t banner_at() const;

  std::string bytes_;
  std::uint64_t end_ = 0; ///< of what was seen, in all that the server has sent
};

} // namespace moorage
