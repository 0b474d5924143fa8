#include "actors/session/output_share.hpp"

#include <algorithm>
#include <limits>

namespace moorage {

std::uint64_t output_share::open(std::uint64_t stream, std::uint64_t credit) {
  streams_.insert_or_assign(stream, account{});
  return grant(stream, credit);
}

std::uint64_t output_share::grant(std::uint64_t stream, std::uint64_t credit) {
  auto found = streams_.find(stream);
  if (found == streams_.end())
    return 0;
  auto& had = found->second.credit;
  had += std::min(credit, std::numeric_limits<std::uint64_t>::max() - had);
  return lend_to(stream);
}

std::uint64_t output_share::pass(std::uint64_t stream, std::uint64_t bytes) {
  auto found = streams_.find(stream);
  std::uint64_t lent = 0;
  if (found !=
      streams_.end()) { // else of before anybody counted: it will be said to have arrived all the same
    auto& of = found->second;
    lent = std::min(of.lent, bytes);
    of.lent -= lent;
    of.sent += bytes;
  }
  held_ += bytes - lent;
  if (!under_way_.empty() && under_way_.back().stream == stream)
    under_way_.back().bytes += bytes;
  else
    under_way_.push_back({stream, bytes});
  return lend_to(stream);
}

/// The oldest piece, or what of it has arrived; whose it is.
std::uint64_t output_share::arrive(std::uint64_t& bytes) {
  auto& first = under_way_.front();
  auto stream = first.stream;
  auto part = std::min(bytes, first.bytes);
  bytes -= part;
  held_ -= part;
  if (auto found = streams_.find(stream); found != streams_.end())
    found->second.sent -= part;
  first.bytes -= part;
  if (first.bytes == 0)
    under_way_.pop_front();
  return stream;
}

void output_share::end(std::uint64_t stream) {
  auto node = streams_.extract(stream);
  if (!node.empty())
    held_ -= node.mapped().lent;
}

/// A stream may come to hold as much as it leaves to the others: one alone has half of all, of n that have
/// much to say each has its n-th part, nearly, and nobody has to be asked to give some back. What its
/// connection has grows with what comes of it, so that those who say little hold little.
std::uint64_t output_share::lend_to(std::uint64_t stream) {
  auto found = streams_.find(stream);
  if (found == streams_.end())
    return 0;
  auto& of = found->second;
  auto holds = of.lent + of.sent;
  auto left = most - std::min(most, held_);
  auto fair = left > holds ? (left - holds) / 2 : 0;
  if (holds + grain <= least)
    fair = std::max(fair, least - holds);
  auto useful = least + of.sent;
  auto more = std::min({of.credit, fair, useful > of.lent ? useful - of.lent : 0});
  if (more < std::min(of.credit, std::max(grain, of.lent / 2)))
    return 0;
  of.credit -= more;
  of.lent += more;
  held_ += more;
  return more;
}

} // namespace moorage
