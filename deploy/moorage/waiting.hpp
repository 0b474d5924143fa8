// What somebody who waits for a lease is told meanwhile, and with it.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "deploy/moorage/options.hpp"
#include "runtime/lease.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// What people are to know of the log-in that the lease waited for, on stderr: the server's own words, and
/// what was noted in `told` the first time only, since the leases of several connections may have the same to
/// say. Once more when something has run under the lease: it may have gone on with another connection.
void tell_of_log_in(const options& from, runtime& pools, const lease& granted, std::set<std::string>& told);

/// For whoever asked for more: by which node's connection the command goes, how long that has been open, how
/// many share it, and by which jump hosts it comes. `place`: the node's.
void tell_of_node(const options& from, runtime& node, const std::string& place, const lease& granted);

/// Waits for leases of the options' cluster, and says on stderr meanwhile what keeps its pool from giving
/// them: a short line for each state that lasts, the first after five seconds. The cause is left to the error
/// at the end, if it comes to that. With -q it says nothing. The runtime must outlive it.
class waiting_words {
public:
  waiting_words(const options& from, runtime& pools) : from_(from), pools_(pools) {}

  result<lease> wait(pending<result<lease>> asked);
  /// The same for whoever waits otherwise: `over` waits so long at most; true: there is nothing to wait for.
  /// False: it was not over at the deadline.
  bool until(const std::function<bool(std::chrono::milliseconds)>& over,
             std::chrono::steady_clock::time_point deadline);

private:
  void tell_of_persons(const pool_status& pool);
  void tell(bool all);

  const options& from_;
  runtime& pools_;
  std::chrono::seconds waited_{0};
  std::set<std::string> told_;
};

} // namespace moorage::cli
