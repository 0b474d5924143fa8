#pragma once

#include "tests/support/fake_faults.hpp"

#include <string>

namespace moorage::support {

/// Sets one fault from text. The name is the field's own; durations are in milliseconds, booleans "yes" or
/// "no", lists parted by commas, values of an enum by their names. Throws std::invalid_argument with what
/// would have been right.
void set_fault(fake_faults& faults, const std::string& name, const std::string& value);

/// Every counter by its field's name, as one line of JSON.
std::string counters_to_json(const fake_counters& counters);
/// The reverse; names that are missing stay zero.
fake_counters counters_from_json(const std::string& line);

} // namespace moorage::support
