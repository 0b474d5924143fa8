// What a peer sends over a link: before its greeting (GREETED=0) or after it. What the filter lets pass goes
// to CAF's own deserialiser, with all our types.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/all.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/message.hpp>

#include "messages/exit_words.hpp"
#include "messages/interfaces.hpp"
#include "messages/status.hpp"
#include "messages/type_ids.hpp"
#include "runtime/node/link_filter.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/node/filtered.hpp"
#include "tests/support/hostile.hpp"

namespace {

using moorage::link_filter;
using namespace node_tests;

std::uint64_t number_at(std::string_view bytes, std::size_t place, std::size_t size) {
  std::uint64_t result = 0;
  for (auto each : bytes.substr(place, size))
    result = result << 8 | static_cast<std::uint8_t>(each);
  return result;
}

caf::actor_system& system() {
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.max-threads", 1);
      moorage::add_message_types(*this);
    }
  };
  static auto& ours = *new config;
  static auto& result = *new caf::actor_system{ours}; // never ends: its threads may outlive main
  return result;
}

/// What is made of a message that came, however far its values are from what they may be.
void tell(const caf::message& came) {
  using namespace moorage;
  auto as = [&came](auto type) -> const decltype(type)* {
    return came.match_elements<decltype(type)>() ? &came.get_as<decltype(type)>(0) : nullptr;
  };
  if (auto* order = as(register_cluster{}))
    fuzz::require(support::misleading_in_line(check_settings(order->settings).text).empty(),
                  "a refusal of settings is a line");
  if (auto* wrong = as(failure{}))
    fuzz::require(!to_string(wrong->code).empty(), "every failure has a word");
  if (auto* wrong = as(caf::error{})) {
    fuzz::require(to_failure(*wrong).code < errc::count_, "every error is a failure that we know");
    in_words(*wrong);
  }
  if (auto* result = as(exec_result{}))
    fuzz::require(!to_string(result->ended).empty(), "every outcome has words");
  if (auto* list = as(connection_list{}))
    for (const auto& each : list->connections)
      fuzz::require(!to_string(each.state).empty(), "every state has a word");
}

void deserialise(std::string_view message) {
  caf::binary_deserializer source{system(), message.data(), message.size()};
  caf::message result;
  if (!source(result))
    tell(result);
}

/// The frames that passed, one by one, as CAF would read them.
void check_frames(link_filter::peer from, std::string_view passed) {
  for (bool first = true; passed.size() >= 32; first = false) {
    auto kind = number_at(passed, 0, 1);
    auto announced = number_at(passed, 4, 4);
    fuzz::require(kind <= 6 && kind != 3, "only known kinds pass, and nothing for third processes");
    fuzz::require((announced == 0) == (kind == 6), "only heartbeats have no payload");
    fuzz::require(announced <= (kind < 2 ? link_filter::handshake_max : message_max), "sizes are bounded");
    fuzz::require(!first || kind == (from == link_filter::peer::client ? 1 : 0), "a greeting comes first");
    passed.remove_prefix(32);
    auto payload = passed.substr(0, std::min<std::size_t>(announced, passed.size()));
    if (kind == 2 && payload.size() == announced)
      deserialise(payload.substr(1)); // behind the number of further receivers
    passed.remove_prefix(payload.size());
  }
}

/// `part` with something left out here and there is `whole`.
bool is_part(std::string_view whole, std::string_view part) {
  for (auto each : whole)
    if (!part.empty() && each == part.front())
      part.remove_prefix(1);
  return part.empty();
}

} // namespace

/// The first byte: who is at the other end, and whether much follows that nobody has to make up. The second:
/// how large the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  auto from = (data[0] & 1) == 0 ? link_filter::peer::client : link_filter::peer::server;
  auto piece = static_cast<std::size_t>(data[1]) + 1;
  std::string bytes{reinterpret_cast<const char*>(data) + 2, size - 2};
  if ((data[0] & 2) != 0) // more than the filter holds back
    bytes.append(link_filter::inspected_max + 1'000, 'x');
  if (GREETED)
    bytes = (from == link_filter::peer::client ? client_greeting(peer) : server_greeting(peer)) + bytes;
  auto whole = filtered(from, bytes, bytes.size() + 1);
  auto pieces = filtered(from, bytes, piece);
  fuzz::require(whole.passed == pieces.passed && whole.refusal == pieces.refusal,
                "the pieces make no difference");
  fuzz::require(is_part(bytes, whole.passed), "what passes is what came");
  check_frames(from, whole.passed);
  return 0;
}
