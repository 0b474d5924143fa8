// Machines of a test's own, each with a network of its own, joined by a router whose wires the test cuts,
// delays and loses packets on.
//
// They are network namespaces without names: what holds one is a descriptor of ours or a process in it, so
// that none is left behind however the test ends, and tests side by side never meet.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/system/descriptors.hpp"
#include "tests/support/delayed_wire.hpp"
#include "tests/support/scratch_folder.hpp"

namespace moorage::support {

/// This thread, and all that it starts meanwhile, threads and processes, is in that network until the object
/// goes.
class network_visit {
public:
  explicit network_visit(int network); ///< throws std::runtime_error
  ~network_visit();
  network_visit(const network_visit&) = delete;
  network_visit& operator=(const network_visit&) = delete;

private:
  unique_fd before_;
};

/// One machine: an address, and a wire to the router. Other machines see it by that address alone.
class own_machine {
public:
  const std::string& address() const { return address_; } ///< of IPv4, in digits
  network_visit visit() const { return network_visit{network_.get()}; }

private:
  friend class own_machines;
  unique_fd network_;
  std::string address_;
  std::unique_ptr<delayed_wire> wire_; ///< empty: a pair of virtual Ethernet devices
};

/// The router and its machines, until the object goes. It takes the rights to make networks, as root has
/// them, and the programs ip and nft; where it cannot be had nothing is changed, and `why_not` says so.
class own_machines {
public:
  own_machines();
  own_machines(const own_machines&) = delete;
  own_machines& operator=(const own_machines&) = delete;

  explicit operator bool() const { return why_not_.empty(); }
  const std::string& why_not() const { return why_not_; }

  /// One more; throws std::runtime_error where the system says no. `delay`: how long its wire keeps each
  /// packet, either way; empty, with `why_not_delayed`, where the system has no such wire.
  std::unique_ptr<own_machine> add();
  std::unique_ptr<own_machine> add(std::chrono::milliseconds delay);
  const std::string& why_not_delayed() const { return why_not_delayed_; }

  /// What the one sends to the other is dropped on the way, without a word to either.
  void cut(const own_machine& from, const own_machine& to);
  void cut_both(const own_machine& one, const own_machine& other);
  void mend(const own_machine& from, const own_machine& to);
  void mend_both(const own_machine& one, const own_machine& other);
  /// Every eighth packet on all wires is dropped.
  void lose_some();
  /// Packets dropped so far.
  int dropped() const { return counted("dropped"); }
  /// Resets of TCP's that have passed.
  int resets() const { return counted("resets"); }

private:
  std::unique_ptr<own_machine> begin_machine();
  void finish_machine(own_machine& machine, const std::string& device);
  void change_cuts(const std::string& verb, const own_machine& from, const own_machine& to);
  int counted(const std::string& what) const;
  std::string run_there(int network, const std::vector<std::string>& words,
                        const std::string& input = {}) const;

  scratch_folder folder_;
  unique_fd router_;
  std::string why_not_, why_not_delayed_;
  int made_ = 0;
};

} // namespace moorage::support
