// What somebody who waits for a lease is told meanwhile, and with it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "deploy/moorage/options.hpp"
#include "runtime/lease.hpp"
#include "runtime/runtime.hpp"

namespace moorage::cli {

/// What people are to know of the log-in that the lease waited for, on stderr: the server's own words, and
/// what was noted in `told` the first time only, since the leases of several connections may have the same to
/// say. Once more when something has run under the lease: it may have gone on with another connection.
void tell_of_log_in(const options& from, const lease& granted, std::set<std::string>& told);

/// While it lives it says on stderr what keeps the pool of the options' cluster from giving a lease: a short
/// line for each state that lasts, the first after five seconds. The cause is left to the error at the end,
/// if it comes to that. With -q it says nothing. The runtime must outlive it.
class waiting_words {
public:
  waiting_words(const options& from, runtime& pools);
  waiting_words(const waiting_words&) = delete;
  waiting_words& operator=(const waiting_words&) = delete;

private:
  void tell_of_persons(const pool_status& pool);
  void tell(bool all);

  const std::string cluster_;
  runtime& pools_;
  std::set<std::string> told_;
  // edge: only to be woken when the wait is over.
  std::mutex mutex_;
  std::condition_variable_any over_;
  std::jthread thread_; ///< last: it ends first
};

} // namespace moorage::cli
