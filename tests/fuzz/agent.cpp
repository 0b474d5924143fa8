// What an agent answers: in pieces of any size, to the question for its keys; and every key and certificate in it.
#include <algorithm>
#include <cstdint>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "runtime/ssh/agent.hpp"
#include "runtime/ssh/agent_signer.hpp"
#include "runtime/ssh/credentials.hpp"
#include "tests/fuzz/require.hpp"

using namespace moorage;

namespace {

void look_at(const agent_key& key) {
  auto certificate = parse_certificate(key.blob);
  if (certificate)
    fuzz::require(!certificate->key_blob.empty() && certificate->key_blob.size() < key.blob.size(),
                  "a certificate is more than the key that it certifies");
  if (auto known = import_blob(key.blob))
    fuzz::require(describe(known.get()).find('\n') == std::string::npos, "a key is described within a line");
}

} // namespace

/// The first byte: how large the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t piece = data[0] == 0 ? std::max<std::size_t>(bytes.size(), 1) : data[0];
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return 0;
  agent_client client{owned_fd{ends[0]}};
  owned_fd agent{ends[1]};
  time_point now{};
  client.request_keys(now + std::chrono::seconds{1});
  auto state = client.pump(now);
  while (state == agent_client::state::waiting && !bytes.empty()) {
    auto sent = ::send(agent.get(), bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL | MSG_DONTWAIT);
    fuzz::require(sent > 0, "what an agent sends is read");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
    state = client.pump(now);
  }
  if (state == agent_client::state::waiting) { // half an answer
    fuzz::require(client.pump(now + std::chrono::seconds{1}) == agent_client::state::failed,
                  "a deadline holds");
    return 0;
  }
  if (state != agent_client::state::answered) {
    fuzz::require(!client.problem().empty(), "a failure has words");
    return 0;
  }
  agent_signer::refuses(client.answer());
  std::vector<agent_key> keys;
  if (client.keys(keys))
    std::for_each(keys.begin(), keys.end(), look_at);
  else
    fuzz::require(keys.empty(), "a list that is none has no keys");
  return 0;
}
