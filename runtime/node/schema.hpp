// What messages are made of, in a text that two builds compare: field by field, as their `inspect` passes
// them to CAF. CAF's encoding names a message's type and nothing of what is in it, so that a message whose
// fields have changed is read as rubbish by whoever was built before.
#pragma once

#include <caf/actor_control_block.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace moorage {

/// An inspector that writes down the fields' types, in order: "(s,[(s,s)],u64)".
class schema_inspector {
public:
  using result_type = void;

  template <class... Fields>
  void operator()(Fields&... fields) {
    text_ += '(';
    (field(fields), ...);
    text_ += ')';
  }
  const std::string& text() const { return text_; }

private:
  template <class T>
  void field(T& value) {
    if (text_.back() != '(' && text_.back() != '[')
      text_ += ',';
    if constexpr (std::same_as<T, bool>)
      text_ += 'b';
    else if constexpr (std::is_enum_v<T>)
      text_ += 'e' + std::to_string(8 * sizeof(T));
    else if constexpr (std::is_integral_v<T>)
      text_ += (std::is_signed_v<T> ? 'i' : 'u') + std::to_string(8 * sizeof(T));
    else if constexpr (std::is_floating_point_v<T>)
      text_ += 'f' + std::to_string(8 * sizeof(T));
    else if constexpr (std::same_as<T, std::string>)
      text_ += 's';
    else if constexpr (std::same_as<T, caf::strong_actor_ptr>)
      text_ += 'a';
    else
      composed(value);
  }
  template <class Number, class Unit>
  void composed(std::chrono::duration<Number, Unit>&) {
    text_ += 'd' + std::to_string(Unit::den);
  }
  template <class Clock, class Duration>
  void composed(std::chrono::time_point<Clock, Duration>&) {
    text_ += 't' + std::to_string(Duration::period::den);
  }
  template <class T>
  void composed(std::vector<T>&) {
    list<T>(0);
  }
  template <class T, std::size_t Size>
  void composed(std::array<T, Size>&) {
    list<T>(Size);
  }
  template <class T>
  void composed(T& value) {
    inspect(*this, value);
  }
  template <class T>
  void list(std::size_t size) {
    T element{};
    text_ += '[';
    field(element);
    text_ += ']' + (size > 0 ? std::to_string(size) : std::string{});
  }

  std::string text_;
};

template <class T>
std::string schema_of() {
  schema_inspector inspector;
  T value{};
  inspect(inspector, value);
  return inspector.text();
}

/// Every message, one a line: "acquire(s,a,u64,…)"; and what is listed by rows, with its names: "event_kind
/// opening opened …".
std::string message_schema();
/// The same of what goes over a link.
std::string outsiders_schema();

} // namespace moorage
