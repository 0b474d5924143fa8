// How a recording writes values down, and reads them back: everything that a pool core knows and is told.
//
// Two inspectors, as messages have them: a type that has an `inspect` of its own is written by it, a plain
// struct member by member. Numbers take as few bytes as they need (LEB128), and equal values give equal
// bytes, so that bytes may be compared.
//
// What is read may be damaged, or made to harm: every read is bounded by what is left, every enumeration by
// its values, and nothing is allocated for what is only said to follow. The first thing wrong is kept with
// its offset; from then on nothing is read, and what was read is of no use.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "actors/pool/recording/members.hpp"

namespace moorage {

template <class T>
concept counted_time = requires(T x) {
  typename T::rep;
  x.count();
};
template <class T>
concept point_in_time = requires(T x) {
  x.time_since_epoch();
};

class archive_writer {
public:
  using result_type = void;

  template <class... Ts>
  void operator()(const Ts&... values) {
    (put(values), ...);
  }

  void number(std::uint64_t value) {
    auto* at = room(10);
    while (value >= 0x80) {
      *at++ = static_cast<char>(value | 0x80);
      value >>= 7;
    }
    *at++ = static_cast<char>(value);
    size_ = static_cast<std::size_t>(at - bytes_.data());
  }
  /// Small ones of either sign take few bytes.
  void difference(std::int64_t value) {
    number(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
  }
  /// Eight bytes, whatever it is.
  void word(std::uint64_t value) {
    auto* at = room(8);
    for (int i = 0; i < 8; ++i)
      at[i] = static_cast<char>(value >> 8 * i);
    size_ += 8;
  }
  void text(std::string_view value) {
    number(value.size());
    value.copy(room(value.size()), value.size());
    size_ += value.size();
  }

  /// Until something is written.
  std::string_view bytes() const { return {bytes_.data(), size_}; }
  std::size_t size() const { return size_; }
  std::string copy() const { return std::string{bytes()}; }
  void clear() { size_ = 0; }

private:
  template <class T>
  void put(const T& x) {
    if constexpr (std::is_same_v<T, bool>)
      byte(x ? 1 : 0);
    else if constexpr (std::is_enum_v<T>)
      byte(static_cast<char>(x));
    else if constexpr (std::is_unsigned_v<T>)
      number(x);
    else if constexpr (std::is_integral_v<T>)
      difference(x);
    else if constexpr (std::is_floating_point_v<T>)
      word(std::bit_cast<std::uint64_t>(static_cast<double>(x)));
    else if constexpr (counted_time<T>)
      difference(x.count());
    else if constexpr (point_in_time<T>)
      difference(x.time_since_epoch().count());
    else if constexpr (std::is_same_v<T, std::string>)
      text(x);
    // Inspectors take what they may change; this one changes nothing.
    else if constexpr (requires(T & y) { inspect(*this, y); })
      inspect(*this, const_cast<T&>(x));
    else
      with_members(*this, x);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& x) {
    (*this)(x.first, x.second);
  }
  template <class T>
  void put(const std::optional<T>& x) {
    put(x.has_value());
    if (x)
      put(*x);
  }
  template <class T, std::size_t Size>
  void put(const std::array<T, Size>& x) {
    for (const auto& each : x)
      put(each);
  }
  template <class T>
  void put(const std::vector<T>& x) {
    put_all(x);
  }
  template <class T>
  void put(const std::set<T>& x) {
    put_all(x);
  }
  template <class K, class V>
  void put(const std::map<K, V>& x) {
    put_all(x);
  }
  template <class... Ts>
  void put(const std::variant<Ts...>& x) {
    static_assert(sizeof...(Ts) < 256);
    byte(static_cast<char>(x.index()));
    std::visit([this](const auto& what) { put(what); }, x);
  }
  template <class List>
  void put_all(const List& list) {
    number(list.size());
    for (const auto& each : list)
      put(each);
  }

  void byte(char value) {
    *room(1) = value;
    ++size_;
  }
  /// Where the next so many bytes go.
  char* room(std::size_t more) {
    if (bytes_.size() - size_ < more) [[unlikely]]
      bytes_.resize(std::max(2 * bytes_.size(), size_ + more + 64));
    return bytes_.data() + size_;
  }

  std::string bytes_; ///< longer than what was written
  std::size_t size_ = 0;
};

class archive_reader {
public:
  using result_type = void;

  /// `first`: the offset of its first byte, for what is said of faults.
  explicit archive_reader(std::string_view bytes, std::size_t first = 0) : bytes_(bytes), first_(first) {}

