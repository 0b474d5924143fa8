// What `moorage check` has found, and how it is told.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "deploy/moorage/options.hpp"
#include "messages/errors.hpp"
#include "messages/events.hpp"

namespace moorage::cli {

struct finding {
  std::string step;
  std::chrono::nanoseconds took{0};
  std::string text;
  bool failed = false;
  std::string hop = {};     ///< the jump host whose step it is; empty: the cluster itself
  std::string machine = {}; ///< of the cluster's, where it has several
  std::string brief = {};   ///< for people, of what the error at the end tells whole; empty: `text`
  bool again = false;       ///< of a try that failed as one before did, which people are told once
  std::size_t times = 1;    ///< that one, and those after it
};

/// A key that a log-in considered, and whose log-in that was.
struct key_found {
  std::string hop; ///< the jump host; empty: the cluster itself
  key_considered key;
};

struct findings {
  std::string destination;
  bool of_node = false;
  bool was_open = false;
  std::vector<finding> steps;
  std::vector<key_found> keys;
  std::vector<std::string> causes;      ///< jump hosts' errors that `trouble` tells
  std::vector<std::string> jump_errors; ///< all of them
  failure trouble;                      ///< code `none`: all is well
  std::string hangs;                    ///< whose server or jump host did not do its part in time
  bool interrupted = false;
};

template <class Named>
std::string words_of(Named what) {
  auto result = to_string(what);
  std::replace(result.begin(), result.end(), '_', ' ');
  return result;
}

std::string text_of(const options& from, const findings& found, std::chrono::nanoseconds took);
std::string json_of(const options& from, const findings& found, std::chrono::nanoseconds took);

} // namespace moorage::cli
