// What a call gives back when it may be refused: the value, or the refusal. It has std::expected's names, so
// that who knows that knows this; where std::expected leaves undefined what happens, this throws. The
// throwing forms of the embedding API throw `moorage::error`; their `try_` twins return a `result`.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "messages/error_words.hpp"

#pragma GCC visibility push(default)

namespace moorage {

/// The one type that the embedding API throws. `what()` is "code: text"; the text says what to do.
class error : public std::runtime_error {
public:
  explicit error(failure reason)
      : std::runtime_error(to_string(reason.code) + ": " + in_words(reason)), reason_(std::move(reason)) {}
  errc code() const { return reason_.code; }
  const failure& reason() const { return reason_; }

private:
  failure reason_;
};

/// What a result that is about to go gives is a value, never a reference into it, so that `for (auto& pool :
/// *rt.pools())` has something to walk over until its end.
template <class T>
class [[nodiscard]] result {
public:
  using value_type = T;
  using error_type = failure;

  result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  result(failure reason) : content_(std::in_place_index<1>, std::move(reason)) {}

  bool has_value() const noexcept { return content_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// The value. All of these throw the refusal, as `moorage::error`, when there is none.
  T& value() & { return value_of(*this); }
  const T& value() const& { return value_of(*this); }
  T value() && { return std::move(value_of(*this)); }
  T& operator*() & { return value_of(*this); }
  const T& operator*() const& { return value_of(*this); }
  T operator*() && { return std::move(value_of(*this)); }
  /// Of a result that is about to go it lasts until the end of the full expression.
  T* operator->() { return &value_of(*this); }
  const T* operator->() const { return &value_of(*this); }

  /// The refusal; code `none` when there is a value.
  const failure& error() const& {
    static const failure none;
    return has_value() ? none : *std::get_if<1>(&content_);
  }
  failure error() && { return has_value() ? failure{} : std::move(*std::get_if<1>(&content_)); }

  template <class Other>
  T value_or(Other&& other) const& {
    return has_value() ? value_of(*this) : static_cast<T>(std::forward<Other>(other));
  }
  template <class Other>
  T value_or(Other&& other) && {
    return has_value() ? std::move(value_of(*this)) : static_cast<T>(std::forward<Other>(other));
  }

  /// What `next` makes of the value, which is a result itself; or this one's refusal.
  template <class Next>
  auto and_then(Next&& next) & {
    return continued(*this, std::forward<Next>(next));
  }
  template <class Next>
  auto and_then(Next&& next) const& {
    return continued(*this, std::forward<Next>(next));
  }
  template <class Next>
  auto and_then(Next&& next) && {
    return continued(std::move(*this), std::forward<Next>(next));
  }

  /// A result with what `change` makes of the value, or with nothing if that makes nothing.
  template <class Change>
  auto transform(Change&& change) & {
    return changed(*this, std::forward<Change>(change));
  }
  template <class Change>
  auto transform(Change&& change) const& {
    return changed(*this, std::forward<Change>(change));
  }
  template <class Change>
  auto transform(Change&& change) && {
    return changed(std::move(*this), std::forward<Change>(change));
  }

  /// This one, or what `instead` makes of the refusal: a result of the same type.
  template <class Instead>
  result or_else(Instead&& instead) const& {
    return has_value() ? *this : result{std::invoke(std::forward<Instead>(instead), error())};
  }
  template <class Instead>
  result or_else(Instead&& instead) && {
    if (has_value())
      return std::move(*this);
    return std::invoke(std::forward<Instead>(instead), std::move(*this).error());
  }

private:
  template <class Self>
  static auto& value_of(Self& self) {
    if (!self.has_value())
      throw moorage::error{self.error()};
    return *std::get_if<0>(&self.content_);
  }

  template <class Self, class Next>
  static auto continued(Self&& self, Next&& next) {
    using made = decltype(std::invoke(std::forward<Next>(next), *std::forward<Self>(self)));
    if (!self.has_value())
      return made{std::forward<Self>(self).error()};
    return std::invoke(std::forward<Next>(next), *std::forward<Self>(self));
  }

  template <class Self, class Change>
  static auto changed(Self&& self, Change&& change);

  std::variant<T, failure> content_;
};

template <>
class [[nodiscard]] result<void> {
public:
  using value_type = void;
  using error_type = failure;

  result() = default;
  /// Code `none`: it went well.
  result(failure reason) : reason_(std::move(reason)) {}

  bool has_value() const noexcept { return reason_.code == errc::none; }
  explicit operator bool() const noexcept { return has_value(); }
  /// Throws the refusal, as `moorage::error`, if there is one.
  void value() const {
    if (!has_value())
      throw moorage::error{reason_};
  }
  void operator*() const { value(); }
  const failure& error() const& { return reason_; }
  failure error() && { return std::move(reason_); }

  template <class Next>
  auto and_then(Next&& next) const {
    using made = std::invoke_result_t<Next>;
    return has_value() ? std::invoke(std::forward<Next>(next)) : made{reason_};
  }
  template <class Change>
  auto transform(Change&& change) const;
  template <class Instead>
  result or_else(Instead&& instead) const {
    return has_value() ? *this : result{std::invoke(std::forward<Instead>(instead), reason_)};
  }

private:
  failure reason_;
};

template <class T>
template <class Self, class Change>
auto result<T>::changed(Self&& self, Change&& change) {
  using made =
      std::remove_cvref_t<decltype(std::invoke(std::forward<Change>(change), *std::forward<Self>(self)))>;
  if (!self.has_value())
    return result<made>{std::forward<Self>(self).error()};
  if constexpr (std::is_void_v<made>) {
    std::invoke(std::forward<Change>(change), *std::forward<Self>(self));
    return result<made>{};
  } else {
    return result<made>{std::invoke(std::forward<Change>(change), *std::forward<Self>(self))};
  }
}

template <class Change>
auto result<void>::transform(Change&& change) const {
  using made = std::remove_cvref_t<std::invoke_result_t<Change>>;
  if (!has_value())
    return result<made>{reason_};
  if constexpr (std::is_void_v<made>) {
    std::invoke(std::forward<Change>(change));
    return result<made>{};
  } else {
    return result<made>{std::invoke(std::forward<Change>(change))};
  }
}

} // namespace moorage

#pragma GCC visibility pop
