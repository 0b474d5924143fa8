#include "runtime/ssh/opening/preparation.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <openssl/crypto.h>

#include "messages/algorithms.hpp"
#include "runtime/ssh/login/accepted.hpp"
#include "runtime/ssh/login/attempts.hpp"
#include "runtime/ssh/opening/files_state.hpp"
#include "runtime/ssh/opening/host_keys.hpp"
#include "runtime/system/account.hpp"
#include "runtime/system/descriptors.hpp"

namespace moorage {

namespace {

constexpr std::uint16_t ssh_port = 22; // RFC 4253, section 4

std::chrono::nanoseconds since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::steady_clock::now() - begin;
}

endpoint endpoint_of(const sockaddr* address, socklen_t length) {
  endpoint result;
  std::memcpy(&result.address, address, length);
  result.length = length;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getnameinfo(address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) ==
      0) {
    result.digits = host;
    result.text =
        (address->sa_family == AF_INET6 ? "[" + std::string{host} + "]" : std::string{host}) + ":" + port;
  }
  return result;
}

resolution not_found(const std::string& host, int code, int error) {
  resolution result;
  std::string why = code == EAI_SYSTEM ? std::strerror(error) : ::gai_strerror(code);
  if (code == EAI_SYSTEM && (error == EMFILE || error == ENFILE))
    result.error = {ssh_stage::look_up, ssh_failure::descriptor_limit,
                    "no descriptor is left to look up " + host};
  else
    result.error = {ssh_stage::look_up, ssh_failure::name_not_found,
                    "the name '" + host + "' could not be looked up: " + why +
                        (code == EAI_AGAIN ? " (the resolver may be down)" : "")};
  return result;
}

resolution look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  auto service = std::to_string(port);
  int code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  if (code == EAI_NONAME || code == EAI_FAMILY || code == EAI_ADDRFAMILY) {
    // On a machine with loopback only, AI_ADDRCONFIG hides even the names of loopback.
    hints.ai_flags &= ~AI_ADDRCONFIG;
    code = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list);
  }
  if (code != 0)
    return not_found(host, code, errno);
  resolution result;
  for (auto* each = list; each != nullptr; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6)
      continue;
    auto found = endpoint_of(each->ai_addr, each->ai_addrlen);
    bool again = false;
    for (const auto& earlier : result.endpoints)
      again = again || earlier.text == found.text;
    if (!again)
      result.endpoints.push_back(std::move(found));
  }
  ::freeaddrinfo(list);
  if (result.endpoints.empty())
    return not_found(host, EAI_NONAME, 0);
  return result;
}

// Those of its addresses that may be tried.
resolution of_family(resolution found, address_family wanted, const std::string& host) {
  if (wanted == address_family::any || found.endpoints.empty())
    return found;
  auto family = wanted == address_family::inet ? AF_INET : AF_INET6;
  auto all = found.endpoints.front().text;
  for (std::size_t i = 1; i < found.endpoints.size(); ++i)
    all += ", " + found.endpoints[i].text;
  std::erase_if(found.endpoints, [family](const endpoint& x) { return x.address.ss_family != family; });
  if (found.endpoints.empty())
    found.error = {ssh_stage::look_up, ssh_failure::name_not_found,
                   "'" + host + "' has no " + (family == AF_INET ? "IPv4" : "IPv6") + " address, but " + all +
                       ": address_family is " + to_string(wanted)};
  return found;
}

std::optional<secret> find_secret(secret_store* secrets, const std::string& name, const char* setting,
                                  credentials& keys) {
  if (name.empty())
    return std::nullopt;
  auto found = secrets != nullptr ? secrets->find(name) : std::nullopt;
  if (!found)
    keys.problems.push_back(name_of_this_process() + " keeps no secret '" + name + "' (" + setting + ")");
  return found;
}

