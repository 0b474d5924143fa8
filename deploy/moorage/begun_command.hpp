// A command that begins as soon as there is a lease for it.
#pragma once

#include <atomic> // edge: see `sent`, `answered`
#include <chrono>
#include <future>
#include <memory>

#include "deploy/moorage/options.hpp"
#include "deploy/moorage/signals.hpp"
#include "runtime/lease.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

struct begun_command {
  lease held;
  stream output;
};

/// What is to be run. To be had again where it was refused.
struct command_to_begin {
  exec_request request;
  std::atomic<bool>& sent; ///< edge: the signals' thread asks
  std::promise<result<begun_command>> begun = {};
  std::atomic<bool> answered = false; ///< edge: or given up, by whoever waits; what comes then is given back

  void take(result<lease> granted);
};

/// The thread that hears of the lease begins the command, so that none has to wake for it. `spent`: of the
/// patience, on a node that had to be started first. A pool that has not answered some time after the
/// patience is waited for no longer. `usual`: the cluster's own, as far as is known here.
result<begun_command> begin_command(const options& from, runtime& pools, const signal_watch& signals,
                                    std::chrono::milliseconds spent, std::chrono::milliseconds usual,
                                    const std::shared_ptr<command_to_begin>& what);

} // namespace moorage::cli
