#include "messages/algorithms.hpp"

#include <algorithm>
#include <span>

namespace moorage {

namespace {

using namespace std::string_view_literals;
using names = std::vector<std::string>;

/// Longer than all that there are.
constexpr std::size_t written_max = 4'096;

/// Of libssh 0.10.6 with OpenSSL, in its order; for keys in OpenSSH's. Those before `usual` are offered where
/// nothing is said.
struct algorithm_table {
  std::string_view word; ///< "cipher"
  std::size_t usual;
  std::span<const std::string_view> all;
};

constexpr std::string_view ciphers[] = {"chacha20-poly1305@openssh.com",
                                        "aes256-gcm@openssh.com",
                                        "aes128-gcm@openssh.com",
                                        "aes256-ctr",
                                        "aes192-ctr",
                                        "aes128-ctr",
                                        "aes256-cbc",
                                        "aes192-cbc",
                                        "aes128-cbc",
                                        "3des-cbc"};
constexpr std::string_view macs[] = {"hmac-sha2-256-etm@openssh.com",
                                     "hmac-sha2-512-etm@openssh.com",
                                     "hmac-sha2-256",
                                     "hmac-sha2-512",
                                     "hmac-sha1-etm@openssh.com",
                                     "hmac-sha1"};
constexpr std::string_view key_exchanges[] = {"curve25519-sha256",
                                              "curve25519-sha256@libssh.org",
                                              "ecdh-sha2-nistp256",
                                              "ecdh-sha2-nistp384",
                                              "ecdh-sha2-nistp521",
                                              "diffie-hellman-group18-sha512",
                                              "diffie-hellman-group16-sha512",
                                              "diffie-hellman-group-exchange-sha256",
                                              "diffie-hellman-group14-sha256",
                                              "diffie-hellman-group-exchange-sha1",
                                              "diffie-hellman-group14-sha1",
                                              "diffie-hellman-group1-sha1"};
/// No ssh-rsa among the usual ones: it signs with SHA-1, and ssh gave it up as well.
constexpr std::string_view host_keys[] = {"ssh-ed25519",
                                          "ecdsa-sha2-nistp256",
                                          "ecdsa-sha2-nistp384",
                                          "ecdsa-sha2-nistp521",
                                          "sk-ssh-ed25519@openssh.com",
                                          "sk-ecdsa-sha2-nistp256@openssh.com",
                                          "rsa-sha2-512",
                                          "rsa-sha2-256",
                                          "ssh-rsa"};
constexpr std::string_view public_keys[] = {"ssh-ed25519-cert-v01@openssh.com",
                                            "ecdsa-sha2-nistp256-cert-v01@openssh.com",
                                            "ecdsa-sha2-nistp384-cert-v01@openssh.com",
                                            "ecdsa-sha2-nistp521-cert-v01@openssh.com",
                                            "sk-ssh-ed25519-cert-v01@openssh.com",
                                            "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
                                            "rsa-sha2-512-cert-v01@openssh.com",
                                            "rsa-sha2-256-cert-v01@openssh.com",
                                            "ssh-ed25519",
                                            "ecdsa-sha2-nistp256",
                                            "ecdsa-sha2-nistp384",
                                            "ecdsa-sha2-nistp521",
                                            "sk-ssh-ed25519@openssh.com",
                                            "sk-ecdsa-sha2-nistp256@openssh.com",
                                            "rsa-sha2-512",
                                            "rsa-sha2-256",
                                            "ssh-rsa",
                                            "ssh-rsa-cert-v01@openssh.com"};
constexpr std::string_view log_in_methods[] = {"publickey", "password", "keyboard-interactive"};

const algorithm_table& table_of(algorithm_kind kind) {
  static constexpr algorithm_table tables[] = {
      {"cipher", 6, ciphers},
      {"MAC", 4, macs},
      {"method of key exchange", 9, key_exchanges},
      {"algorithm of host keys", 8, host_keys},
      {"algorithm of public keys", 16, public_keys},
      {"method of log-in", 3, log_in_methods},
  };
  return tables[static_cast<std::size_t>(kind)];
}

bool has(const names& list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

char sign_of(std::string_view written) {
  return !written.empty() && "+-^"sv.find(written.front()) != std::string_view::npos ? written.front() : '\0';
}

std::string wrong_list(algorithm_kind kind, const std::string& written) {
  if (written.empty())
    return {};
  const auto& table = table_of(kind);
  if (written.size() > written_max)
    return "longer than " + std::to_string(written_max) + " characters";
  auto sign = sign_of(written);
  for (const auto& each : split_names(std::string_view{written}.substr(sign == '\0' ? 0 : 1)))
    if (!is_known_algorithm(kind, each))
      return "there is no " + std::string{table.word} + " '" + each +
             "' here; name some, with commas, of: " + join_names({table.all.begin(), table.all.end()});
  if (assembled_algorithms(kind, written).empty())
    return "'" + written + "' leaves no " + std::string{table.word} + "; leave out fewer";
  return {};
}

} // namespace

std::vector<std::string> usual_algorithms(algorithm_kind kind) {
  const auto& table = table_of(kind);
  auto usual = table.all.first(table.usual);
  return {usual.begin(), usual.end()};
}

std::vector<std::string> known_algorithms(algorithm_kind kind) {
  const auto& all = table_of(kind).all;
  return {all.begin(), all.end()};
}

bool is_known_algorithm(algorithm_kind kind, std::string_view name) {
  const auto& all = table_of(kind).all;
  return std::find(all.begin(), all.end(), name) != all.end();
}

std::vector<std::string> split_names(std::string_view list) {
  names result;
  for (;;) {
    auto comma = list.find(',');
    result.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos)
      return result;
    list.remove_prefix(comma + 1);
  }
}

std::string join_names(const std::vector<std::string>& all) {
  std::string result;
  for (const auto& each : all)
    result += (result.empty() ? "" : ",") + each;
  return result;
}

std::vector<std::string> assembled_algorithms(algorithm_kind kind, std::string_view written) {
  auto usual = usual_algorithms(kind);
  if (written.empty())
    return usual;
  auto sign = sign_of(written);
  auto named = split_names(written.substr(sign == '\0' ? 0 : 1));
  names result;
  auto add = [&result](const names& some) {
    for (const auto& each : some)
      if (!has(result, each))
        result.push_back(each);
  };
  if (sign == '+')
    add(usual);
  if (sign != '-')
    add(named);
  if (sign == '^')
    add(usual);
  if (sign == '-') {
    std::erase_if(usual, [&](const std::string& each) { return has(named, each); });
    add(usual);
  }
  return result;
}

std::string wrong_ciphers(const std::string& written) {
  return wrong_list(algorithm_kind::cipher, written);
}

std::string wrong_macs(const std::string& written) {
  return wrong_list(algorithm_kind::mac, written);
}

std::string wrong_key_exchanges(const std::string& written) {
  return wrong_list(algorithm_kind::key_exchange, written);
}

std::string wrong_host_keys(const std::string& written) {
  return wrong_list(algorithm_kind::host_key, written);
}

std::string wrong_public_keys(const std::string& written) {
  return wrong_list(algorithm_kind::public_key, written);
}

std::string wrong_log_in_methods(const std::string& written) {
  return wrong_list(algorithm_kind::log_in, written);
}

} // namespace moorage