bool may_use(const cluster_settings& settings, const char* method) {
  auto methods = assembled_algorithms(algorithm_kind::log_in, settings.auth_methods);
  return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool uses_password(const cluster_settings& settings) {
  return may_use(settings, "password") || may_use(settings, "keyboard-interactive");
}

/// What the settings say of the log-in: which methods, with which signatures; told where it ends without one.
void take_methods(const cluster_settings& settings, credentials& keys) {
  keys.methods = assembled_algorithms(algorithm_kind::log_in, settings.auth_methods);
  keys.accepted = assembled_algorithms(algorithm_kind::public_key, settings.pubkey_accepted_algorithms);
  std::string left_out;
  for (const auto& each : usual_algorithms(algorithm_kind::log_in))
    if (!may_use(settings, each.c_str()))
      left_out += (left_out.empty() ? "auth_methods leaves out " : ", ") + each;
  if (!left_out.empty())
    keys.problems.push_back(left_out);
}

std::string nothing_else(const cluster_settings& settings, const surroundings& around, bool secrets_kept,
                         bool any_file) {
  std::string agent = "key in an agent";
  if (!settings.agent)
    agent += " (agent = false)";
  else if (around.agent_socket.empty())
    agent += " (SSH_AUTH_SOCK is not set)";
  if (!may_use(settings, "publickey"))
    return "no password (password_secret) is there to be used";
  secrets_kept = secrets_kept && uses_password(settings);
  return (any_file ? "no other key file" : "no key file") +
         (secrets_kept ? ", " + agent + ", or password (password_secret)" : " or " + agent) +
         " is there to be used";
}

/// A hung agent costs a thread for a while: it is only troubled when the files leave something to be wished
/// for.
bool agent_needed(const credentials& keys) {
  if (!keys.any_listed())
    return true;
  for (const auto& file : keys.files)
    if (!file.private_key && !file.blob.empty())
      return true;
  return false;
}

/// Which agent is asked, or why none is.
void say_of_agent(const cluster_settings& settings, const surroundings& around, bool by_key,
                  credentials& keys) {
  keys.agent_socket = around.agent_socket;
  if (keys.agent || !by_key)
    return;
  if (!settings.agent)
    keys.agent_left_out = "it is not asked: agent is false in the settings";
  else if (!around.agent_socket.empty())
    keys.agent_left_out = "it is not asked, since the key files that are named can all be used";
  else
    keys.agent_left_out = "there is none: SSH_AUTH_SOCK is not set";
}

} // namespace

void let_openssl_begin() {
  static const bool begun = [] {
    fingerprint({"ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
    // After OpenSSL's own handler was registered, and so before it at exit.
    blocking_threads::settle_at_exit(OPENSSL_thread_stop);
    return true;
  }();
  static_cast<void>(begun);
}

resolver system_resolver() {
  return look_up;
}

std::optional<endpoint> numeric_endpoint(const std::string& host, std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1)
    return endpoint_of(reinterpret_cast<sockaddr*>(&v4), sizeof v4);
  auto percent = host.find('%');
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &v6.sin6_addr) != 1)
    return std::nullopt;
  if (percent != std::string::npos) {
    v6.sin6_scope_id = ::if_nametoindex(host.c_str() + percent + 1);
    if (v6.sin6_scope_id == 0)
      return std::nullopt; // getaddrinfo will say what is wrong with it
  }
  return endpoint_of(reinterpret_cast<sockaddr*>(&v6), sizeof v6);
}

preparation::preparation(const cluster_settings& settings, blocking_threads& threads, resolver resolve,
                         std::shared_ptr<secret_store> secrets, std::function<void()> wake,
                         surroundings around, std::shared_ptr<host_key_memory> remembered)
    : settings_(settings), secrets_(std::move(secrets)), remembered_(std::move(remembered)),
      cluster_(settings.name), host_(settings.host),
      proxied_(!settings.proxy_command.empty() || !settings.jump.empty()), threads_(threads),
      wake_(std::move(wake)), around_(filled_in(std::move(around))) {
  if (!settings.agent_socket.empty())
    around_.agent_socket = settings.agent_socket;
  read_files_again();
  if (proxied_) { // the name may mean something on the other side only
    look_up_.emplace();
    return;
  }
  if (auto numeric = numeric_endpoint(settings.host, settings.port)) {
    look_up_.emplace(looked_up{});
    look_up_->found.endpoints.push_back(std::move(*numeric));
    look_up_->found = of_family(std::move(look_up_->found), settings.address_family, host_);
    return;
  }
  look_up_pending_ = threads_.ask(
      {cluster_, "the look-up of the name '" + host_ + "'"},
      [host = settings.host, port = settings.port, family = settings.address_family,
       resolve = std::move(resolve)](const abandonment&) {
        auto begin = std::chrono::steady_clock::now();
        looked_up result{of_family(resolve(host, port), family, host), {}};
        result.took = since(begin);
        return result;
      },
      wake_);
}

