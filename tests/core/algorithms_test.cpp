// Lists of algorithms as settings have them.
#include <catch2/catch.hpp>

#include "messages/algorithms.hpp"
#include "messages/settings_text.hpp"

using namespace moorage;
using Catch::Matchers::Contains;

namespace {

using strings = std::vector<std::string>;

std::string assembled(algorithm_kind kind, const std::string& written) {
  return join_names(assembled_algorithms(kind, written));
}

} // namespace

TEST_CASE(
    "a list of algorithms is taken as it is, or with +, - or ^ against the usual ones, each name once") {
  auto macs = [](const std::string& written) { return assembled(algorithm_kind::mac, written); };
  const std::string usual =
      "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
  CHECK(macs("") == usual);
  CHECK(macs("hmac-sha1,hmac-sha2-256,hmac-sha1") == "hmac-sha1,hmac-sha2-256");
  CHECK(macs("+hmac-sha1,hmac-sha2-256") == usual + ",hmac-sha1");
  CHECK(macs("-hmac-sha2-256,hmac-sha2-512") ==
        "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com");
  CHECK(macs("^hmac-sha2-512,hmac-sha1") ==
        "hmac-sha2-512,hmac-sha1,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256");
  CHECK(assembled(algorithm_kind::log_in, "-password") == "publickey,keyboard-interactive");
}

TEST_CASE("a name that is not known here is refused with those that are, and so is a list that leaves none") {
  auto refused = [](const std::string& name, const std::string& written) {
    cluster_settings settings;
    settings.name = settings.host = "lumi";
    auto before = settings;
    auto wrong = change_setting(settings, name, written);
    CHECK((settings == before) == (wrong.code != errc::none));
    return wrong.text;
  };
  CHECK(refused("ciphers", "aes256-ctr,+aes128-ctr") ==
        "ciphers: there is no cipher '+aes128-ctr' here; name some, with commas, of: "
        "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,"
        "aes128-ctr,aes256-cbc,aes192-cbc,aes128-cbc,3des-cbc");
  CHECK_THAT(refused("macs", "umac-64@openssh.com"), Contains("no MAC 'umac-64@openssh.com' here"));
  CHECK_THAT(refused("kex_algorithms", "+"), Contains("no method of key exchange '' here"));
  CHECK_THAT(refused("host_key_algorithms", "ssh-ed25519-cert-v01@openssh.com"),
             Contains("no algorithm of host keys 'ssh-ed25519-cert-v01@openssh.com' here"));
  CHECK_THAT(refused("auth_methods", "gssapi-with-mic"), Contains("no method of log-in 'gssapi-with-mic'"));
  CHECK_THAT(refused("auth_methods", "-publickey,password,keyboard-interactive"),
             Contains("leaves no method of log-in"));
  CHECK_THAT(refused("macs", std::string(5'000, ',')), Contains("longer than 4096"));
  CHECK(refused("macs", "^hmac-sha1").empty());
  CHECK(refused("pubkey_accepted_algorithms", "+ssh-rsa").empty());
}

TEST_CASE("connections come from an address, not from a name") {
  auto wrong = [](const std::string& address) {
    cluster_settings settings;
    settings.name = settings.host = "lumi";
    return change_setting(settings, "bind_address", address).text;
  };
  for (const char* right : {"", "127.0.0.2", "::1", "fe80::1%eth0"})
    CHECK(wrong(right).empty());
  for (const char* bad : {"localhost", "127.0.0.1%lo", "[::1]", "::1%", "127.1"})
    CHECK_THAT(wrong(bad), Contains("is no address of this machine"));
}
