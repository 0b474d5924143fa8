// Makes real transports: SSH over TCP, a proxy command or another connection, by libssh (the promise itself
// is in actors/transport.hpp).
//
// A transport goes through preparing (look-up, files: on blocking threads), connecting (each address in
// turn), key exchange, host key, authentication, open. Its owner pumps it; the readiness loop and the
// blocking threads call the owner's waker. One transport takes two descriptors (four with a proxy command)
// and, once open and idle, about 30 KiB.
#pragma once

#include <memory>

#include "actors/transport.hpp"
#include "runtime/secrets.hpp"
#include "runtime/ssh/opening/preparation.hpp"
#include "runtime/system/blocking.hpp"
#include "runtime/system/readiness.hpp"

namespace moorage {

/// What every transport of a runtime works with; outlives them all.
struct transport_world {
  readiness& loop;
  blocking_threads& threads;
  std::shared_ptr<secret_store> secrets; ///< may be null: no entries
  resolver resolve = system_resolver();
  surroundings around = {};
  std::shared_ptr<host_key_memory> host_keys = std::make_shared<host_key_memory>();
};

/// Nothing is done before `open` and `pump`. `wake` is called by who turns the readiness loop, and on
/// blocking threads.
std::unique_ptr<transport> make_ssh_transport(const cluster_settings& settings, waker wake,
                                              const transport_world& world);

} // namespace moorage
