// Drives transports in tests as their actors would: pumps when woken, when due, and after each command.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/ssh/transport.hpp"
#include "tests/support/fake_sshd.hpp"
#include "tests/support/real_sshd.hpp"

namespace moorage::test {

/// The outer world of some transports, with a home folder of its own.
struct world {
  explicit world(std::chrono::milliseconds stuck_after = blocking_threads::stuck_after_default);

  support::scratch_folder home;
  readiness loop;
  blocking_threads threads;
  std::shared_ptr<memory_secret_store> secrets = std::make_shared<memory_secret_store>();
  resolver resolve = system_resolver();
  surroundings around;
  std::shared_ptr<host_key_memory> host_keys = std::make_shared<host_key_memory>();

  transport_world parts() { return {loop, threads, secrets, resolve, around, host_keys}; }
  cluster_settings settings_for(const support::real_sshd& server) const;
  /// A key and a known_hosts file in `home`.
  cluster_settings settings_for(const support::fake_sshd& server);
};

/// Endpoints as a name with several addresses would give them.
resolver resolves_to(std::vector<std::string> addresses);

inline outcome exited(int code) {
  return {outcome_kind::exited, code, {}, {}};
}

/// Set by a waker on any thread, waited for by the test.
class bell {
public:
  waker ring();
  /// True: it rang. Silence for the next ring.
  bool wait_until(std::chrono::steady_clock::time_point due);

private:
  struct state {
    std::mutex mutex;
    std::condition_variable rung;
    bool ringing = false;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// How long a test waits for what must come: no promise, but long enough for a machine that has better things
/// to do.
constexpr std::chrono::seconds patient{50};

/// The processor's time that this thread has taken.
std::chrono::nanoseconds spent_by_this_thread();

/// One transport with all it has told.
class driven {
  bell own_; // before the transport that rings it
  bell& bell_;

public:
  driven(world& around, const cluster_settings& settings);
  driven(world& around, const cluster_settings& settings, bell& shared);

  struct stream {
    std::string output;
    std::string error_output;
    std::uint64_t received = 0;
    std::uint64_t input_taken = 0;
    std::optional<outcome> ended;
  };

  /// Pumps until it holds, or until patience is at its end (false).
  bool until(const std::function<bool()>& holds, std::chrono::milliseconds patience = patient);
  /// One pump; returns what the transport returns.
  bool pump();

  bool open(std::chrono::milliseconds patience = patient); ///< true: it is open
  /// Runs to the end with plenty of credit, standard input ended.
  exec_result run(exec_request request);
  exec_result run(const std::string& command) { return run(exec_request{command, {}, {}, {}, 0}); }

  stream_id start(exec_request request, std::uint64_t credit = 1u << 30, bool end_input = true);
  stream_id start(const std::string& command, std::uint64_t credit = 1u << 30) {
    return start(exec_request{command, {}, {}, {}, 0}, credit);
  }
  bool finish(stream_id id, std::chrono::milliseconds patience = patient);
  bool ask(std::uint64_t question, std::chrono::milliseconds patience = patient);
  /// How long it took.
  std::chrono::milliseconds close();

  std::unique_ptr<transport> it;
  std::map<std::uint64_t, stream> streams;
  bool opened = false;
  bool closed = false;
  std::optional<ssh_error> failed;
  std::vector<machine_seen> failed_machines;
  std::vector<opening_step> steps;
  std::vector<std::string> warnings;
  files_used files; ///< by the opening that failed
  std::string banner;
  certificate_used certificate;
  std::vector<key_considered> keys;
  std::vector<std::string> waited_for; ///< of a person, as it was told; empty: no more
  std::vector<std::uint64_t> answered;
  std::vector<carriage_wanted> wanted;             ///< whoever drives it takes them from here
  std::map<std::uint64_t, std::string> carried_to; ///< carriages' last words, by stream
  std::size_t pumps = 0;
  bool keep_output = true;
  std::chrono::nanoseconds longest_pump{0};
  std::chrono::nanoseconds busiest_pump{0}; ///< the same, of the processor's time

private:
  void take(std::vector<transport_event> events);

  std::uint64_t last_stream_ = 0;
};

/// What is promised within 250 ms, seen from a test on a busy machine.
constexpr std::chrono::milliseconds prompt{750};

/// Open descriptors of this process.
std::size_t descriptors();
/// Our sockets to a server in this process: its own ends, which some faults keep open, do not count.
std::size_t sockets_to(const support::fake_sshd& server);
/// Resident memory in bytes.
std::size_t resident();
/// So many bytes more may be resident than before. AddressSanitizer keeps what was freed for a while (256
/// MiB); ThreadSanitizer has several bytes of its own for each.
constexpr std::size_t growth_max(std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return bytes + (512u << 20);
#else
  return bytes;
#endif
}

} // namespace moorage::test
