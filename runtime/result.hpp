// What a call gives back when it may be refused: the value, or the refusal. The throwing forms of the embedding API
// throw `moorage::error`; their `try_` twins return a `result`.
#pragma once

#include <stdexcept>
#include <string>
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

template <class T>
class [[nodiscard]] result {
public:
  result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  result(failure reason) : content_(std::in_place_index<1>, std::move(reason)) {}

  explicit operator bool() const { return content_.index() == 0; }
  /// The value; undefined without one.
  T& operator*() { return *std::get_if<0>(&content_); }
  const T& operator*() const { return *std::get_if<0>(&content_); }
  T* operator->() { return std::get_if<0>(&content_); }
  const T* operator->() const { return std::get_if<0>(&content_); }
  /// The refusal; code `none` when there is a value.
  failure reason() const { return *this ? failure{} : std::get<1>(content_); }
  /// The value, moved out; throws `error` when there is none.
  T take() {
    if (!*this)
      throw error{std::get<1>(std::move(content_))};
    return std::get<0>(std::move(content_));
  }

private:
  std::variant<T, failure> content_;
};

template <>
class [[nodiscard]] result<void> {
public:
  result() = default;
  result(failure reason) : reason_(std::move(reason)) {}
  explicit operator bool() const { return reason_.code == errc::none; }
  const failure& reason() const { return reason_; }
  void take() const {
    if (!*this)
      throw error{reason_};
  }

private:
  failure reason_;
};

} // namespace moorage

#pragma GCC visibility pop
