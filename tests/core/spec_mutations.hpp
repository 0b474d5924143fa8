// Cases that expect something wrong: what each of them does not notice, no case would.
#pragma once

#include <string>
#include <vector>

#include "tests/core/spec_case.hpp"

namespace moorage::test::spec {

struct wrong_case {
  std::string what; ///< is wrong with it
  pool_case expects;
};

/// One for each thing that the case expects, and for each pair that stands in an order.
std::vector<wrong_case> wrong_versions(const pool_case& right);

} // namespace moorage::test::spec
