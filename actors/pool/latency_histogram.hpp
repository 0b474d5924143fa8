// Quantiles of durations in constant memory: sixteen buckets for each power of two, so that a quantile is
// told at most 6 % too high. Grows with the longest duration seen (a few hundred buckets for minutes), so
// that it is cheap to copy.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <vector>

#include "messages/status.hpp"

namespace moorage {

class latency_histogram {
public:
  void add(std::chrono::nanoseconds duration) {
    auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
    auto index = bucket_of(value);
    if (index >= buckets_.size())
      buckets_.resize(index + 1);
    ++buckets_[index];
    ++count_;
    max_ = std::max(max_, value);
  }

  /// Whether it has no more buckets than there are; what was read from a file may have.
  bool sound() const { return buckets_.size() <= bucket_of(UINT64_MAX) + 1; }

  latency_quantiles quantiles() const {
    return {count_, at(0.5), at(0.9), at(0.99), std::chrono::nanoseconds{static_cast<std::int64_t>(max_)}};
  }

  friend bool operator==(const latency_histogram&, const latency_histogram&) = default;
  template <class Inspector>
  friend typename Inspector::result_type inspect(Inspector& f, latency_histogram& x) {
    return f(x.buckets_, x.count_, x.max_);
  }

private:
  static constexpr unsigned fraction_bits = 4;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < (1u << fraction_bits))
      return value;
    auto shift = static_cast<unsigned>(std::bit_width(value)) - fraction_bits - 1;
    return (static_cast<std::size_t>(shift) << fraction_bits) + (value >> shift);
  }

  /// The largest duration that falls into the bucket.
  static std::uint64_t top_of(std::size_t bucket) {
    if (bucket < (2u << fraction_bits))
      return bucket;
    auto shift = static_cast<unsigned>(bucket >> fraction_bits) - 1;
    auto within = (bucket & ((1u << fraction_bits) - 1)) + (1u << fraction_bits);
    return ((static_cast<std::uint64_t>(within) + 1) << shift) - 1;
  }

  std::chrono::nanoseconds at(double share) const {
    auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      if ((seen += buckets_[i]) > wanted)
        return std::chrono::nanoseconds{static_cast<std::int64_t>(std::min(top_of(i), max_))};
    return std::chrono::nanoseconds{static_cast<std::int64_t>(max_)};
  }

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

} // namespace moorage
