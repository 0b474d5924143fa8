// The world around one pool in virtual time: who asks, what the servers do, what administrators order. It
// knows the pool by what goes in and what comes out, and speaks of it in the format's words.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "actors/pool/core.hpp"
#include "tests/core/spec_player.hpp"

namespace moorage::test::spec {

/// A step that makes no sense where it stands, or has no room beside what the pool did.
struct impossible {
  std::string why;
};

class world {
public:
  world(const pool_case& played, const played_pool& pool);

  record play();

private:
  struct asked {
    std::string thread, holder;
    request_id request;
    bool confirms = true;
    lease_id lease; ///< once it was granted
    connection_id connection;
  };
  enum class phase : std::uint8_t { trying, between_tries, open, gone };
  struct link {
    std::int64_t number = 0;
    phase now = phase::trying;
    bool closing = false;
    std::vector<probe_id> probes;
  };

  // --- spec_world.cpp: time, and what the pool does
  void settle(time_point until);
  void tell(const pool_event& what);
  void soon(const pool_event& what, std::chrono::nanoseconds later = {}) { due_.emplace(now_ + later, what); }
  bool by_steps(const char* key, const char* otherwise) const;
  void happened(std::string kind, values keys);
  void answered(request_id request, const std::string& outcome);
  std::string label_of(lease_id lease) const;
  std::int64_t number_of(connection_id connection) const;
  values status() const;
  void saw(const request_permit& effect);
  void saw(const return_permit& effect);
  void saw(const open_connection& effect);
  void saw(const close_connection& effect);
  void saw(const grant& effect);
  void saw(const begin_carriage&) {}
  void saw(const tell_of_wait&) {}
  void saw(const tell_of_hindrance&) {}
  void saw(const refuse& effect);
  void saw(const acknowledge& effect);
  void saw(const write_recording&) {}
  void saw(const end_lease& effect);
  void saw(const notify_holder& effect);
  void saw(const start_probe& effect);
  void saw(const look_at_credentials&) { tell(credentials_seen{"as they were"}); }
  void saw(const give_up_channel& effect);
  void saw(const change_probes&) {}
  void saw(const announce& effect);

  // --- spec_steps.cpp: what happens to it
  void take(const step& now);
  bool take_of_user(const step& now);
  bool take_of_world(const step& now);
  bool take_of_log_ins(const step& now);
  void order(const step& now);
  void acquire(const step& now);
  void give_back(const step& now, bool discarded);
  void probe_ended(const step& now, bool passed);
  asked& asked_by(const values& keys);
  asked& leased_by(const values& keys);
  connection_id connection_at(const values& keys, bool may_be_unknown = false) const;
  link& link_at(const values& keys);
  holder_id holder(const std::string& name);
  holder_id sender(const values& keys);
  request_id new_request(const values& keys, const char* name_key);

  const pool_case& case_;
  const played_pool& pool_;
  pool_core core_;
  time_point began_{std::chrono::hours{1}}, now_ = began_;
  std::multimap<time_point, pool_event> due_; ///< what the world does by itself, and when
  std::map<std::string, asked> asked_;        ///< by label
  std::map<request_id, std::string> names_;   ///< of acquires and answers
  std::map<std::string, holder_id> holders_;
  std::map<connection_id, link> links_;
  std::vector<permit_id> wishes_; ///< log-ins that wait for leave, the oldest first
  std::uint64_t last_request_ = 0;
  record record_;
  std::string at_ = "before the first step";
};

// What a key holds, or what stands for it.
std::string text_or(const values& keys, const char* key, std::string otherwise);
bool flag_or(const values& keys, const char* key, bool otherwise);
std::int64_t number_or(const values& keys, const char* key, std::int64_t otherwise);
std::chrono::milliseconds time_or(const values& keys, const char* key, std::chrono::milliseconds otherwise);

} // namespace moorage::test::spec
