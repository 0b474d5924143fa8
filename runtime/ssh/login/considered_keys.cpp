#include "runtime/ssh/login/considered_keys.hpp"

#include <utility>

#include "messages/printable.hpp"

namespace moorage {

namespace {

/// Of a problem that names its file, which the account names beside it.
std::string without_name(const std::string& problem, const std::string& path) {
  for (const auto& begin : {"key file " + path + " ", "key file " + path + ": ", path + " "})
    if (problem.starts_with(begin))
      return problem.substr(begin.size());
  return problem;
}

} // namespace

std::string advice_for(const key_file& file) {
  switch (file.trouble) {
  case key_trouble::none:
    return {};
  case key_trouble::unreadable:
    return "see that the file is there and may be read, or take it out of key_files";
  case key_trouble::readable_by_others:
    return "chmod 600 " + file.path;
  case key_trouble::locked:
    return "ssh-add " + file.path + ", so that the agent has it" +
           (file.secrets_kept ? ", or name its passphrase in the secret store by passphrase_secret" : "");
  case key_trouble::wrong_passphrase:
    return "mend the passphrase that passphrase_secret names, or ssh-add " + file.path;
  case key_trouble::unknown_kind:
    return "use a private key that ssh-keygen makes (ed25519, ecdsa or rsa); a FIDO key works by the agent";
  case key_trouble::only_public:
    return "ssh-add the private key that belongs to it, which the agent must have";
  case key_trouble::not_accepted:
    return "use a key of another kind, or let pubkey_accepted_algorithms have this one";
  }
  return {};
}

std::string advice_for_certificate(const key_file& file) {
  switch (file.certificate_state) {
  case certificate_trouble::none:
    return {};
  case certificate_trouble::unreadable:
    return "see that the file may be read";
  case certificate_trouble::unknown_kind:
    return "use a user's certificate, as `ssh-keygen -s` makes without -h";
  case certificate_trouble::not_yet_valid:
    return "wait until it is valid, or set this machine's clock right";
  case certificate_trouble::ended:
    return "get a new one; renew_command has that done by itself";
  case certificate_trouble::another_key:
    return "get one for this key, or name the key that it certifies in key_files";
  case certificate_trouble::not_accepted:
    return "let pubkey_accepted_algorithms have its kind";
  }
  return {};
}

namespace {

std::string described(const std::string& blob) {
  auto key = import_blob(blob);
  return key ? describe(key.get()) : std::string{};
}

void add_certificate(considered_keys& to, const key_file& file, const std::set<std::string>& tried,
                     const reason_left& left) {
  const auto& path = file.certificate_path.empty() ? file.path : file.certificate_path;
  auto key = file.certificate          ? describe(file.certificate.get())
             : !file.offered().empty() ? described(file.offered())
                                       : std::string{};
  if (!file.certificate_problem.empty())
    return to.not_offered(from_certificate(path), key, without_name(file.certificate_problem, path),
                          advice_for_certificate(file));
  if (file.certificate && tried.count(public_blob(file.certificate.get())) == 0)
    to.not_offered(from_certificate(path), key, left.why, left.advice);
  else if (!file.certificate && !file.offered().empty() && tried.count(file.offered()) == 0 &&
           !file.certifies_none_of.empty())
    to.not_offered(from_certificate(path), key,
                   "it certifies another key than " + file.certifies_none_of +
                       ", and the agent has none for it",
                   "get one for that key, or list the private key that it certifies, or ssh-add that");
  else if (!file.certificate && !file.offered().empty() && tried.count(file.offered()) == 0)
    to.not_offered(from_certificate(path), key,
                   "no private key that fits it is at hand, and the agent has none either",
                   "ssh-add the private key that it certifies, or list that in key_files as well");
}

void add_key(considered_keys& to, const key_file& file, const std::set<std::string>& tried,
             const reason_left& left) {
  if (!file.blob.empty() && tried.count(file.blob) > 0)
    return; // by itself, or by the agent
  auto key = file.blob.empty() ? std::string{} : described(file.blob);
  if (file.private_key)
    to.not_offered(from_file(file.path), key, left.why, left.advice);
  else if (!file.problem.empty())
    to.not_offered(from_file(file.path), key, without_name(file.problem, file.path), advice_for(file));
}

} // namespace

void considered_keys::add(key_considered one) {
  if (all_.size() >= told_max) {
    ++untold_;
    return;
  }
  one.from = printable(one.from, printable_whole);
  one.key = printable(one.key, printable_whole);
  all_.push_back(std::move(one));
}

void considered_keys::shown(std::string from, std::string key) {
  became(key_fate::cut_short);
  showing_ = all_.size() < told_max;
  add({std::move(from), std::move(key), key_fate::cut_short, {}, {}});
}

void considered_keys::became(key_fate fate, std::string why, std::string advice) {
  if (!std::exchange(showing_, false))
    return;
  auto& one = all_.back();
  one.fate = fate;
  one.why = printable(why, printable_whole);
  one.advice = printable(advice, printable_whole);
}

void considered_keys::not_offered(std::string from, std::string key, std::string why, std::string advice) {
  became(key_fate::cut_short);
  add({std::move(from), std::move(key), key_fate::not_offered, printable(why, printable_whole),
       printable(advice, printable_whole)});
}

std::vector<key_considered> considered_keys::told() const {
  auto result = all_;
  if (untold_ > 0)
    result.push_back({{},
                      {},
                      key_fate::not_offered,
                      std::to_string(untold_) + " more are not told one by one",
                      "name the right one in key_files, or by IdentityFile in ~/.ssh/config"});
  return result;
}

std::string from_file(const std::string& path) {
  return "file " + path;
}

std::string from_certificate(const std::string& path) {
  return "certificate " + path;
}

std::string from_agent(const std::string& socket) {
  return socket.empty() ? "agent" : "agent " + socket;
}

void add_files(considered_keys& to, const credentials& with, const std::set<std::string>& tried,
               const reason_left& left) {
  for (const auto& file : with.files) {
    add_certificate(to, file, tried, left);
    if (file.certificate_blob.empty()) // else it is nothing but a certificate
      add_key(to, file, tried, left);
  }
}

void add_absent_agent(considered_keys& to, const credentials& with) {
  if (!with.agent && !with.agent_left_out.empty())
    to.not_offered(
        from_agent(with.agent_socket), {}, with.agent_left_out,
        with.agent_socket.empty()
            ? "if your key is in an agent, start moorage where SSH_AUTH_SOCK is set, or set agent_socket"
            : "");
}

std::vector<key_considered> considered_alone(const credentials& with) {
  considered_keys all;
  add_files(all, with, {}, {"no server was asked"});
  if (with.agent)
    all.not_offered(from_agent(with.agent_socket), {}, "no server was asked");
  add_absent_agent(all, with);
  return all.told();
}

std::string advice_when_denied(const std::string& blob, const std::string& user) {
  if (parse_certificate(blob))
    return "ask the site whether it trusts the authority that signed it, and for which users";
  return "see that its public part is known there as a key of '" + printable(user, 60) +
         "' (~/.ssh/authorized_keys, or the site's portal), or name another key in key_files";
}

} // namespace moorage
