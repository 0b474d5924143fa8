#include "runtime/ssh/login/agent_signer.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "runtime/ssh/wire.hpp"

namespace moorage {

namespace {

/// How an agent is to sign with a key of RSA (draft-miller-ssh-agent, 4.5.1), by the name that stands in what
/// it signs (RFC 4252, section 7). libssh 0.10 goes by what the server takes instead, also where that is not
/// what it has told the server.
std::optional<std::uint32_t> flags_for(std::string_view to_be_signed) {
  wire_reader reader{to_be_signed};
  constexpr std::uint32_t sha2_256 = 2, sha2_512 = 4;
  if (!reader.string() || !reader.byte() || !reader.string() || !reader.string() || !reader.string() ||
      !reader.byte()) // session, message, user, service, method, true
    return std::nullopt;
  auto algorithm = reader.string();
  if (!algorithm)
    return std::nullopt;
  return algorithm->starts_with("rsa-sha2-512")   ? sha2_512
         : algorithm->starts_with("rsa-sha2-256") ? sha2_256
                                                  : std::uint32_t{0};
}

/// The same bytes to be signed by the key that the agent knows as `held`.
std::string request_of(const std::string& held, std::string_view request) {
  wire_reader reader{request};
  std::string result(1, agent_message::sign_request);
  if (!reader.byte() || !reader.string())
    return std::string{request};
  append_string(result, held);
  auto rest = reader.rest();
  auto to_be_signed = reader.string();
  auto flags = to_be_signed ? flags_for(*to_be_signed) : std::nullopt;
  if (!flags)
    return result.append(rest);
  append_string(result, *to_be_signed);
  append_number(result, *flags);
  return result;
}

} // namespace

agent_signer::agent_signer(ssh_session session, std::string user)
    : session_(session), user_(std::move(user)) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return;
  ours_ = unique_fd{ends[0]};
  theirs_ = unique_fd{ends[1]};
  if (ssh_set_agent_socket(session_, theirs_.get()) != SSH_OK) {
    ours_.reset();
    theirs_.reset();
  }
}

agent_signer::~agent_signer() {
  // Else libssh would close the number when the session goes, whoever has it by then.
  if (theirs_)
    ssh_set_agent_socket(session_, SSH_INVALID_SOCKET);
}

void agent_signer::begin(agent_key key, std::string held) {
  key_ = std::move(key);
  held_ = std::move(held);
  request_.clear();
  response_.clear();
  answers_put_ = false;
  result_ = SSH_AUTH_ERROR;
}

bool agent_signer::refuses(const std::string& response) {
  return wire_reader{response}.byte() != agent_message::sign_response;
}

bool agent_signer::put_answers(const std::string& signature) {
  std::string list(1, agent_message::identities_answer);
  append_number(list, 1);
  append_string(list, key_.blob);
  append_string(list, "agent");
  std::string bytes;
  append_string(bytes, list);
  append_string(bytes, signature);
  return ::send(ours_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(bytes.size());
}

/// What libssh wrote: a request for the list, then, once the server would take the key, one for the
/// signature.
bool agent_signer::find_request() {
  std::string written;
  char buffer[4096];
  for (ssize_t got; (got = ::recv(ours_.get(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
    written.append(buffer, static_cast<std::size_t>(got));
  wire_reader reader{written};
  while (auto request = reader.string())
    if (wire_reader{*request}.byte() == agent_message::sign_request) {
      request_ = request_of(held_, *request);
      return true;
    }
  return false;
}

/// Answers that libssh did not ask for must not be taken for those to the next key's questions.
void agent_signer::drain() {
  char buffer[4096];
  for (int end : {ours_.get(), theirs_.get()})
    while (::recv(end, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
}

agent_signer::state agent_signer::step() {
  const bool second_pass = !response_.empty();
  if (!answers_put_) {
    drain();
    answers_put_ = put_answers(second_pass ? response_ : std::string(1, agent_message::failure));
    if (!answers_put_) {
      result_ = SSH_AUTH_ERROR;
      return state::decided;
    }
  }
  int result = ssh_userauth_agent(session_, user_.c_str());
  if (result == SSH_AUTH_AGAIN)
    return state::waiting;
  answers_put_ = false;
  const bool asked = find_request();
  drain();
  // With the link broken libssh says the same "error" as for our failure: only a request tells them apart.
  if (!second_pass && result == SSH_AUTH_ERROR && asked && ssh_is_connected(session_))
    return state::signature_wanted;
  result_ = result;
  return state::decided;
}

} // namespace moorage
