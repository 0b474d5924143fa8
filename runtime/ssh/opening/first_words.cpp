#include "runtime/ssh/opening/first_words.hpp"

#include <algorithm>

namespace moorage {

void first_words::saw(std::uint64_t offset, std::string_view bytes) {
  if (offset + bytes.size() <= end_ || bytes_.size() >= length_max)
    return; // nothing new, or enough
  constexpr std::string_view gap = "…";
  if (offset > end_ && bytes_.size() + gap.size() > length_max)
    return;
  if (offset > end_)
    bytes_ += gap;
  else
    bytes.remove_prefix(static_cast<std::size_t>(end_ - offset));
  end_ = std::max(offset, end_) + bytes.size();
  bytes_ += bytes.substr(0, length_max - std::min(bytes_.size(), length_max));
}

std::size_t first_words::banner_at() const {
  if (bytes_.starts_with("SSH-"))
    return 0;
  auto line = bytes_.find("\nSSH-");
  return line == std::string::npos ? line : line + 1;
}

std::string_view first_words::for_people() const {
  std::string_view words{bytes_};
  if (auto at = banner_at(); at != std::string::npos)
    words = words.substr(0, at);
  auto end = words.find_last_not_of(" \r\n");
  return end == std::string_view::npos ? std::string_view{} : words.substr(0, end + 1);
}

bool first_words::turns_away() const {
  auto words = for_people();
  return !ssh() &&
         (words.starts_with("Exceeded MaxStartups") || words.starts_with("Not allowed at this time"));
}

std::string_view first_words::half_banner() const {
  auto at = banner_at();
  if (at == std::string::npos || bytes_.find('\n', at) != std::string::npos)
    return {};
  return std::string_view{bytes_}.substr(at);
}

} // namespace moorage