  template <class... Ts>
  void operator()(Ts&... values) {
    (get(values), ...);
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      auto byte = next();
      if (shift == 63 && byte > 1)
        fail("a number is too large");
      if (failed())
        return 0;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
  }
  std::int64_t difference() {
    auto raw = number();
    return static_cast<std::int64_t>(raw >> 1 ^ (~(raw & 1) + 1));
  }
  std::uint64_t word() {
    auto raw = some(8);
    std::uint64_t value = 0;
    for (auto i = raw.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(raw[i]);
    return value;
  }
  std::string_view text() { return some(number()); }
  /// The next so many bytes; none, and a fault, if there are not so many.
  std::string_view some(std::uint64_t size) {
    if (size > bytes_.size() - at_)
      fail("it ends too early");
    if (failed())
      return {};
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

  bool at_end() const { return failed() || at_ == bytes_.size(); }
  std::size_t offset() const { return first_ + at_; }

  bool failed() const { return !fault_.empty(); }
  /// The first fault and where it is: "offset 12: it ends too early"; empty: none.
  const std::string& fault() const { return fault_; }
  void fail(const std::string& what) {
    if (!failed())
      fault_ = "offset " + std::to_string(offset()) + ": " + what;
  }

private:
  /// Half of what nanoseconds can count, 146 years, so that no sum of two overflows. Nothing that happens is
  /// so far away; what is said to be is taken for that.
  template <class Length>
  static constexpr std::int64_t
      far_of = std::chrono::duration_cast<Length>(std::chrono::nanoseconds{std::int64_t{1} << 62}).count();
  static std::int64_t within(std::int64_t count, std::int64_t far) {
    return count < -far ? -far : count > far ? far : count;
  }

  unsigned char next() {
    if (failed() || at_ == bytes_.size()) {
      fail("it ends too early");
      return 0;
    }
    return static_cast<unsigned char>(bytes_[at_++]);
  }

  template <class T>
  void get(T& x) {
    if constexpr (std::is_same_v<T, bool>) {
      x = below(2, "a yes or no is neither") != 0;
    } else if constexpr (std::is_enum_v<T>) {
      x = static_cast<T>(below(values_of<T>(), "a value is none of those that there are"));
    } else if constexpr (std::is_unsigned_v<T>) {
      auto value = number();
      x = static_cast<T>(value);
      if (x != value)
        fail("a number is too large");
    } else if constexpr (std::is_integral_v<T>) {
      auto value = difference();
      x = static_cast<T>(value);
      if (x != value)
        fail("a number is too large");
    } else if constexpr (std::is_floating_point_v<T>) {
      x = std::bit_cast<double>(word());
      if (!std::isfinite(x)) {
        x = 0;
        fail("a number is none");
      }
    } else if constexpr (counted_time<T>) {
      x = T{within(difference(), far_of<T>)};
    } else if constexpr (point_in_time<T>) {
      using length = typename T::duration;
      auto count = difference();
      auto is_sign = count == length::max().count() || count == length::min().count(); // for ever, or never
      x = T{length{is_sign ? count : within(count, far_of<length> / 2)}};
    } else if constexpr (std::is_same_v<T, std::string>) {
      x = text();
    } else if constexpr (requires { inspect(*this, x); }) {
      inspect(*this, x);
    } else {
      with_members(*this, x);
    }
  }
  template <class A, class B>
  void get(std::pair<A, B>& x) {
    (*this)(x.first, x.second);
  }
  template <class T>
  void get(std::optional<T>& x) {
    bool there = false;
    get(there);
    x.reset();
    if (there)
      get(x.emplace());
  }
  template <class T, std::size_t Size>
  void get(std::array<T, Size>& x) {
    for (auto& each : x)
      get(each);
  }
  template <class T>
  void get(std::vector<T>& x) {
    x.clear();
    for (auto left = number(); left > 0 && !failed(); --left)
      get(x.emplace_back());
  }
  template <class T>
  void get(std::set<T>& x) {
    x.clear();
    for (auto left = number(); left > 0 && !failed(); --left) {
      T each{};
      get(each);
      append(x, std::move(each));
    }
  }
  template <class K, class V>
  void get(std::map<K, V>& x) {
    x.clear();
    for (auto left = number(); left > 0 && !failed(); --left) {
      std::pair<K, V> each{};
      get(each);
      append(x, std::move(each));
    }
  }
  /// In order, as it was written.
  template <class List, class T>
  void append(List& list, T&& each) {
    auto before = list.size();
    auto place = list.insert(list.end(), std::forward<T>(each));
    if (list.size() == before || std::next(place) != list.end())
      fail("what is in order is not");
  }
  template <class... Ts>
  void get(std::variant<Ts...>& x) {
    auto which = below(sizeof...(Ts), "it is of no kind that there is");
    auto take = [&]<std::size_t... Is>(std::index_sequence<Is...>) {
      ((Is == which ? get(x.template emplace<Is>()) : void()), ...);
    };
    take(std::index_sequence_for<Ts...>{});
  }
  std::size_t below(std::size_t limit, const char* otherwise) {
    auto value = next();
    if (value < limit)
      return value;
    --at_; // where it is
    fail(otherwise);
    return 0;
  }

  std::string_view bytes_;
  std::size_t first_;
  std::size_t at_ = 0;
  std::string fault_;
};

/// Tells bytes apart that are not the same, by chance or by mistake: no seal against whoever means harm.
inline std::uint64_t digest_of(std::string_view bytes, std::uint64_t seed = 0) {
  auto mix = [](std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  };
  auto digest = mix(seed + bytes.size() + 0x9e3779b97f4a7c15u);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 8))) {
    unsigned char raw[8] = {};
    std::memcpy(raw, bytes.data(), std::min<std::size_t>(bytes.size(), 8));
    std::uint64_t word = 0;
    for (auto byte : raw)
      word = word << 8 | byte;
    digest = mix(digest ^ word) + 0x9e3779b97f4a7c15u;
  }
  return digest;
}

} // namespace moorage
