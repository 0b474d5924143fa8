#include "runtime/ssh/login/agent.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "runtime/ssh/login/certificate.hpp"
#include "runtime/ssh/wire.hpp"
#include "runtime/system/passing.hpp"

namespace moorage {

namespace {

/// As OpenSSH's own client: no list or signature is longer.
constexpr std::size_t answer_max = 256u << 10;
/// More keys than any server lets us try.
constexpr std::uint32_t keys_max = 1'024;

std::string error_text(int error) {
  return std::strerror(error);
}

/// Ours, whatever there is of the agent.
bool is_shortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

} // namespace

agent_connection connect_agent(const std::string& path, std::chrono::milliseconds patience) {
  agent_connection result;
  auto failed = [&](const std::string& why, int error = 0) {
    result.socket.reset();
    result.passing = is_shortage(error);
    result.problem = why + (error == 0 ? "" : ": " + error_text(error)) +
                     (result.passing ? ". " + advice_on_passing(error) : "");
    return std::move(result);
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return failed("has too long a path for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  result.socket = unique_fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!result.socket)
    return failed("cannot be asked", errno);
  // A full backlog makes connect wait for as long as the agent hangs; the send time-out bounds that wait.
  timeval limit{patience.count() / 1000, static_cast<suseconds_t>(patience.count() % 1000 * 1000)};
  ::setsockopt(result.socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  int connected;
  do {
    connected = ::connect(result.socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  } while (connected != 0 && errno == EINTR);
  result.absent = connected != 0 && (errno == ENOENT || errno == ECONNREFUSED);
  if (connected != 0)
    return errno == EAGAIN ? failed("did not take a connection in time") : failed("cannot be reached", errno);
  int flags = ::fcntl(result.socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(result.socket.get(), F_SETFL, flags | O_NONBLOCK) != 0)
    return failed("cannot be asked", errno);
  return result;
}

agent_listing list_agent(const std::string& path, std::chrono::milliseconds patience) {
  const auto whole = [&path](const std::string& problem) { return "the agent at " + path + " " + problem; };
  auto connection = connect_agent(path, patience);
  if (!connection.socket)
    return {{}, whole(connection.problem), connection.absent};
  agent_client client{std::move(connection.socket)};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  client.request_keys(deadline);
  for (;;) {
    const auto now = std::chrono::steady_clock::now();
    switch (client.pump(now)) {
    case agent_client::state::waiting:
      break;
    case agent_client::state::answered: {
      agent_listing result;
      if (!client.keys(result.keys))
        result.problem = whole(agent_listed_nothing);
      return result;
    }
    default:
      return {{}, whole(client.problem())};
    }
    pollfd one{client.fd(), static_cast<short>(client.wants_write() ? POLLOUT : POLLIN), 0};
    ::poll(&one, 1, static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count()));
  }
}

std::string agent_state(const std::vector<agent_key>& keys) {
  std::vector<std::string> each;
  for (const auto& key : keys) {
    auto text = key.blob;
    if (auto parts = parse_certificate(key.blob)) {
      text = parts->key_blob + (validity_of(key.blob) == validity::now ? " valid for" : " not valid for");
      for (const auto& name : parts->principals)
        text += " " + name;
    }
    each.push_back(std::to_string(text.size()) + ":" + text);
  }
  std::sort(each.begin(), each.end());
  std::string all;
  for (const auto& text : each)
    all += text;
  return "\n" + std::to_string(keys.size()) + "/" + std::to_string(std::hash<std::string>{}(all));
}

agent_client::state agent_client::fail(std::string why) {
  problem_ = std::move(why);
  return state_ = state::failed;
}

void agent_client::begin(std::string body, time_point deadline) {
  if (state_ == state::failed)
    return;
  outgoing_.clear();
  append_string(outgoing_, body);
  sent_ = 0;
  incoming_.clear();
  answer_.clear();
  deadline_ = deadline;
  state_ = state::waiting;
}

void agent_client::request_keys(time_point deadline) {
  begin(std::string(1, agent_message::request_identities), deadline);
}

void agent_client::request_raw(std::string request, time_point deadline) {
  begin(std::move(request), deadline);
}

agent_client::state agent_client::pump(time_point now) {
  if (state_ != state::waiting)
    return state_;
  while (sent_ < outgoing_.size()) {
    auto sent = ::send(socket_.get(), outgoing_.data() + sent_, outgoing_.size() - sent_,
                       MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
      sent_ += static_cast<std::size_t>(sent);
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
      break;
    else if (errno != EINTR)
      return fail("broke the connection: " + error_text(errno));
  }
  char buffer[4096];
  for (;;) {
    auto got = ::recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got == 0)
      return fail("closed the connection");
    if (got < 0) {
      if (errno == EINTR)
        continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK)
        break;
      return fail("broke the connection: " + error_text(errno));
    }
    incoming_.append(buffer, static_cast<std::size_t>(got));
    auto length = wire_reader{incoming_}.number();
    if (length && (*length > answer_max || incoming_.size() > *length + 4u))
      return fail("sent what is no answer");
    if (length && incoming_.size() == *length + 4u) {
      answer_ = incoming_.substr(4);
      incoming_.clear();
      return state_ = state::answered;
    }
  }
  if (now >= deadline_)
    return fail("did not answer in time");
  return state_;
}

bool agent_client::keys(std::vector<agent_key>& result) const {
  result.clear();
  wire_reader reader{answer_};
  if (reader.byte() != agent_message::identities_answer)
    return false;
  auto count = reader.number();
  if (!count || *count > keys_max)
    return false;
  std::vector<agent_key> listed; // of a damaged list nothing is taken
  for (std::uint32_t i = 0; i < *count; ++i) {
    auto blob = reader.string();
    auto comment = reader.string();
    if (!blob || !comment)
      return false;
    listed.push_back({std::string{*blob}, std::string{*comment}});
  }
  result = std::move(listed);
  return true;
}

} // namespace moorage
