#include "tests/support/made_certificates.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

namespace moorage::support {

namespace {

/// What OpenSSL answers with 0 where it fails.
void must(bool done) {
  if (!done)
    throw std::runtime_error{"OpenSSL cannot make a certificate"};
}

constexpr long begun = -300; // for clocks that are read in another order

std::shared_ptr<EVP_PKEY> new_pair() {
  return {EVP_EC_gen("P-256"), EVP_PKEY_free};
}

void write_pem(const std::string& file, const auto& write) {
  std::unique_ptr<FILE, int (*)(FILE*)> out{std::fopen(file.c_str(), "w"), std::fclose};
  must(out != nullptr);
  must(write(out.get()) == 1);
}

void write_certificate(const std::string& file, X509* what) {
  write_pem(file, [what](FILE* out) { return PEM_write_X509(out, what); });
}

std::shared_ptr<X509> read_certificate(const std::string& file) {
  std::unique_ptr<FILE, int (*)(FILE*)> in{std::fopen(file.c_str(), "r"), std::fclose};
  must(in != nullptr);
  return {PEM_read_X509(in.get(), nullptr, nullptr, nullptr), X509_free};
}

using extensions = std::vector<std::pair<int, std::string>>;

/// Without `issuer` it vouches for itself.
std::shared_ptr<X509> certify(const std::string& name, EVP_PKEY* key, std::chrono::seconds life,
                              const extensions& all, X509* issuer, EVP_PKEY* by) {
  std::shared_ptr<X509> made{X509_new(), X509_free};
  auto* raw = made.get();
  auto* subject = X509_get_subject_name(raw);
  std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> serial{BN_new(), BN_free};
  must(BN_rand(serial.get(), 64, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
  must(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(raw)) != nullptr);
  must(X509_set_version(raw, 2) == 1);
  must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1);
  must(X509_set_issuer_name(raw, issuer != nullptr ? X509_get_subject_name(issuer) : subject) == 1);
  must(X509_gmtime_adj(X509_getm_notBefore(raw), begun) != nullptr);
  must(X509_gmtime_adj(X509_getm_notAfter(raw), static_cast<long>(life.count())) != nullptr);
  must(X509_set_pubkey(raw, key) == 1);
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer != nullptr ? issuer : raw, raw, nullptr, nullptr, 0);
  for (const auto& [kind, value] : all) {
    std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> each{
        X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), X509_EXTENSION_free};
    must(each != nullptr && X509_add_ext(raw, each.get(), -1) == 1);
  }
  must(X509_sign(raw, by, EVP_sha256()) > 0);
  return made;
}

} // namespace

made_authority::made_authority(const std::string& name, const made_authority* above)
    : key_(new_pair()), certificate_(certify(name, key_.get(), std::chrono::hours{1},
                                             {{NID_basic_constraints, "critical,CA:TRUE"},
                                              {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                              {NID_subject_key_identifier, "hash"}},
                                             above != nullptr ? above->certificate_.get() : nullptr,
                                             above != nullptr ? above->key_.get() : key_.get())) {
  write_certificate(file(), certificate_.get());
}

std::string made_authority::fresh(const std::string& name, const std::string& suffix) const {
  return folder_ / (name + "-" + std::to_string(++made_) + suffix);
}

node_files made_authority::leaf(const std::string& name, std::chrono::seconds life, const std::string& usage,
                                const std::string& alternative) const {
  auto key = new_pair();
  auto made = certify(name, key.get(), life,
                      {{NID_basic_constraints, "critical,CA:FALSE"},
                       {NID_key_usage, "critical,digitalSignature"},
                       {NID_ext_key_usage, usage},
                       {NID_authority_key_identifier, "keyid:always"},
                       {NID_subject_alt_name, alternative}},
                      certificate_.get(), key_.get());
  node_files files;
  files.certificate = fresh(name, ".pem");
  files.key = fresh(name, ".key");
  files.authority = file();
  write_certificate(files.certificate, made.get());
  write_pem(files.key, [&key](FILE* out) {
    return PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  must(::chmod(files.key.c_str(), S_IRUSR | S_IWUSR) == 0);
  return files;
}

std::string made_authority::list(std::chrono::seconds life, const std::vector<std::string>& revoked) const {
  std::shared_ptr<X509_CRL> made{X509_CRL_new(), X509_CRL_free};
  auto* raw = made.get();
  std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> from{X509_gmtime_adj(nullptr, begun), ASN1_TIME_free};
  std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> to{
      X509_gmtime_adj(nullptr, static_cast<long>(life.count())), ASN1_TIME_free};
  must(X509_CRL_set_version(raw, 1) == 1);
  must(X509_CRL_set_issuer_name(raw, X509_get_subject_name(certificate_.get())) == 1);
  must(X509_CRL_set1_lastUpdate(raw, from.get()) == 1 && X509_CRL_set1_nextUpdate(raw, to.get()) == 1);
  for (const auto& each : revoked) {
    auto certificate = read_certificate(each);
    auto* entry = X509_REVOKED_new();
    must(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate.get())) == 1);
    must(X509_REVOKED_set_revocationDate(entry, from.get()) == 1 && X509_CRL_add0_revoked(raw, entry) == 1);
  }
  must(X509_CRL_sort(raw) == 1 && X509_CRL_sign(raw, key_.get(), EVP_sha256()) > 0);
  auto file = fresh("revoked", ".pem");
  write_pem(file, [raw](FILE* out) { return PEM_write_X509_CRL(out, raw); });
  return file;
}

void append(const std::string& file, const std::string& more) {
  std::ofstream{file, std::ios::app} << contents_of(more);
}

} // namespace moorage::support