preparation::read_files preparation::read(const cluster_settings& settings, secret_store* secrets,
                                          const surroundings& around, host_key_memory* remembered,
                                          const abandonment& sign) {
  read_files result;
  let_openssl_begin();
  auto self =
      who_we_are(settings, around, around.use_environment ? user_account_of(::getuid()) : user_account{});
  if ((result.error = self.error))
    return result;
  const auto& home = self.home;
  result.user = self.user;
  result.files = {credentials_state(settings, home), host_keys_state(settings, home)};
  take_methods(settings, result.keys);
  auto passphrase = find_secret(secrets, settings.passphrase_secret, "passphrase_secret", result.keys);
  if (uses_password(settings))
    result.keys.password = find_secret(secrets, settings.password_secret, "password_secret", result.keys);
  if (sign.abandoned())
    return result;
  const auto& alias = settings.host_key_alias;
  result.known =
      read_known_hosts(alias.empty() ? settings.host : alias, alias.empty() ? settings.port : ssh_port,
                       known_hosts_files(settings, home));
  result.known.algorithms = assembled_algorithms(algorithm_kind::host_key, settings.host_key_algorithms);
  result.known.hash_names = settings.hash_known_hosts;
  // Whatever key the server shows: then it need not be asked.
  if ((result.error = unreadable_known_hosts(result.known)))
    return result;
  if (remembered != nullptr && settings.strict_host_keys == host_key_policy::accept_new)
    remembered->add_to(result.known);
  if (sign.abandoned())
    return result;
  const bool secrets_kept = secrets != nullptr && !secrets->empty();
  const bool by_key = may_use(settings, "publickey");
  if (by_key)
    result.keys.files = load_keys(settings, home, passphrase ? &*passphrase : nullptr, sign, secrets_kept);
  // Any of them may be the one that the server asks for: a log-in without it would be denied, and latched.
  for (const auto& file : result.keys.files)
    if (!file.passing.empty()) {
      result.error = {ssh_stage::prepare, ssh_failure::descriptor_limit, "key file " + file.passing};
      return result;
    }
  result.renew =
      !settings.renew_command.empty() && any_near_its_end(result.keys.files, settings.certificate_warning);
  result.keys.nothing_else = nothing_else(settings, around, secrets_kept, !result.keys.files.empty());
  result.keys.agent = by_key && settings.agent && !around.agent_socket.empty() && agent_needed(result.keys);
  say_of_agent(settings, around, by_key, result.keys);
  result.keys.agent_timeout = settings.agent_timeout;
  leave_out_unaccepted(result.keys);
  if ((result.error = nothing_to_offer(result.keys)))
    result.error.text =
        result.user + "@" + known_hosts_name(settings.host, settings.port) + ": " + result.error.text;
  return result;
}

preparation::state preparation::poll() {
  if (error_)
    return state::failed;
  for (auto [why, stage] : {std::pair{files_pending_.refusal(), ssh_stage::prepare},
                            std::pair{look_up_pending_.refusal(), ssh_stage::look_up}})
    if (why) {
      error_ = {stage, why.stuck ? ssh_failure::timed_out : ssh_failure::descriptor_limit, why.text};
      return state::failed;
    }
  if (auto result = renewing_.take())
    renewed(*result);
  if (!files_ && (files_ = files_pending_.take())) {
    if (files_->renew)
      renew();
    else if (!settings_.renew_command.empty() && files_->keys.agent && !files_->error)
      look_at_agent();
    else
      accept_files();
  }
  if (looks_)
    go_on_looking();
  if (!look_up_)
    look_up_ = look_up_pending_.take();
  if (look_up_ && look_up_->found.endpoints.empty() && !proxied_) {
    error_ = look_up_->found.error;
    if (!error_)
      error_ = {ssh_stage::look_up, ssh_failure::name_not_found, "the name '" + host_ + "' has no address"};
  }
  if (error_)
    return state::failed;
  return files_ && look_up_ && !renewing_.asked() && !looks_ ? state::ready : state::waiting;
}

std::vector<opening_step> preparation::steps() const {
  std::vector<opening_step> result;
  if (files_ && !renewing_.asked() && !looks_) {
    std::size_t usable = 0;
    for (const auto& file : files_->keys.files)
      usable += file.private_key || file.certificate;
    result.push_back({ssh_stage::prepare, files_->took,
                      std::to_string(usable) + (usable == 1 ? " key file" : " key files") + ", " +
                          std::to_string(files_->known.entries.size()) +
                          (files_->known.entries.size() == 1 ? " known_hosts line" : " known_hosts lines")});
  }
  if (look_up_ && !proxied_) {
    std::string addresses;
    for (const auto& each : look_up_->found.endpoints)
      addresses += (addresses.empty() ? "" : ", ") + each.text;
    result.push_back({ssh_stage::look_up, look_up_->took, addresses});
  }
  return result;
}

prepared preparation::take() {
  prepared result;
  result.steps = steps();
  result.user = std::move(files_->user);
  result.known = std::move(files_->known);
  result.keys = std::move(files_->keys);
  result.files = std::move(files_->files);
  result.shell = around_.shell;
  result.warnings = warnings_;
  result.endpoints = std::move(look_up_->found.endpoints);
  return result;
}

std::string preparation::awaited() const {
  return look_up_ ? "key files, known_hosts files or the secret store are being read"
                  : "the name '" + host_ + "' is being looked up";
}

ssh_error preparation::overdue() const {
  auto stuck = threads_.held_up_by(cluster_);
  if (!stuck.empty())
    stuck = "; the calls that block, of which a cluster makes " +
            std::to_string(blocking_threads::threads_a_cluster) + " at once, are in: " + stuck;
  if (!look_up_)
    return {ssh_stage::look_up, ssh_failure::timed_out,
            "the look-up of the name '" + host_ + "' was not answered" + stuck};
  return {ssh_stage::prepare, ssh_failure::timed_out,
          "key files, known_hosts files or the secret store could not be read in time" + stuck};
}

} // namespace moorage
