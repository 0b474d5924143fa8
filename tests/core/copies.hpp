// That a pool core survives being written down: what is read back knows the same, and does the same.
#pragma once

#include <string>

#include "actors/pool/core.hpp"
#include "actors/pool/recording/archive.hpp"
#include "tests/core/observer.hpp"

namespace moorage::test {

/// The core, written and read back; throws `broken_promise` unless it is equal, written again the same, and
/// in order.
inline pool_core written_and_read(const pool_core& core) {
  archive_writer out;
  core.write(out);
  archive_reader in{out.bytes()};
  auto copy = pool_core::read(in); // verifies it
  if (!copy || in.failed() || !in.at_end())
    throw broken_promise{"a snapshot can be read back: " + in.fault()};
  if (!(*copy == core))
    throw broken_promise{"what is read back from a snapshot equals what was written"};
  return std::move(*copy);
}

} // namespace moorage::test
