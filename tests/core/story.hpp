// A pool's life written down: each event's effects as one line of text, announcements left out.
#pragma once

#include <catch2/catch.hpp>

#include <chrono>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "actors/pool/core.hpp"

namespace moorage::test {

using namespace std::chrono_literals;

// Shorthands, so that a test reads as a transcript.
inline constexpr request_id r1{1}, r2{2}, r3{3}, r4{4}, r5{5}, r6{6}, r7{7}, r8{8}, r9{9};
inline constexpr holder_id h1{1}, h2{2}, h3{3};
inline constexpr lease_id l1{1}, l2{2}, l3{3}, l4{4}, l5{5};
inline constexpr connection_id c1{1}, c2{2}, c3{3}, c4{4}, c5{5}, c6{6};
inline constexpr probe_id p1{1}, p2{2}, p3{3}, p4{4}, p5{5};

inline cluster_settings lumi(std::uint32_t size = 1, std::uint32_t channels = 1) {
  cluster_settings settings;
  settings.name = "lumi";
  settings.host = "lumi.example.org";
  settings.user = "jane";
  settings.pool_size = size;
  settings.channels_per_connection = channels;
  return settings;
}

inline ssh_error error_of(ssh_failure kind, std::string text = "as the test says") {
  auto stage = is_latching(kind) ? ssh_stage::authenticate : ssh_stage::connect;
  return {stage, kind, std::move(text)};
}

class story {
public:
  explicit story(cluster_settings settings, std::uint64_t seed = 1) : core(std::move(settings), seed) {}

  /// What the pool does about the event, now, and about the permits that it is then given.
  std::string step(const pool_event& event) {
    std::string text;
    std::deque<pool_event> due{event};
    while (!due.empty()) {
      pool_effects effects;
      core.step(now, due.front(), effects);
      due.pop_front();
      core.verify();
      std::vector<pool_event> given;
      for (const auto& effect : effects) {
        if (const auto* r = std::get_if<refuse>(&effect))
          refusal = r->reason.text;
        if (const auto* p = std::get_if<request_permit>(&effect); p != nullptr && permitted)
          given.emplace_back(permit_given{p->permit});
        if (is_unsaid(effect))
          continue;
        if (const auto* a = std::get_if<announce>(&effect))
          announced.push_back(to_string(*a));
        else
          text += (text.empty() ? "" : ", ") + to_string(effect);
      }
      due.insert(due.begin(), given.begin(), given.end());
    }
    return text;
  }

  /// All that the pool does by itself in that time, each at its due time.
  std::string wait(std::chrono::nanoseconds time) {
    auto until = now + time;
    std::string text;
    auto add = [&](const std::string& part) { text += (text.empty() || part.empty() ? "" : ", ") + part; };
    while (core.next_due() <= until) {
      now = std::max(now, core.next_due());
      add(step(time_passed{}));
      REQUIRE(core.next_due() > now - 1ns);
    }
    now = until;
    add(step(time_passed{}));
    return text;
  }

  /// The next thing that the pool does by itself; "" if nothing will ever happen. `took`: how long that was.
  std::string next() {
    auto began = now;
    while (core.next_due() != time_point::max()) {
      now = std::max(now, core.next_due());
      took = now - began;
      if (auto text = step(time_passed{}); !text.empty())
        return text;
    }
    return {};
  }

  std::string acquire(request_id request, holder_id holder, std::chrono::nanoseconds patience = 30s,
                      std::string label = {}) {
    return step(acquire_requested{request, holder, now + patience, std::move(label)});
  }

  std::string release(lease_id lease, holder_id holder, request_id request = {}) {
    return step(lease_released{request, lease, holder});
  }

  /// An idle connection, opened for an asker who has given its lease back: takes the next request, lease,
  /// connection.
  void open_idle(std::uint64_t n) {
    acquire(request_id{1000 + n}, h3);
    step(connection_opened{connection_id{n}});
  }

  pool_status status() const { return core.status(now); }
  std::chrono::nanoseconds due_in() const { return core.next_due() - now; }

  pool_core core;
  /// Every log-in has leave at once, and nothing is said of it.
  bool permitted = true;
  /// Looks at credentials are told of.
  bool looks = false;
  /// Whoever is to be carried is told why it waits.
  bool hindrances = false;
  time_point now{1h};
  std::string refusal; ///< the text of the last one
  std::chrono::nanoseconds took{0};
  std::vector<std::string> announced;

private:
  bool is_unsaid(const pool_effect& effect) const {
    auto of_permits =
        std::holds_alternative<request_permit>(effect) || std::holds_alternative<return_permit>(effect);
    return (permitted && of_permits) || (!hindrances && std::holds_alternative<tell_of_hindrance>(effect)) ||
           (!looks && std::holds_alternative<look_at_credentials>(effect));
  }
};

} // namespace moorage::test
