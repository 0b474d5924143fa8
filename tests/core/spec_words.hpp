// The words of the specification's format: operations, events and their keys, each once. What a case says
// beyond them is refused, and what tests/spec/README.md does not tell of them fails a test.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace moorage::test::spec {

enum class key_type : std::uint8_t {
  text,
  name,    ///< a new one: of an acquire, or of an answer that is awaited
  acquire, ///< the name of an acquire that stands before
  flag,
  number,     ///< 0 or more
  connection, ///< 1 is the first that the pool began to open
  time,
  patience, ///< a time, or "forever"
  failure,  ///< how an opening failed or a connection was lost
  error,    ///< what a refusal says
  error_or_none,
  reason ///< why a connection leaves
};

struct key_rule {
  std::string_view name;
  key_type type = key_type::text;
  bool required = false;
  std::vector<std::string_view> choices = {}; ///< of a text; empty: any
};

struct word {
  std::string_view name;
  std::vector<key_rule> keys = {};
};

const std::vector<word>& operations();
/// Each may have `event_times` besides.
const std::vector<word>& event_kinds();
const std::vector<key_rule>& event_times();
const std::vector<key_rule>& world_keys();
/// Of the final status, and of the operation `expect`.
const std::vector<key_rule>& status_keys();
const std::vector<std::string_view>& topics();
/// What stands at the top of a file.
const std::vector<std::string_view>& sections();

const word* find(const std::vector<word>& words, std::string_view name);
const key_rule* find(const std::vector<key_rule>& keys, std::string_view name);
/// What may be written for a key whose values are words; empty: it has none.
std::vector<std::string> words_for(const key_rule& key);

} // namespace moorage::test::spec
