#include "runtime/node/tls/context.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "messages/printable.hpp"

namespace moorage {

namespace {

/// A chain of certificates of a site takes 2 to 6 KiB; before the peer has proved anything, no more is read.
constexpr long chain_bytes_max = 16 << 10;
/// A list of revoked certificates of a site with a hundred thousand of them.
constexpr std::uintmax_t file_bytes_max = std::uintmax_t{8} << 20;

failure unfit(const std::string& what, const std::string& file, const std::string& why) {
  return {errc::local_failure, what + " " + file + ": " + why};
}

/// OpenSSL opens files itself, and would wait for the other end of a FIFO.
failure look_at(const std::string& what, const std::string& file, bool secret = false) {
  struct stat facts {};
  if (file.empty())
    return {errc::local_failure, "TLS needs " + what + ": name its file (PEM)"};
  if (::stat(file.c_str(), &facts) != 0)
    return unfit(what, file, std::string{std::strerror(errno)} + "; give a PEM file that can be read");
  if (!S_ISREG(facts.st_mode))
    return unfit(what, file, "not a regular file; give a PEM file");
  if (static_cast<std::uintmax_t>(facts.st_size) > file_bytes_max)
    return unfit(what, file, "more than 8 MiB, of which nothing is read; give a PEM file");
  if (secret && (facts.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)) != 0)
    return unfit(what, file, "others may read or write it; run chmod 600 on it");
  if (!std::ifstream{file})
    return unfit(what, file, std::string{std::strerror(errno)} + "; give a PEM file that can be read");
  return {};
}

/// Nobody is there to be asked for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string in_words(const ASN1_TIME* time) {
  std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), BIO_free};
  char* text = nullptr;
  if (!out || ASN1_TIME_print(out.get(), time) != 1)
    return "some time";
  auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(std::max(size, 0L))};
}

failure take_own(SSL_CTX* context, const node_files& files, tls_side side) {
  if (auto wrong = look_at("the certificate", files.certificate); wrong.code != errc::none)
    return wrong;
  if (auto wrong = look_at("the key", files.key, true); wrong.code != errc::none)
    return wrong;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return unfit("the certificate", files.certificate, "no certificate in PEM (" + tls_error() + ")");
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return unfit("the key", files.key,
                 "no private key in PEM of the certificate " + files.certificate +
                     ", or one with a passphrase, for which nobody could be asked (" + tls_error() + ")");
  // Of a client's the node is the judge: its clock is what counts.
  if (const auto* end = X509_get0_notAfter(SSL_CTX_get0_certificate(context));
      side == tls_side::node && X509_cmp_current_time(end) < 0)
    return unfit("the certificate", files.certificate, "expired on " + in_words(end) + "; get a new one");
  if (SSL_CTX_check_private_key(context) != 1)
    return unfit("the key", files.key, "not of the certificate " + files.certificate);
  return {};
}

/// An authority that is believed by itself may stand below one that is not here, and whose list of the
/// revoked nobody here could prove: OpenSSL asks for it all the same, and would refuse everybody. The lists
/// of those below it are asked for as ever.
int without_list_of_who_is_not_here(int fine, X509_STORE_CTX* check) {
  auto depth = X509_STORE_CTX_get_error_depth(check);
  const auto* chain = X509_STORE_CTX_get0_chain(check);
  if (fine == 1 || depth == 0 || depth != sk_X509_num(chain) - 1 ||
      (X509_get_extension_flags(sk_X509_value(chain, depth)) & EXFLAG_SS) != 0)
    return fine;
  switch (X509_STORE_CTX_get_error(check)) {
  case X509_V_ERR_UNABLE_TO_GET_CRL:
  case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
  case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    X509_STORE_CTX_set_error(check, X509_V_OK);
    return 1;
  default:
    return fine;
  }
}

