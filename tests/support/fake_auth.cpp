// The subtle half of the message API is marked deprecated in favour of callbacks that must answer at once; a
// server that answers late, or never, needs it.
#define SSH_SUPPRESS_DEPRECATED
#include "tests/support/fake_connection.hpp"

#include <algorithm>

namespace moorage::support {
namespace {

const char* method_name(int subtype) {
  switch (subtype) {
  case SSH_AUTH_METHOD_PUBLICKEY:
    return "publickey";
  case SSH_AUTH_METHOD_PASSWORD:
    return "password";
  case SSH_AUTH_METHOD_INTERACTIVE:
    return "keyboard-interactive";
  default:
    return "none";
  }
}

int method_bit(const std::string& name) {
  return static_cast<int>(name == "publickey"  ? SSH_AUTH_METHOD_PUBLICKEY
                          : name == "password" ? SSH_AUTH_METHOD_PASSWORD
                                               : SSH_AUTH_METHOD_INTERACTIVE);
}

std::string text_of(ssh_key key) {
  char* base64 = nullptr;
  if (!key || ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
    return "";
  std::string text = std::string(ssh_key_type_to_char(ssh_key_type(key))) + " " + base64;
  ssh_string_free_char(base64);
  return text;
}

} // namespace

bool fake_connection::method_open(const std::string& method) const {
  const auto& f = faults();
  if (!f.auth_chain.empty())
    return chain_step_ < f.auth_chain.size() && f.auth_chain[chain_step_] == method;
  return (method == "publickey" && f.publickey) || (method == "password" && f.password) ||
         (method == "keyboard-interactive" && f.keyboard_interactive);
}

int fake_connection::methods_open() const {
  int bits = 0;
  for (const char* method : {"publickey", "password", "keyboard-interactive"})
    if (method_open(method))
      bits |= method_bit(method);
  return bits;
}

void fake_connection::say_to_people(const std::string& banner) {
  if (banner.empty())
    return;
  ssh_string words = ssh_string_new(banner.size());
  ssh_string_fill(words, banner.data(), banner.size());
  ssh_send_issue_banner(session_, words);
  ssh_string_free(words);
}

void fake_connection::on_auth(ssh_message message) {
  const bool is_none = ssh_message_subtype(message) == SSH_AUTH_METHOD_NONE;
  if (!is_none && faults().break_at == phase::authentication) {
    say_to_people(faults().parting_banner);
    while (ssh_message unanswered = ssh_message_get(session_)) // libssh writes when it looks
      ssh_message_free(unanswered);
  }
  if (!is_none && strike(phase::authentication))
    return ssh_message_free(message);
  if (is_none) { // a client may always ask what there is
    for (const auto& banner : faults().banners)
      say_to_people(banner);
    ssh_message_auth_set_methods(message, methods_open());
    ssh_message_reply_default(message);
    return ssh_message_free(message);
  }
  if (faults().auth == reply::never)
    return ssh_message_free(message);
  later(faults().auth_delay, message, &fake_connection::judge_auth);
}

void fake_connection::judge_auth(ssh_message message) {
  const std::string method = method_name(ssh_message_subtype(message));
  const auto& f = faults();
  user_ = ssh_message_auth_user(message) ? ssh_message_auth_user(message) : user_;
  ssh_message_auth_set_methods(message, methods_open());
  if (method == "publickey" && ssh_message_auth_publickey_state(message) == SSH_PUBLICKEY_STATE_NONE)
    return judge_key(message);
  const bool is_question = method == "keyboard-interactive" && !ssh_message_auth_kbdint_is_response(message);
  if (!is_question)
    server_.count([](fake_counters& c) { ++c.auth_tries; });
  if (f.auth == reply::refuse || !method_open(method) ||
      (!f.user_expected.empty() && user_ != f.user_expected))
    return deny_auth(message);
  if (method == "publickey")
    return judge_key(message);
  if (method == "keyboard-interactive")
    return judge_answers(message);
  const char* given = ssh_message_auth_password(message);
  given&& f.password_expected == given ? grant_auth(message) : deny_auth(message);
}

void fake_connection::judge_key(ssh_message message) {
  const auto& f = faults();
  const auto key = text_of(ssh_message_auth_pubkey(message));
  const bool known = f.keys_accepted.empty() ||
                     std::find(f.keys_accepted.begin(), f.keys_accepted.end(), key) != f.keys_accepted.end();
  const bool willing = known && method_open("publickey") && f.auth != reply::refuse;
  switch (ssh_message_auth_publickey_state(message)) {
  case SSH_PUBLICKEY_STATE_NONE:
    server_.count([](fake_counters& c) { ++c.auth_offers; });
    if (!willing)
      return deny_auth(message);
    ssh_message_auth_reply_pk_ok_simple(message);
    return;
  case SSH_PUBLICKEY_STATE_VALID:
    return willing ? grant_auth(message) : deny_auth(message);
  default:
    return deny_auth(message);
  }
}

void fake_connection::judge_answers(ssh_message message) {
  const auto& f = faults();
  if (!ssh_message_auth_kbdint_is_response(message)) {
    std::vector<const char*> prompts;
    for (const auto& prompt : f.prompts)
      prompts.push_back(prompt.c_str());
    std::vector<char> echo(prompts.size() + 1, 0);
    ssh_message_auth_interactive_request(message, "moorage fake sshd", "",
                                         static_cast<unsigned>(prompts.size()), prompts.data(), echo.data());
    return;
  }
  bool right = ssh_userauth_kbdint_getnanswers(session_) == static_cast<int>(f.answers_expected.size());
  for (unsigned i = 0; right && i < f.answers_expected.size(); ++i)
    right = f.answers_expected[i] == ssh_userauth_kbdint_getanswer(session_, i);
  right ? grant_auth(message) : deny_auth(message);
}

void fake_connection::grant_auth(ssh_message message) {
  const auto& chain = faults().auth_chain;
  const bool partial = !chain.empty() && ++chain_step_ < chain.size();
  ssh_message_auth_set_methods(message, methods_open());
  if (!partial) { // in the books before the client can know
    logged_in();
    server_.note_user(user_);
    server_.count([](fake_counters& c) { ++c.logins; });
  }
  ssh_message_auth_reply_success(message, partial);
}

void fake_connection::deny_auth(ssh_message message) {
  server_.count([](fake_counters& c) { ++c.auth_denials; });
  if (++auth_failures_ < faults().auth_tries_max) {
    ssh_message_reply_default(message);
    return;
  }
  // As sshd does: the last failure is answered by the cut-off alone.
  break_off(breakage::disconnect, "Too many authentication failures");
}

} // namespace moorage::support
