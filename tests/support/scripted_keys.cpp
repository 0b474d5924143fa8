#include "tests/support/scripted_keys.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <stdexcept>

namespace moorage::support {
namespace {

void expect(bool well, const char* what) {
  if (!well)
    throw std::runtime_error(std::string("OpenSSL refuses to ") + what);
}

const unsigned char* raw(const std::string& bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

unsigned char* raw(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

} // namespace

std::string sha256(const std::string& bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(raw(bytes), bytes.size(), raw(digest));
  return digest;
}

std::string hmac_sha256(const std::string& key, const std::string& bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  expect(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), raw(bytes), bytes.size(), raw(digest),
              &size) != nullptr,
         "make a MAC");
  return digest;
}

raw_key::raw_key(kind of) {
  EVP_PKEY* made = nullptr;
  std::shared_ptr<EVP_PKEY_CTX> maker(
      EVP_PKEY_CTX_new_id(of == kind::x25519 ? EVP_PKEY_X25519 : EVP_PKEY_ED25519, nullptr),
      EVP_PKEY_CTX_free);
  expect(maker && EVP_PKEY_keygen_init(maker.get()) > 0 && EVP_PKEY_keygen(maker.get(), &made) > 0,
         "make a key");
  key_ = {made, EVP_PKEY_free};
}

std::string raw_key::public_bytes() const {
  std::string bytes(32, '\0');
  std::size_t size = bytes.size();
  expect(EVP_PKEY_get_raw_public_key(key_.get(), raw(bytes), &size) > 0, "tell a key");
  return bytes;
}

std::string raw_key::sign(const std::string& bytes) const {
  std::shared_ptr<EVP_MD_CTX> signer(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  expect(EVP_DigestSignInit(signer.get(), nullptr, nullptr, nullptr, key_.get()) > 0 &&
             EVP_DigestSign(signer.get(), raw(signature), &size, raw(bytes), bytes.size()) > 0,
         "sign");
  return signature;
}

std::string raw_key::shared_with(const std::string& public_bytes) const {
  std::shared_ptr<EVP_PKEY> theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, raw(public_bytes), public_bytes.size()),
      EVP_PKEY_free);
  std::shared_ptr<EVP_PKEY_CTX> deriver(EVP_PKEY_CTX_new(key_.get(), nullptr), EVP_PKEY_CTX_free);
  std::string secret(32, '\0');
  std::size_t size = secret.size();
  expect(theirs && EVP_PKEY_derive_init(deriver.get()) > 0 &&
             EVP_PKEY_derive_set_peer(deriver.get(), theirs.get()) > 0 &&
             EVP_PKEY_derive(deriver.get(), raw(secret), &size) > 0,
         "agree on a secret");
  return secret;
}

counter_cipher::counter_cipher(const std::string& key, const std::string& start)
    : context_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
  expect(EVP_EncryptInit_ex(context_.get(), EVP_aes_128_ctr(), nullptr, raw(key), raw(start)) > 0, "encrypt");
}

void counter_cipher::apply(char* bytes, std::size_t size) {
  if (!context_)
    return;
  auto* at = reinterpret_cast<unsigned char*>(bytes);
  int done = 0;
  expect(EVP_EncryptUpdate(context_.get(), at, &done, at, static_cast<int>(size)) > 0, "encrypt");
}

} // namespace moorage::support