failure take_believed(SSL_CTX* context, const node_files& files, tls_side side) {
  if (auto wrong = look_at("the authority", files.authority); wrong.code != errc::none)
    return wrong;
  if (SSL_CTX_load_verify_locations(context, files.authority.c_str(), nullptr) != 1)
    return unfit("the authority", files.authority, "no certificate in PEM (" + tls_error() + ")");
  // A site may believe one authority below its own, and no other.
  X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_PARTIAL_CHAIN);
  if (side == tls_side::node) // a client with several certificates sees which is wanted
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.authority.c_str()));
  if (files.revoked.empty())
    return {};
  if (auto wrong = look_at("the list of revoked certificates", files.revoked); wrong.code != errc::none)
    return wrong;
  auto* store = SSL_CTX_get_cert_store(context);
  auto* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, files.revoked.c_str(), X509_FILETYPE_PEM) < 1)
    return unfit("the list of revoked certificates", files.revoked,
                 "no such list in PEM (" + tls_error() + ")");
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  X509_STORE_set_verify_cb(store, without_list_of_who_is_not_here);
  const auto* all = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(all); ++i) {
    const auto* list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(all, i));
    const auto* next = list != nullptr ? X509_CRL_get0_nextUpdate(list) : nullptr;
    if (next != nullptr && X509_cmp_current_time(next) < 0)
      return unfit("the list of revoked certificates", files.revoked,
                   "out of date since " + in_words(next) + ", and would refuse everybody; get a new one");
  }
  return {};
}

std::string text_of(const ASN1_STRING* name) {
  std::string text{reinterpret_cast<const char*>(ASN1_STRING_get0_data(name)),
                   static_cast<std::size_t>(ASN1_STRING_length(name))};
  return text.find('\0') == std::string::npos ? text : "";
}

} // namespace

result<tls_context> make_tls_context(const node_files& files, tls_side side) {
  ERR_clear_error();
  tls_context context{SSL_CTX_new(side == tls_side::node ? TLS_server_method() : TLS_client_method()),
                      SSL_CTX_free};
  if (!context)
    return failure{errc::local_failure, "OpenSSL has no context: " + tls_error()};
  auto* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_purpose(raw, side == tls_side::node ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(raw, chain_bytes_max);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS); // an idle link keeps 24 kB, and 34 without
  if (auto wrong = take_own(raw, files, side); wrong.code != errc::none)
    return wrong;
  if (auto wrong = take_believed(raw, files, side); wrong.code != errc::none)
    return wrong;
  return context;
}

certificate_names names_of_peer(const SSL* ssl) {
  certificate_names result;
  auto* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr)
    return result;
  std::unique_ptr<BIO, decltype(&BIO_free)> out{BIO_new(BIO_s_mem()), BIO_free};
  if (out && X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
    char* text = nullptr;
    auto size = BIO_get_mem_data(out.get(), &text);
    result.subject.assign(text, static_cast<std::size_t>(std::max(size, 0L)));
  }
  std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names{
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free};
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* each = sk_GENERAL_NAME_value(names.get(), i);
    auto* to = each->type == GEN_URI ? &result.uris : each->type == GEN_DNS ? &result.dns : nullptr;
    if (to == nullptr)
      continue;
    if (auto text = text_of(each->type == GEN_URI ? each->d.uniformResourceIdentifier : each->d.dNSName);
        !text.empty())
      to->push_back(std::move(text));
  }
  ERR_clear_error(); // of names that are none: the link's next call would take them for its own
  return result;
}

bool is_still_believed(const SSL* ssl, const tls_context& by) {
  std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> check{X509_STORE_CTX_new(),
                                                                        X509_STORE_CTX_free};
  auto* certificate = SSL_get0_peer_certificate(ssl);
  if (!check || certificate == nullptr ||
      X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(by.get()), certificate,
                          SSL_get_peer_cert_chain(ssl)) != 1)
    return false;
  X509_STORE_CTX_set_default(check.get(), SSL_is_server(ssl) != 0 ? "ssl_client" : "ssl_server");
  auto believed = X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  return believed;
}

bool has_run_out(const SSL* ssl) {
  auto* certificate = SSL_get0_peer_certificate(ssl);
  return certificate == nullptr || X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

std::string tls_error(const SSL* ssl) {
  std::string text;
  // Of several the first is the cause.
  if (auto code = ERR_get_error(); code != 0) {
    const char* words = ERR_reason_error_string(code);
    text = words != nullptr ? words : "error " + std::to_string(code);
  }
  ERR_clear_error();
  if (auto verdict = ssl != nullptr ? SSL_get_verify_result(ssl) : X509_V_OK; verdict != X509_V_OK)
    text = X509_verify_cert_error_string(verdict);
  return printable(text.empty() ? "no reason was given" : text, printable_whole);
}

} // namespace moorage
