// Messages whose values are at the edges of what they may be, or far beyond: what CAF reads without
// complaint, and nobody would say.
#pragma once

#include <caf/binary_serializer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace node_tests {

/// An inspector that gives each field such a value.
class odd_inspector {
public:
  using result_type = void;

  /// `words`: what texts are, besides those that it makes up.
  odd_inspector(std::mt19937_64& random, const std::vector<std::string>& words)
      : random_(random), words_(words) {}

  template <class... Fields>
  void operator()(Fields&... fields) {
    (field(fields), ...);
  }

private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  template <class T>
  void field(T& value) {
    if constexpr (std::same_as<T, bool>)
      value = below(2) == 0;
    else if constexpr (std::is_enum_v<T>)
      value = static_cast<T>(below(4) == 0 ? below(256) : below(8));
    else if constexpr (std::is_integral_v<T>)
      value = number<T>();
    else if constexpr (std::is_floating_point_v<T>)
      value = std::array{T{0}, T{-1}, std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(),
                         std::numeric_limits<T>::max()}[below(5)];
    else if constexpr (std::same_as<T, std::string>)
      value = text();
    else
      composed(value);
  }
  template <class Number, class Unit>
  void composed(std::chrono::duration<Number, Unit>& value) {
    value = std::chrono::duration<Number, Unit>{number<Number>()};
  }
  template <class Clock, class Duration>
  void composed(std::chrono::time_point<Clock, Duration>& value) {
    value = std::chrono::time_point<Clock, Duration>{Duration{number<typename Duration::rep>()}};
  }
  template <class T>
  void composed(std::vector<T>& value) {
    value.resize(below(50) == 0 ? 300 : below(4));
    for (auto&& each : value) {
      auto element = T{};
      field(element);
      each = std::move(element);
    }
  }
  template <class T, std::size_t Size>
  void composed(std::array<T, Size>& value) {
    for (auto& each : value)
      field(each);
  }
  template <class T>
  void composed(T& value) {
    inspect(*this, value);
  }
  template <class T>
  T number() {
    using limits = std::numeric_limits<T>;
    switch (below(6)) {
    case 0:
      return limits::max();
    case 1:
      return limits::min();
    case 2:
      return static_cast<T>(random_());
    case 3:
      return static_cast<T>(limits::max() - static_cast<T>(below(3)));
    default:
      return static_cast<T>(below(20));
    }
  }
  std::string text() {
    if (below(3) != 0)
      return words_[below(words_.size())];
    std::string result(below(40) == 0 ? 40'000 : below(30), ' ');
    for (auto& each : result)
      each = std::string_view{"aZ0 .:-_\n\t\0\x1b\x7f\xc2\x9b\xe2\x80\xae\xff@[]=%\"'", 27}[below(27)];
    return result;
  }

  std::mt19937_64& random_;
  const std::vector<std::string>& words_;
};

/// One as CAF writes it, with its type.
struct odd_message {
  std::string type, value;
};

template <class T>
odd_message odd(caf::actor_system& system, std::string type, std::mt19937_64& random,
                const std::vector<std::string>& words) {
  T value{};
  odd_inspector inspector{random, words};
  inspect(inspector, value);
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  if (auto wrong = sink(value))
    return {std::move(type), {}};
  return {std::move(type), std::string{bytes.begin(), bytes.end()}};
}

} // namespace node_tests
