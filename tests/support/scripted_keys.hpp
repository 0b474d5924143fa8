#pragma once

#include <cstdint>
#include <memory>
#include <string>

struct evp_pkey_st;
struct evp_cipher_ctx_st;

namespace moorage::support {

/// The little cryptography of a scripted sshd: curve25519-sha256, ssh-ed25519, aes128-ctr, hmac-sha2-256.
/// Throws std::runtime_error when OpenSSL refuses.
std::string sha256(const std::string& bytes);
std::string hmac_sha256(const std::string& key, const std::string& bytes);

/// A private key of one of OpenSSL's raw kinds.
class raw_key {
public:
  enum class kind { x25519, ed25519 };
  explicit raw_key(kind of); ///< a fresh one
  std::string public_bytes() const;
  std::string sign(const std::string& bytes) const;               ///< ed25519
  std::string shared_with(const std::string& public_bytes) const; ///< x25519

private:
  std::shared_ptr<evp_pkey_st> key_;
};

/// One direction's key stream.
class counter_cipher {
public:
  counter_cipher() = default; ///< leaves everything as it is
  counter_cipher(const std::string& key, const std::string& start);
  void apply(char* bytes, std::size_t size);
  explicit operator bool() const { return context_ != nullptr; }

private:
  std::shared_ptr<evp_cipher_ctx_st> context_;
};

} // namespace moorage::support
