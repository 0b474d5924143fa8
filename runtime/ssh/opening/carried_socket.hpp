// The two sides of a carriage: a pair of sockets, and what is told beside their bytes.
//
// edge: the connection that carries writes the note, on its thread; the one that is carried reads it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "actors/carriage.hpp"
#include "messages/ssh_error.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

/// Written by one thread at a time, once each; read by any. What stands here was written before the bytes, or
/// the end of them, that it explains: whoever sees those finds it.
class carriage_note {
public:
  /// From now on its bytes go to the machine that it was to be carried to, and come from there.
  void begin() { begun_.store(true, std::memory_order_release); }
  bool begun() const { return begun_.load(std::memory_order_acquire); }
  /// The jump host is open, and is asked for the machine behind it.
  void ask() { asked_.store(true, std::memory_order_release); }
  bool asked() const { return asked_.load(std::memory_order_acquire); }
  /// It said no: so it is that one's failure.
  void refuse() { refused_.store(true, std::memory_order_release); }
  bool refused() const { return refused_.load(std::memory_order_acquire); }
  /// The first reason stands.
  void end(const failure& why);
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  /// Why it was ended; empty: it has not been, or by nobody's wish but the other machine's.
  std::string reason() const { return ended() ? reason_ : std::string{}; }
  /// What the jump host's trouble is: no passing one, where another try would be told the same.
  ssh_failure kind() const { return ended() ? kind_ : ssh_failure::none; }

private:
  std::string reason_;                   ///< before `ended_`, and never again
  ssh_failure kind_ = ssh_failure::none; ///< as that
  std::atomic<bool> begun_{false};
  std::atomic<bool> asked_{false};
  std::atomic<bool> refused_{false};
  std::atomic<bool> ended_{false};
};

/// The side of whoever carries.
class carried_socket final : public carriage {
public:
  carried_socket(unique_fd far, std::shared_ptr<carriage_note> note);

  void end(const failure& why) override;
  /// The end without a reason of our own.
  void close() { far_.reset(); }
  void begin() { note_->begin(); }
  void ask() { note_->ask(); }
  void refuse() { note_->refuse(); }
  int fd() const { return far_.get(); } ///< -1: it has ended

private:
  unique_fd far_;
  std::shared_ptr<carriage_note> note_;
};

struct carried_ends {
  unique_fd near; ///< of whoever is carried
  std::shared_ptr<carried_socket> far;
  std::shared_ptr<const carriage_note> note;
  int code = 0; ///< why there are none, as errno says it
};

/// Non-blocking and close-on-exec, both.
carried_ends make_carriage();

} // namespace moorage
