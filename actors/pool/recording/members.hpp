// What the archive knows of types without being told: the members of a plain struct, and the values of an
// enumeration. The compiler lists both, so that a member or a value that is added later cannot be forgotten.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace moorage {

/// Whatever a member may be, for counting them.
struct any_member {
  template <class T>
  operator T() const;
};

/// How many members a plain struct has: so many values and no more can it be made of.
template <class T, class... Known>
consteval std::size_t members_of() {
  if constexpr (requires { T{Known{}..., any_member{}}; })
    return members_of<T, Known..., any_member>();
  else
    return sizeof...(Known);
}

/// Calls `f` with all members of a plain struct, in their order.
template <class F, class T>
void with_members(F& f, T& x) {
  constexpr auto count = members_of<std::remove_const_t<T>>();
  static_assert(count <= 11, "a struct of more members needs one more line here");
  if constexpr (count == 0) {
    f();
  } else if constexpr (count == 1) {
    auto& [a] = x;
    f(a);
  } else if constexpr (count == 2) {
    auto& [a, b] = x;
    f(a, b);
  } else if constexpr (count == 3) {
    auto& [a, b, c] = x;
    f(a, b, c);
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = x;
    f(a, b, c, d);
  } else if constexpr (count == 5) {
    auto& [a, b, c, d, e] = x;
    f(a, b, c, d, e);
  } else if constexpr (count == 6) {
    auto& [a, b, c, d, e, g] = x;
    f(a, b, c, d, e, g);
  } else if constexpr (count == 7) {
    auto& [a, b, c, d, e, g, h] = x;
    f(a, b, c, d, e, g, h);
  } else if constexpr (count == 8) {
    auto& [a, b, c, d, e, g, h, i] = x;
    f(a, b, c, d, e, g, h, i);
  } else if constexpr (count == 9) {
    auto& [a, b, c, d, e, g, h, i, j] = x;
    f(a, b, c, d, e, g, h, i, j);
  } else if constexpr (count == 10) {
    auto& [a, b, c, d, e, g, h, i, j, k] = x;
    f(a, b, c, d, e, g, h, i, j, k);
  } else {
    auto& [a, b, c, d, e, g, h, i, j, k, l] = x;
    f(a, b, c, d, e, g, h, i, j, k, l);
  }
}

/// Whether a value of an enumeration has a name: the compiler writes "(moorage::errc)40" for one that has
/// none.
template <auto Value>
consteval bool is_named() {
  constexpr std::string_view text = __PRETTY_FUNCTION__;
  constexpr std::string_view before = "Value = ";
  return text[text.find(before) + before.size()] != '(';
}

/// How many values an enumeration has that counts from 0 without a gap.
template <class Enum, std::size_t Known = 0>
consteval std::size_t values_of() {
  if constexpr (is_named<static_cast<Enum>(Known)>())
    return values_of<Enum, Known + 1>();
  else
    return Known;
}

} // namespace moorage
