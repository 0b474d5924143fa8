// What an agent answers, in pieces of any size: to the question for its keys, with every key and certificate
// in it, and then to the one for a signature.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "runtime/ssh/login/agent.hpp"
#include "runtime/ssh/login/agent_signer.hpp"
#include "runtime/ssh/login/agent_talk.hpp"
#include "runtime/ssh/login/credentials.hpp"
#include "runtime/ssh/wire.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/support/hostile.hpp"

using namespace moorage;

namespace {

void look_at(const agent_key& key) {
  auto certificate = parse_certificate(key.blob);
  if (certificate)
    fuzz::require(!certificate->key_blob.empty() && certificate->key_blob.size() < key.blob.size(),
                  "a certificate is more than the key that it certifies");
  if (auto known = import_blob(key.blob))
    fuzz::require(support::misleading_in_line(describe(known.get())).empty(),
                  "a key is described within a line");
}

constexpr time_point begin{};
constexpr std::chrono::seconds patience{1};
/// As the client's: no answer is longer.
constexpr std::uint32_t answer_max = 256u << 10;

struct socket_pair {
  unique_fd ours, agents;
};

bool make_pair(socket_pair& pair) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return false;
  pair = {unique_fd{ends[0]}, unique_fd{ends[1]}};
  return true;
}

/// The next piece goes over; false: nothing is left.
bool say(const unique_fd& agent, std::string_view& bytes, std::size_t piece) {
  if (bytes.empty())
    return false;
  auto sent = ::send(agent.get(), bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
  fuzz::require(sent > 0, "what an agent sends is read");
  bytes.remove_prefix(static_cast<std::size_t>(sent));
  return true;
}

/// One question and its answer, against what the bytes say to somebody who has them all.
void check_client(std::string_view bytes, std::size_t piece) {
  socket_pair pair;
  if (!make_pair(pair))
    return;
  agent_client client{std::move(pair.ours)};
  const auto all = bytes;
  const auto length = wire_reader{all}.number();
  client.request_keys(begin + patience);
  auto state = client.pump(begin);
  while (state == agent_client::state::waiting && say(pair.agents, bytes, piece))
    state = client.pump(begin);
  const auto said = all.size() - bytes.size();
  const bool whole = length && *length <= answer_max && said >= *length + 4u;
  switch (state) {
  case agent_client::state::waiting:
    fuzz::require(bytes.empty() && !whole, "a whole answer is one");
    if (all.size() % 2 == 0)
      pair.agents.reset();
    fuzz::require(client.pump(begin + patience) == agent_client::state::failed,
                  "a deadline holds, and an agent that hangs up has failed");
    break;
  case agent_client::state::answered:
    fuzz::require(whole && said == *length + 4u && client.answer() == all.substr(4, *length),
                  "an answer is what the agent sent, to the byte");
    break;
  default:
    fuzz::require(length && (*length > answer_max || said > *length + 4u), "only nonsense is a failure");
  }
  const bool failed = state != agent_client::state::answered;
  fuzz::require(failed == !client.problem().empty(), "a failure has words");
  std::vector<agent_key> keys{{"left", "over"}};
  if (client.keys(keys))
    std::for_each(keys.begin(), keys.end(), look_at);
  else
    fuzz::require(keys.empty(), "a list that is none has no keys");
}

/// A whole talk: the socket comes, the list comes, a signature is asked for and comes.
void check_talk(std::string_view bytes, std::size_t piece) {
  socket_pair pair;
  if (!make_pair(pair))
    return;
  auto slot = std::make_shared<handed_back<agent_connection>>();
  agent_talk talk{true, blocking_answer<agent_connection>{slot}, std::chrono::milliseconds{patience}};
  fuzz::require(talk.pump(begin) == agent_talk::state::waiting && talk.deadline() == begin + patience,
                "a talk waits for its socket, up to a deadline");
  slot->give({std::move(pair.ours), {}}, {});
  auto state = talk.pump(begin);
  bool asked = false;
  for (int steps = 0; steps < 10'000; ++steps) {
    if (state == agent_talk::state::ready && asked)
      break;
    if (state == agent_talk::state::ready) {
      talk.ask_signature(std::string(8, '\x0d'), begin);
      asked = true;
    } else if (state == agent_talk::state::none || !say(pair.agents, bytes, piece)) {
      break;
    }
    state = talk.pump(begin);
    fuzz::require(!talk.waiting() || talk.fd() >= 0, "who waits has something to watch");
  }
  if (state == agent_talk::state::waiting)
    state = talk.pump(begin + patience);
  fuzz::require(state != agent_talk::state::waiting, "a deadline holds");
  if (state == agent_talk::state::ready) {
    agent_signer::refuses(talk.signature_answer());
    return;
  }
  fuzz::require(talk.keys().empty() && talk.fd() < 0, "an agent that is given up is left alone");
  fuzz::require(!talk.problem().empty() && support::misleading_in_line(talk.problem()).empty(),
                "what is wrong with an agent is a line");
}

} // namespace

/// The first byte: how large the pieces are; 0: all at once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t piece = data[0] == 0 ? std::max<std::size_t>(bytes.size(), 1) : data[0];
  check_client(bytes, piece);
  check_talk(bytes, piece);
  return 0;
}
