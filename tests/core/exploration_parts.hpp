// What is explored, by theme, and all of it.
#pragma once

#include "tests/core/explorer.hpp"

namespace moorage::test {

parts leases_and_holders();
parts turns();
parts long_waits();
parts discarded_leases();
parts deadlines();
parts one_opening();
parts several_openings();
parts readiness();
parts readiness_of_two();
parts permits();
parts probes();
parts evidence();
parts orders();
parts pauses();
parts carriages();
/// From pools in every condition, whatever may happen next, and whatever may not.
parts anything();

parts all_parts();

} // namespace moorage::test
